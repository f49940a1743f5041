"""Measure search: queries that users type over invented articles, and words drawn at random over the corpus.

A pair of ``search_pairs.jsonl`` states whether a query finds an article. ``found`` is the share found of the pairs that
must be found; ``false`` is the share found of the pairs that must not. One half of the pairs is for tuning. The other
half has only final figures: its wrong results are not printed, so that nobody tunes to them. Words of the corpus are
compared with a substring count.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from uuid import UUID

from sqlalchemy import Engine

from ingest.errors import Refused
from tests.bench.figures import Figures
from tests.bench.service import database
from tests.quality.search_pairs import Pair, read_pairs
from tests.quality.search_store import (
    FeedDocument,
    StoredText,
    corpus_documents,
    json_feed,
    search,
    store,
    stored_texts,
)
from tests.quality.search_words import articles_with, comparable, draw_words
from tests.quality.subject import Subject

LEAST_FOUND: Final = 0.95
MOST_FALSE: Final = 0.01
WORDS: Final = 200
SEED: Final = 20261201


@dataclass(frozen=True, slots=True, kw_only=True)
class PairResult:
    """The product's result for a pair."""

    pair: Pair
    hit: bool
    refused: str | None = None
    """The message of the refusal; None if the query was accepted."""

    @property
    def right(self) -> bool:
        return self.refused is None and self.hit is self.pair.finds


def measure(corpus: Path, figures: Figures, *, show: int) -> None:
    """Add the figures of the pairs and of the words."""
    with database() as (_, engine):
        results = search_pairs(engine, read_pairs())
    add_pair_figures(results, figures)
    show_pairs(results, show=show)
    with database() as (_, engine):
        store(engine, corpus_documents(corpus))
        add_word_figures(engine, figures, show=show)


def search_pairs(engine: Engine, pairs: Sequence[Pair]) -> list[PairResult]:
    """Store the articles of ``pairs``, and search for each pair's query."""
    store(engine, pair_documents(pairs))
    id_by_name = {_name(stored): stored.id for stored in stored_texts(engine)}
    return [_search_pair(engine, pair, id_by_name[pair.article.id]) for pair in pairs]


def pair_documents(pairs: Iterable[Pair]) -> list[FeedDocument]:
    """Return one feed for each language, with its articles."""
    by_language: dict[str, dict[str, dict[str, str]]] = defaultdict(dict)
    for pair in pairs:
        article = pair.article
        by_language[article.language][article.id] = {
            "id": article.id,
            "title": article.title,
            "content_text": article.text,
        }
    return [
        json_feed(language.lower(), items.values(), language=language)
        for language, items in by_language.items()
    ]


def _name(stored: StoredText) -> str:
    return (stored.url or "").rpartition("/")[2]


def _search_pair(engine: Engine, pair: Pair, article_id: UUID) -> PairResult:
    try:
        return PairResult(pair=pair, hit=article_id in set(search(engine, pair.query)))
    except Refused as refused:
        return PairResult(pair=pair, hit=False, refused=str(refused))


def add_pair_figures(results: Sequence[PairResult], figures: Figures) -> None:
    """Add found and false of both halves, then print tables by language and by kind of form."""
    figures.add("search_pairs", len(results), "pairs")
    figures.add("search_languages", len({result.pair.article.language for result in results}), "languages")
    refused = sum(result.refused is not None for result in results)
    figures.add("search_pairs_refused", refused, "pairs", floor=0, lower_is_better=True)
    for half in ("tuning", "final"):
        of_half = [result for result in results if result.pair.final is (half == "final")]
        found, positives = _hits(of_half, finds=True)
        false, negatives = _hits(of_half, finds=False)
        floors = (LEAST_FOUND, MOST_FALSE) if half == "final" else (None, None)
        figures.add(
            f"search_found_{half}", found / max(1, positives), f"ratio_of_{positives}", floor=floors[0]
        )
        figures.add(
            f"search_false_{half}",
            false / max(1, negatives),
            f"ratio_of_{negatives}",
            floor=floors[1],
            lower_is_better=True,
        )
    print(table("language", results, lambda result: result.pair.article.language))
    print(table("form", results, lambda result: result.pair.form))


def _hits(results: Iterable[PairResult], *, finds: bool) -> tuple[int, int]:
    chosen = [result for result in results if result.pair.finds is finds]
    return sum(result.hit for result in chosen), len(chosen)


def table(title: str, results: Sequence[PairResult], group: Callable[[PairResult], str]) -> str:
    """Return a table of hits and pairs by group: found and false, of the tuning half and of the final half."""
    lines = [f"# {title:<16} {'found, tuning':>15} {'final':>9} {'false, tuning':>15} {'final':>9}"]
    for name in sorted({group(result) for result in results}):
        cells = []
        for finds in (True, False):
            for final in (False, True):
                of_half = [r for r in results if group(r) == name and r.pair.final is final]
                hits, count = _hits(of_half, finds=finds)
                cells.append(f"{hits}/{count}" if count else "-")
        lines.append(f"# {name:<16} {cells[0]:>15} {cells[1]:>9} {cells[2]:>15} {cells[3]:>9}")
    return "\n".join(lines)


def show_pairs(results: Iterable[PairResult], *, show: int) -> None:
    """Print the first wrong results of the tuning half."""
    wrong = [result for result in results if not result.right and not result.pair.final]
    for result in wrong[:show]:
        pair = result.pair
        kind = result.refused or ("missed" if pair.finds else "false")
        print(f"{kind}: {pair.article.id} {pair.form} {pair.query!r}", file=sys.stderr)


def add_word_figures(engine: Engine, figures: Figures, *, show: int) -> None:
    """Search for drawn words, and count the articles that the substring count has and the product misses."""
    texts = stored_texts(engine)
    figures.add("search_corpus", len(texts), "articles")
    words = draw_words(texts, seed=SEED, number=WORDS)
    lowered = [(stored.id, comparable(stored)) for stored in texts]
    hits = missed = 0
    lines = []
    for word in words:
        expected = articles_with(word, lowered)
        lost = expected - set(search(engine, word))
        hits, missed = hits + len(expected), missed + len(lost)
        if lost:
            lines.append(f"missed: {len(lost)} of {len(expected)} articles with {word!r}")
    figures.add("search_words", len(words), "words")
    figures.add("search_words_missed", len(lines), f"words_of_{len(words)}")
    figures.add("search_word_hits_missed", missed, f"hits_of_{hits}", floor=0, lower_is_better=True)
    for line in lines[:show]:
        print(line, file=sys.stderr)


SUBJECT: Final = Subject(about="articles that a query finds, in many languages and scripts", measure=measure)
