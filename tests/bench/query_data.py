"""Generate a large article database for benches of searches: ``python -m tests.bench.query_data --folder DIR``.

A tenth as many texts as it takes to look alike are made of words with Zipf's frequencies in nine languages and seven
scripts, and indexed as the consumer does. Every article has one of these texts and a word of its own, so postings, keys
and sizes are those of distinct articles. Rows are loaded with COPY in the order of their dates, into the segments that
the consumer would write.

The words for a bench, with the share of articles that have them, are in :data:`WORDS`.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
from bisect import bisect
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from pathlib import Path
from typing import Final
from uuid import UUID

from sqlalchemy import Engine, text

from ingest.db import embedded, migrate
from ingest.db.engine import driver_of, open_engine, transaction
from ingest.db.search_segments import SEGMENT_BYTES, open_segments, period_of
from ingest.search import INDEX_VERSION, index_document

TEXTS: Final = 6_000
VOCABULARY: Final = 60_000
BLOCK: Final = 2_000
NEWEST: Final = datetime(2026, 11, 30, 12, tzinfo=UTC)
WORDS_OF_TEXT: Final = (5.0, 0.6)
"""Mean and deviation of the logarithm of a text's number of words: 150 words in the middle, a few of 1,000."""
OTHER_SCRIPTS: Final = 0.2
"""Share of articles that are not in Latin script."""

COMMON: Final = "haru"
RARE: Final = "zyxomma"
ABSENT: Final = "qqqqqqqq"
WORDS: Final = {COMMON: 0.35, RARE: 46e-6}
"""A word of a third of all articles, and one of 46 in a million. ``ABSENT`` is in none."""
SMALL_TOPIC, LARGE_TOPIC = "small", "large"
TOPICS: Final = {SMALL_TOPIC: 0.01, LARGE_TOPIC: 0.3}
RARE_LANGUAGE: Final = "is"
"""The language of one article in 2,000."""
SOURCES: Final = 2_000

_LATIN: Final = ("b", "d", "f", "g", "h", "k", "l", "m", "n", "p", "r", "s", "t", "v", "z", "st", "pr")
_VOWELS: Final = ("a", "e", "i", "o", "u", "ai", "ou")
_ENDINGS: Final = ("", "", "", "s", "ed", "ing", "er", "tion")
_ALPHABETS: Final = {
    "ru": "абвгдежзиклмнопрстухчшыя",
    "ar": "ابتجحدرسشصعفقكلمنهوي",
    "hi": "कखगचजटडतदनपबमयरलवसह",
    "el": "αβγδεζηθικλμνοπρστυφχω",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseText:
    """A text that many articles share, with its index document."""

    title: str
    text: str
    language: str
    vector: str


class Words:
    """Draws words of one language by Zipf's law."""

    def __init__(self, language: str, source: random.Random) -> None:
        self._random = source
        size = VOCABULARY if language in ("en", "de", "fr") else VOCABULARY // 4
        words = {self._word(language): None for _ in range(size)}
        self.words = list(words)
        self._weights = list(accumulate(1 / (rank + 2.7) for rank in range(len(self.words))))

    def draw(self) -> str:
        return self.words[bisect(self._weights, self._random.random() * self._weights[-1])]

    def _word(self, language: str) -> str:
        draw = self._random
        if language in ("zh", "ja"):
            return "".join(
                chr(0x4E00 + int(3_000 * draw.random() ** 2)) for _ in range(draw.choice((1, 2, 2, 3)))
            )
        if language == "ko":
            return "".join(
                chr(0xAC00 + draw.randrange(0, 11_000, 7)) for _ in range(draw.choice((1, 2, 2, 3)))
            )
        if language == "th":
            return "".join(chr(0x0E01 + draw.randrange(46)) for _ in range(draw.choice((2, 3, 4))))
        if language in _ALPHABETS:
            return "".join(draw.choice(_ALPHABETS[language]) for _ in range(draw.choice((2, 4, 5, 6, 7, 9))))
        syllables = draw.choice((1, 2, 2, 3, 3, 4))
        stem = "".join(draw.choice(_LATIN) + draw.choice(_VOWELS) for _ in range(syllables))
        return stem + draw.choice(_ENDINGS)


def base_texts(count: int, seed: int) -> list[BaseText]:
    """Return texts in nine languages, four fifths of them in Latin script."""
    source = random.Random(seed)
    latin, others = ("en", "en", "de", "fr"), ("ru", "zh", "ja", "ko", "ar", "hi", "th", "el")
    words = {language: Words(language, source) for language in {*latin, *others}}
    texts = []
    for number in range(count):
        language = source.choice(others if source.random() < OTHER_SCRIPTS else latin)
        length = max(30, int(source.lognormvariate(*WORDS_OF_TEXT)))
        separator = "" if language in ("zh", "ja", "th") else " "
        drawn = [words[language].draw() for _ in range(length)]
        if number < WORDS[COMMON] * count:
            drawn[length // 2] = COMMON if separator else f" {COMMON} "
        title = separator.join(words[language].draw() for _ in range(8))
        body = separator.join(drawn)
        document = index_document(title=title, text=body, authors=(), publisher=None, language=language)
        texts.append(BaseText(title=title, text=body, language=language, vector=document.vector))
    source.shuffle(texts)
    return texts


def fill(
    engine: Engine,
    count: int,
    *,
    texts: Sequence[BaseText] | None = None,
    seed: int = 1,
    days: int = 900,
    segment_bytes: int = SEGMENT_BYTES,
) -> None:
    """Insert ``count`` articles of the last ``days`` days into a migrated, empty database."""
    source = random.Random(seed)
    texts = base_texts(TEXTS, seed) if texts is None else texts
    step = timedelta(days=days) / count
    with transaction(engine) as connection:
        for slug in TOPICS:
            connection.execute(
                text("INSERT INTO topics (slug, title, rule, changed_at) VALUES (:slug, :slug, '{}', now())"),
                {"slug": slug},
            )
    for first in range(0, count, BLOCK):
        numbers = range(first, min(first + BLOCK, count))
        times = {number: NEWEST - step * (count - number) for number in numbers}
        segments = open_segments(
            engine, list(times.values()), index_version=INDEX_VERSION, segment_bytes=segment_bytes
        )
        with transaction(engine) as connection:
            driver = driver_of(connection)
            # One large merge of the pending lists instead of many small ones.
            driver.execute("SET LOCAL gin_pending_list_limit = '64MB'")
            driver.execute("SET LOCAL maintenance_work_mem = '512MB'")
            lines: dict[str, list[str]] = {table: [] for table in _COLUMNS}
            for number in numbers:
                segment = segments[period_of(times[number])]
                for table, line in _rows(source, texts, number, times[number], segment):
                    lines[table].append(line)
            for table, rows in lines.items():
                with driver.cursor().copy(f"COPY {table} ({_COLUMNS[table]}) FROM STDIN") as copy:
                    copy.write("".join(rows))
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE"))


@contextmanager
def large_database(keep: Path | None, articles: int) -> Iterator[tuple[str, Engine]]:
    """Yield URL and engine of a generated database; ``keep`` is the folder that keeps it for the next run.

    Raises:
        ValueError: the folder has a database of another size, or one that was not filled to its end.
    """
    with tempfile.TemporaryDirectory(prefix="ingest-bench-") as temporary:
        folder = keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        marker = folder / _MARKER
        is_complete = marker.exists()
        wanted = {"articles": articles}
        if is_complete and json.loads(marker.read_text()) != wanted:
            raise ValueError(f"{folder} has {marker.read_text()}, expected {json.dumps(wanted)}")
        if not is_complete and any(folder.iterdir()):
            raise ValueError(f"{folder} is not empty, and has no complete database")
        server = embedded.start(folder / "database")
        engine = open_engine(server.url(), name="bench")
        try:
            migrate.upgrade(engine)
            if not is_complete:
                print(f"generating {articles} articles", file=sys.stderr, flush=True)
                begun = time.monotonic()
                fill(engine, articles)
                print(f"generated in {time.monotonic() - begun:.0f} s", file=sys.stderr, flush=True)
                marker.write_text(json.dumps(wanted))
            yield server.url(), engine
        finally:
            engine.dispose()
            server.stop()


_MARKER: Final = "generated.json"
_COLUMNS: Final = {
    "articles": "id, revision, latest, story_id, feed_id, url, source, language, published_at, first_seen_at, "
    "revised_at, revised_feed_id, revised_poll_id, sort_at, search_segment",
    "revisions": "article_id, number, current, content_hash, seen_at, feed_id, poll_id, title, authors, summary, "
    "text, html, categories",
    "article_search": "segment, article_id, sort_at, language, vector",
    "matches": "topic, article_id, revision, explanation, matched_at, sort_at",
}


def _rows(
    source: random.Random, texts: Sequence[BaseText], number: int, at: datetime, segment: int
) -> Iterator[tuple[str, str]]:
    """Yield the rows of one article as lines of COPY, each with its table."""
    base = texts[source.randrange(len(texts))]
    article, time = UUID(int=source.getrandbits(128)), at.isoformat()
    host = f"host{int(SOURCES * source.random() ** 3)}.example"
    language = RARE_LANGUAGE if source.random() < 1 / 2_000 else base.language
    own = f"own{number:x}"
    vector, body = f"{base.vector} '{own}':2", f"{base.text} {own}"
    if source.random() < WORDS[RARE]:
        vector, body = f"{vector} '{RARE}':3", f"{body} {RARE}"
    vector = vector.replace("\\", "\\\\")
    url = f"https://{host}/{number}"
    columns: tuple[object, ...] = (
        article,
        1,
        1,
        article,
        1,
        url,
        host,
        language,
        time,
        time,
        time,
        1,
        1,
        time,
        segment,
    )
    yield "articles", _line(columns)
    digest = f"\\\\x{article.hex}"
    yield (
        "revisions",
        _line((article, 1, "t", digest, time, 1, 1, base.title, "{}", base.title, body, "", "{}")),
    )
    yield "article_search", _line((segment, article, time, language, vector))
    for topic, share in TOPICS.items():
        if source.random() < share:
            yield "matches", _line((topic, article, 1, "{}", time, time))


def _line(values: Sequence[object]) -> str:
    return "\t".join(map(str, values)) + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True, help="data folder of a new embedded server")
    parser.add_argument("--articles", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    server = embedded.start(options.folder)
    engine = open_engine(server.url(), name="bench")
    try:
        migrate.upgrade(engine)
        fill(engine, options.articles, seed=options.seed)
    finally:
        engine.dispose()
        server.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
