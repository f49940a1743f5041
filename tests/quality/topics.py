"""Measure precision, recall and F1 of the shipped topic *Russia–North Korea relations*.

Measured on the labelled articles of the corpus: ``main`` has to match, ``none`` must not, ``partly`` and ``disputed``
do not count. The entries of an analyst's chronology, all of them on the topic, give a second recall.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from ingest import app
from ingest.classify import Classifier, compile_topics
from ingest.settings import Settings
from tests.bench.figures import Figures, corpus_file, read_jsonl_zst
from tests.quality.subject import Subject

TOPIC: Final = "russia-north-korea"


def matches(classifier: Classifier, row: Mapping[str, Any]) -> bool:
    title = str(row.get("title") or row.get("headline") or "")
    return any(match.topic == TOPIC for match in classifier.matches(title, str(row.get("text") or "")))


def confusion(classifier: Classifier, rows: Iterable[Mapping[str, Any]]) -> tuple[Counter[str], list[str]]:
    """Return the counts of ``tp fp fn tn``, and a line for each misclassified row."""
    counts: Counter[str] = Counter()
    wrong = []
    for row in rows:
        if row["label"] not in ("main", "none"):
            continue
        matched, expected = matches(classifier, row), row["label"] == "main"
        name = {(True, True): "tp", (True, False): "fp", (False, True): "fn", (False, False): "tn"}[
            matched, expected
        ]
        counts[name] += 1
        if matched is not expected:
            wrong.append(f"{'too many' if matched else 'missed'}: [{row.get('lang')}] {row.get('title')}")
    return counts, wrong


def measure(corpus: Path, figures: Figures, *, show: int) -> None:
    """Add precision, recall and F1, recall by language, and recall on the chronology."""
    classifier = compile_topics(app.load_topics_file(Settings()))
    labelled = list(read_jsonl_zst(corpus_file(corpus, "russia-north-korea.jsonl.zst")))
    chronology = list(read_jsonl_zst(corpus_file(corpus, "csis-events.jsonl.zst")))
    counts, wrong = confusion(classifier, labelled)
    precision = counts["tp"] / max(1, counts["tp"] + counts["fp"])
    recall = counts["tp"] / max(1, counts["tp"] + counts["fn"])
    figures.add("topic_articles", sum(counts.values()), "articles")
    figures.add("topic_precision", precision, "ratio")
    figures.add("topic_recall", recall, "ratio")
    figures.add("topic_f1", 2 * precision * recall / max(1e-9, precision + recall), "ratio", floor=0.80)
    for language, count in sorted(Counter(str(row.get("lang")) for row in labelled).items()):
        own, _ = confusion(classifier, [row for row in labelled if str(row.get("lang")) == language])
        if own["tp"] + own["fn"] >= 10:
            figures.add(f"topic_recall_{language}", own["tp"] / (own["tp"] + own["fn"]), f"ratio_of_{count}")
    matched = sum(matches(classifier, row) for row in chronology)
    figures.add("chronology_recall", matched / max(1, len(chronology)), f"ratio_of_{len(chronology)}")
    for line in wrong[:show]:
        print(line, file=sys.stderr)


SUBJECT: Final = Subject(about="precision and recall of the shipped topic", measure=measure)
