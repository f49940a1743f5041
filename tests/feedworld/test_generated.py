"""The generator's truth matches its documents."""

from __future__ import annotations

from typing import Any

import feedparser
import httpx
import pytest

from tests.feedworld import FeedWorld, loopback_addresses
from tests.feedworld.generated import START, Generated


def read(document: bytes) -> Any:
    return feedparser.parse(document)  # type: ignore[attr-defined, no-untyped-call]  # it ships no types


def plan(**changes: object) -> Generated:
    arguments: dict[str, object] = {"seed": 3, "feeds": 3, "window": 12, "fresh": 3, "revised": 0.5}
    return Generated(**{**arguments, **changes})  # type: ignore[arg-type]  # a test's table of arguments


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others() -> None:
    assert plan().document(1, 4) == plan().document(1, 4)
    assert plan().document(1, 4) != plan(seed=4).document(1, 4)
    assert not {publication.url for publication in plan().truth(3)} & {
        publication.url for publication in plan(seed=4).truth(3)
    }


@pytest.mark.parametrize("feed", range(3))
def test_a_reader_of_every_round_finds_exactly_the_published_revisions(feed: int) -> None:
    generated = plan()
    versions_read: dict[str, list[tuple[str, str]]] = {}
    for round_ in range(8):
        parsed = read(generated.document(feed, round_))
        assert not parsed.bozo
        assert len(parsed.entries) <= 12
        for entry in parsed.entries:
            body = entry.content[0].value if "content" in entry else entry.summary
            versions = versions_read.setdefault(entry.link, [])
            if (entry.title, body) not in versions:
                versions.append((entry.title, body))
    truth: dict[str, list[tuple[str, str]]] = {}
    for publication in generated.truth(8):
        if publication.feed == feed:
            body = "".join(f"<p>{paragraph}</p>" for paragraph in publication.paragraphs)
            truth.setdefault(publication.url, []).append((publication.title, body))
    assert versions_read == truth
    assert any(len(versions) == 2 for versions in truth.values())


def test_each_revision_is_shown_first_in_its_round() -> None:
    generated = plan()
    for publication in generated.truth(6):
        assert publication.mark in generated.document(publication.feed, publication.round).decode()
        if publication.round:
            assert (
                publication.mark not in generated.document(publication.feed, publication.round - 1).decode()
            )


def test_the_formats_alternate() -> None:
    versions = {read(plan().document(feed, 0)).version for feed in range(3)}
    assert versions == {"rss20", "atom10", "rss10"}


def test_some_articles_are_on_topic_and_mention_it() -> None:
    truth = plan(feeds=20, on_topic=0.25).truth(2)
    share = sum(publication.on_topic for publication in truth) / len(truth)
    assert 0.15 < share < 0.35
    assert all(("North Korea" in publication.title) is publication.on_topic for publication in truth)


def test_a_window_too_small_for_the_new_articles_is_refused() -> None:
    with pytest.raises(ValueError, match="window of 5"):
        plan(window=5, fresh=3)


def test_a_loaded_world_shows_one_round_at_each_step() -> None:
    generated = plan()
    with FeedWorld(addresses=loopback_addresses(2), now=START) as world, httpx.Client() as client:
        feeds = generated.load(world, rounds=3)
        assert {feed.host for feed in feeds} == set(world.addresses)
        for round_ in range(3):
            assert world.advance_all() == 3
            for number, feed in enumerate(feeds):
                assert client.get(feed.url).content == generated.document(number, round_)
        assert world.advance_all() == 0
