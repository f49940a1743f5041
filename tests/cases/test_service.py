"""The fixture of the cases polls, stores, lists and searches with the parts of the service."""

from __future__ import annotations

import pytest

from tests.cases.conftest import Service
from tests.poll.conftest import rss

pytestmark = pytest.mark.store


def test_each_poll_stores_the_next_version_of_a_feed(service: Service) -> None:
    feed = service.serve(rss("one", "two"), rss("one", "two", "three"))
    assert service.poll().fetched == 1
    assert service.titles() == ["one", "two"]
    service.poll()
    assert service.titles() == ["one", "three", "two"]
    assert service.search("three") == ["three"]
    assert service.article("three")["url"] == "https://news.example/three"
    assert [shown["url"] for shown in service.cli_json("feeds", "list")] == [feed.url]


def test_a_topic_selects_articles(service: Service) -> None:
    service.add_topic("harbour", {"any": ["harbour"]})
    service.serve(rss("harbour", "airport"))
    service.poll()
    assert service.titles(topic="harbour") == ["harbour"]
