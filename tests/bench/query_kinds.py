"""Queries of the bench of searches, drawn from the stored texts, each with hand-written SQL for the same page.

The SQL is the better of two usual forms, chosen with knowledge that a service does not have: for words that are in many
articles, the newest articles are read in order until enough match; for all others, the inverted index is read first and
its hits are sorted. It has the same full-text condition as the product, and reads the same columns.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final
from urllib.parse import urlencode

from sqlalchemy import Engine, text

from ingest.db.engine import transaction
from ingest.search import parse_search
from tests.bench.query_data import ABSENT, COMMON, RARE, RARE_LANGUAGE, SMALL_TOPIC

SAMPLE: Final = 3_000
"""Newest articles whose words are counted."""
EACH: Final = 8
"""Queries of each kind."""
LIMIT: Final = 20

_COLUMNS: Final = """a.id, a.url, a.source, a.language, a.published_at, a.first_seen_at, a.revised_at, a.sort_at,
    a.story_id, r.title, r.publisher, r.authors, r.summary, left(r.text, 20000)"""
_ROWS: Final = "JOIN revisions r ON r.article_id = a.id AND r.number = a.revision"
_NEWEST: Final = f"ORDER BY a.sort_at DESC, a.id DESC LIMIT {LIMIT}"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Query:
    """One search."""

    kind: str
    parameters: Mapping[str, str]
    sql: str
    values: Mapping[str, Any]

    @property
    def path(self) -> str:
        return f"/v1/articles?{urlencode({**self.parameters, 'limit': str(LIMIT)})}"


def draw_queries(engine: Engine, *, seed: int = 1) -> list[Query]:
    """Return the queries of all kinds, from the words of the newest articles."""
    source = random.Random(seed)
    texts = _newest_texts(engine)
    latin = [body.split() for language, body in texts if language == "en"]
    frequency = Counter(word for words in latin for word in set(words))
    pairs = Counter(pair for words in latin for pair in set(pairwise(words)))
    ideographs = Counter(
        body[at : at + 2]
        for language, body in texts
        if language in ("zh", "ja")
        for at in set(range(0, len(body) - 1, 3))
        if not body[at : at + 2].isascii()
    )
    common = [COMMON, *(word for word, _ in frequency.most_common(EACH - 1))]
    # A word with a single article in the sample stems to a rare lexeme; its last letters are cut off by the stemmer.
    rare_words = sorted(
        word for word, count in frequency.items() if count == 1 and word.endswith(("ed", "ing"))
    )
    middle = sorted(word for word, count in frequency.items() if 3 <= count <= 30 and len(word) >= 7)
    with transaction(engine) as connection:
        total = int(connection.execute(text("SELECT count(*) FROM articles")).scalar_one())
    own = [f"own{source.randrange(total):x}" for _ in range(EACH // 2)]
    words: dict[str, Sequence[str]] = {
        "common_word": common,
        "rare_word": [RARE, *own],
        "rare_stem": source.sample(rare_words, min(EACH, len(rare_words))),
        "absent_word": [ABSENT, *(f"qqq{number}xq" for number in range(EACH - 1))],
        "common_phrase": [f'"{first} {second}"' for (first, second), _ in pairs.most_common(EACH)],
        "cjk_word": [word for word, _ in ideographs.most_common(EACH // 2)]
        + [word for word, count in ideographs.items() if count == 2][: EACH // 2],
        "prefix": [f"{word[:5]}*" for word in source.sample(middle, min(EACH, len(middle)))],
    }
    queries = [
        _search(kind, word, frequent=kind == "common_word") for kind, own in words.items() for word in own
    ]
    relevance = {"sort": "relevance"}
    queries += [_search("common_by_relevance", word, frequent=True, extra=relevance) for word in common]
    return [*queries, *_lists()]


def _newest_texts(engine: Engine) -> list[tuple[str, str]]:
    newest = f"SELECT a.language, r.text FROM articles a {_ROWS} ORDER BY a.sort_at DESC LIMIT {SAMPLE}"
    with transaction(engine) as connection:
        return [(row[0], row[1]) for row in connection.execute(text(newest))]


def _search(kind: str, word: str, *, frequent: bool, extra: Mapping[str, str] | None = None) -> Query:
    by_date = f"""SELECT {_COLUMNS} FROM articles a {_ROWS}
        JOIN article_search s ON s.segment = a.search_segment AND s.article_id = a.id
        WHERE s.vector @@ CAST(:tsquery AS tsquery) {_NEWEST}"""
    by_index = f"""WITH hits AS MATERIALIZED (
            SELECT article_id FROM article_search WHERE vector @@ CAST(:tsquery AS tsquery))
        SELECT {_COLUMNS} FROM hits h JOIN articles a ON a.id = h.article_id {_ROWS} {_NEWEST}"""
    return Query(
        kind=kind,
        parameters={"q": word, **(extra or {})},
        sql=by_date if frequent else by_index,
        values={"tsquery": parse_search(word).tsquery(None)},
    )


def _lists() -> list[Query]:
    """The lists without a full-text condition."""
    language = (
        f"SELECT {_COLUMNS} FROM articles a {_ROWS} WHERE lower(split_part(a.language, '-', 1)) = :language"
    )
    topic = f"""SELECT {_COLUMNS} FROM matches m JOIN articles a ON a.id = m.article_id {_ROWS}
        WHERE m.topic = :topic ORDER BY m.sort_at DESC, m.article_id DESC LIMIT {LIMIT}"""
    return [
        Query(
            kind="list",
            parameters={},
            sql=f"SELECT {_COLUMNS} FROM articles a {_ROWS} {_NEWEST}",
            values={},
        ),
        *(
            Query(
                kind=kind,
                parameters={"language": name},
                sql=f"{language} {_NEWEST}",
                values={"language": name},
            )
            for kind, name in (("rare_language", RARE_LANGUAGE), ("absent_language", "eu"))
        ),
        Query(
            kind="small_topic", parameters={"topic": SMALL_TOPIC}, sql=topic, values={"topic": SMALL_TOPIC}
        ),
    ]
