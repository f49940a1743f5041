"""Many feeds of real bytes at once, as the benches use them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import httpx
import pytest

from tests.bench.figures import CorpusAbsentError, corpus_dir
from tests.feedworld import FeedWorld, loopback_addresses
from tests.feedworld.control import WorldProcess
from tests.feedworld.mixed import choose_mixed, load_mixed


@pytest.fixture(scope="module")
def corpus() -> Path:
    try:
        return corpus_dir()
    except CorpusAbsentError as absent:
        pytest.skip(str(absent))


def test_the_choice_is_reproducible_and_even_over_the_recorded_feeds(corpus: Path) -> None:
    chosen = choose_mixed(corpus, 1000)
    assert chosen == choose_mixed(corpus, 1000)
    assert len({feed.path for feed in chosen}) == 1000
    recorded = Counter(
        feed.path.parent.name for feed in chosen if feed.name.startswith(feed.path.parent.name)
    )
    shares = [count for name, count in recorded.items() if name.endswith(".xml")]
    assert len(shares) == 20
    assert max(shares) - min(shares) <= 1


def test_more_documents_than_the_corpus_has_are_refused(corpus: Path) -> None:
    with pytest.raises(ValueError, match="fewer than 100000"):
        choose_mixed(corpus, 100_000)


def test_mixed_feeds_have_addresses_validators_and_gzip(corpus: Path) -> None:
    with FeedWorld(addresses=loopback_addresses(5), keep_requests=False) as world, httpx.Client() as client:
        chosen = choose_mixed(corpus, 10)
        feeds = load_mixed(world, chosen)
        assert len({httpx.URL(feed.url).host for feed in feeds.values()}) == 5
        for mixed in chosen:
            feed = feeds[mixed.name]
            response = client.get(feed.url, headers={"Accept-Encoding": "gzip"})
            assert response.headers["content-encoding"] == "gzip"
            assert response.content == mixed.path.read_bytes()
            for condition, validator in (("If-None-Match", "etag"), ("If-Modified-Since", "last-modified")):
                again = client.get(feed.url, headers={condition: response.headers[validator]})
                assert again.status_code == 304


def test_the_first_request_after_a_mark_is_recorded_and_orders_do_not_count() -> None:
    with WorldProcess(["--generated", "1", "--show"]) as world:
        (url,) = world.urls()
        assert world.counts()["first_request_at"] is None
        httpx.get(url)
        first = world.counts()["first_request_at"]
        httpx.get(url)
        assert world.counts()["first_request_at"] == first
        world.mark()
        assert world.counts()["first_request_at"] is None
        httpx.get(url)
        assert world.counts()["first_request_at"] > first
