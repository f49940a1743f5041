"""Lines that the rules for boilerplate remove from real articles, with the verdict of a person on each.

The removed parts are computed from the texts before and after the removal, independently of the record that the
product keeps of them. ``reviewed_removals.tsv`` has the verdicts, by a hash of the line, because the texts belong to
their publishers. Digits do not count in the hash, so that one verdict covers the same line of every day.

``python -m tests.quality.removed_lines [--corpus DIR]`` prints hash, verdict, count, source and text of each line. A
reviewer adds a row ``HASH<tab>boilerplate|story`` to the file for each line without a verdict.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import lru_cache
from hashlib import blake2b
from html import escape
from pathlib import Path
from typing import Final

from ingest.normalise import draft_entries, markup
from ingest.types import Entry, ParsedFeed
from tests.bench.figures import Figures, corpus_dir, corpus_file, read_jsonl_zst
from tests.quality.recorded import recorded_polls, with_new_entries

REVIEWED: Final = Path(__file__).parent / "reviewed_removals.tsv"
LABELLED: Final = "russia-north-korea.jsonl.zst"
UNREVIEWED: Final = "unreviewed"
MAX_SHOWN_CHARACTERS: Final = 200
_TOKEN: Final = re.compile(r"\n|\S+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Removal:
    """A line that was removed, or the removed part of one."""

    source: str
    text: str

    @property
    def key(self) -> str:
        folded = re.sub(r"\d+", "0", " ".join(self.text.split()).casefold())
        return blake2b(folded.encode(), digest_size=8).hexdigest()


@dataclass(slots=True, kw_only=True)
class Removals:
    """Removed lines of a collection of articles, each with its number of occurrences."""

    articles: int = 0
    titles: int = 0
    """Repetitions of an article's title, which are removed too, and need no verdict."""
    lines: Counter[Removal]

    def add(self, source: str, title: str, before: str, after: str) -> None:
        for part in removed_parts(before, after):
            if _folded(part) == _folded(title):
                self.titles += 1
            else:
                self.lines[Removal(source=source, text=part)] += 1


def removed_parts(before: str, after: str) -> Iterator[str]:
    """Yield the lines of ``before`` that ``after`` lacks; of a line that is shorter there, the missing words."""
    if before == after:
        return
    old, new = before.split("\n"), after.split("\n")
    for kind, begin, end, new_begin, new_end in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if kind == "delete":
            yield from old[begin:end]
        elif kind == "replace":
            yield from _removed_words("\n".join(old[begin:end]), "\n".join(new[new_begin:new_end]))


def _removed_words(before: str, after: str) -> Iterator[str]:
    old, new = _TOKEN.findall(before), _TOKEN.findall(after)
    for kind, begin, end, _, _ in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if kind in ("delete", "replace"):
            yield from filter(None, (part.strip() for part in " ".join(old[begin:end]).split("\n")))


def removals_of(parsed: ParsedFeed, *, source: str, feed_url: str, removals: Removals) -> None:
    """Add the lines that drafting the entries of ``parsed`` removes from their texts and summaries."""
    for draft in draft_entries(parsed, feed_url=feed_url).drafts:
        removals.articles += 1
        entry = draft.entry
        texts = {_plain(value) for value in (entry.summary, entry.content) if value}
        if texts:
            removals.add(source, draft.title, max(texts, key=len), draft.text)
        if draft.summary and entry.summary and draft.summary not in draft.text:
            removals.add(source, draft.title, _plain(entry.summary), draft.summary)


def _folded(line: str) -> str:
    return " ".join(re.findall(r"\w+", line.casefold()))


@lru_cache(maxsize=1024)
def _plain(value: str) -> str:
    return markup.plain_text(markup.sanitise(value, base="https://outlet.example/"))


def recorded_removals(corpus: Path) -> Removals:
    removals = Removals(lines=Counter())
    for poll in with_new_entries(recorded_polls(corpus)):
        removals_of(poll.parsed, source=poll.feed, feed_url=poll.feed_url, removals=removals)
    return removals


def labelled_removals(corpus: Path) -> Removals:
    """Return the removals from the full texts of the labelled articles."""
    removals = Removals(lines=Counter())
    for row in read_jsonl_zst(corpus_file(corpus, LABELLED)):
        link = f"https://outlet.example/{row['id']}"
        html = "".join(f"<p>{escape(line)}</p>" for line in str(row["text"]).split("\n"))
        entry = Entry(guid=link, link=link, title=str(row["title"]), summary=None, content=html)
        language = str(row["lang"])
        parsed = ParsedFeed(title=None, link=None, language=language, entries=(entry,))
        source = f"{row['source']}/{language}"
        removals_of(parsed, source=source, feed_url="https://outlet.example/feed", removals=removals)
    return removals


def read_verdicts() -> Mapping[str, str]:
    lines = REVIEWED.read_text("utf-8").splitlines()
    return dict(line.split("\t")[:2] for line in lines if line and not line.startswith("#"))


def measure(corpus: Path, figures: Figures, *, show: int) -> None:
    """Add the removed lines by verdict: none may be a sentence of a story."""
    verdicts = read_verdicts()
    for name, removals in (
        ("recorded", recorded_removals(corpus)),
        ("labelled", labelled_removals(corpus)),
    ):
        by_verdict = Counter(verdicts.get(removal.key, UNREVIEWED) for removal in removals.lines)
        figures.add(f"boilerplate_{name}_articles", removals.articles, "articles")
        figures.add(f"boilerplate_{name}_repeated_titles", removals.titles, "lines")
        figures.add(f"boilerplate_{name}_removed_lines", len(removals.lines), "distinct_lines")
        figures.add(
            f"boilerplate_{name}_story_removed",
            by_verdict["story"],
            "distinct_lines",
            floor=0,
            lower_is_better=True,
        )
        figures.add(
            f"boilerplate_{name}_unreviewed",
            by_verdict[UNREVIEWED],
            "distinct_lines",
            goal=0,
            lower_is_better=True,
        )
        for line in list(_listed(removals, verdicts))[:show]:
            print(f"{name}: {line}", file=sys.stderr)


def _listed(removals: Removals, verdicts: Mapping[str, str]) -> Iterator[str]:
    """Yield a line for each removal: sentences of stories first, then those without a verdict."""
    order = {"story": 0, UNREVIEWED: 1}
    rows = [(verdicts.get(each.key, UNREVIEWED), count, each) for each, count in removals.lines.items()]
    for verdict, count, removal in sorted(
        rows, key=lambda row: (order.get(row[0], 2), -row[1], row[2].source, row[2].text)
    ):
        shown = removal.text[:MAX_SHOWN_CHARACTERS]
        yield f"{removal.key}\t{verdict}\t{count}\t{removal.source}\t{shown}"


def main(arguments: Iterable[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--corpus", metavar="DIR")
    options = parser.parse_args(None if arguments is None else list(arguments))
    corpus, verdicts = corpus_dir(options.corpus), read_verdicts()
    for removals in (recorded_removals(corpus), labelled_removals(corpus)):
        for line in _listed(removals, verdicts):
            print(line)
    return 0


if __name__ == "__main__":
    sys.exit(main())
