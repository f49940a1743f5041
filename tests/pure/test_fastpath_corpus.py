"""The fast path against feedparser over the corpus: recorded polls, wild feeds, every conformance fixture.

A sample of each, always the same; all of it is read by ``./run bench parse``.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ingest.parse import EntryCache, parse_feed
from ingest.parse.xml import takes_fastpath
from tests.bench.figures import corpus_file, read_tar_zst
from tests.bench.parse import difference, large_feed, memory_growth
from tests.speed import cpu_limit


def sample(corpus: Path, name: str, *, count: int) -> Iterator[tuple[str, bytes]]:
    """Yield ``count`` files of an archive, spread over it: the same on every machine."""
    files = list(read_tar_zst(corpus_file(corpus, name)))
    stride = 211  # a prime, so that each file has its turn
    while len(files) % stride == 0:
        stride += 2
    for number in range(min(count, len(files))):
        yield files[number * stride % len(files)]


@pytest.mark.corpus
@pytest.mark.parametrize(
    ("archive", "count", "least"),
    [
        ("polls-2020.tar.zst", 300, 0.9),
        ("wild-feeds.tar.zst", 250, 0.8),
        ("conformance.tar.zst", 4_000, 0.4),
    ],
)
def test_every_field_of_every_feed_is_the_references(
    corpus: Path, archive: str, count: int, least: float
) -> None:
    cache = EntryCache(16 * 1024**2)
    read = taken = 0
    for name, body in sample(corpus, archive, count=count):
        url = f"https://corpus.example/{name.rsplit('/', 1)[0]}"
        expected = parse_feed(body, url=url, use_fastpath=False)
        found = difference(parse_feed(body, url=url, cache=cache), expected)
        assert found is None, f"{name}: {found}"
        read += 1
        taken += takes_fastpath(body, url=url)
    assert read >= 25
    assert taken / read >= least


def test_five_megabytes_are_read_within_a_second() -> None:
    body = large_feed()
    with cpu_limit(1):
        found = parse_feed(body, url="https://news.example/feed.xml")
    assert len(found.entries) > 4_000  # type: ignore[union-attr]


def test_memory_stays_flat_over_many_parses() -> None:
    lane = large_feed(1_000)
    broken = lane.replace(b"</channel>", b"<p></channel>")
    assert takes_fastpath(lane, url="https://bench.example/0")
    assert memory_growth([lane] * 9 + [broken], parses=3_000, cache_bytes=128 * 1024) < 4
