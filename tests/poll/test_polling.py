"""From a feed's bytes to the log, and what is remembered of it."""

from __future__ import annotations

from tests.poll.conftest import Desk, rss


def test_new_entries_travel_once_and_a_304_brings_none(desk: Desk) -> None:
    feed = desk.world.feed("/a.xml")
    feed.publish(rss("one", "two"))
    desk.add(feed)
    desk.poll()
    counts = desk.poll()
    assert desk.titles() == ["one", "two"]
    assert feed.statuses == {200: 1, 304: 1}
    assert [(poll.result, poll.entries, poll.appended) for poll in desk.polls(feed)] == [
        ("fetched", 2, 2),
        ("not-modified", 0, 0),
    ]
    assert (counts.fetched, counts.not_modified, counts.recorded) == (1, 1, 2)
