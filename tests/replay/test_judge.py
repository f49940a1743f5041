"""The judge detects every failure: a tiny recording, replayed correctly, then broken in one place at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from ingest.identity import article_id, content_hash
from tests.feedworld.recorded import ExpectedEntry, RecordedPoll, Recording
from tests.replay.judge import judge
from tests.replay.reference import Document, ReferenceEntry
from tests.replay.replayed import Replayed, key_of
from tests.replay.stored import AppendedRecord, Poll, Revision, Sighting, Stored
from tests.replay.verdicts import Judgement, Verdict

FEED = "a.xml"
ONE = "https://a.example/one"
TWO = "https://a.example/two"


def entry(key: str, title: str, body: str, *, content: str = "") -> ReferenceEntry:
    return ReferenceEntry(id=key, link=key, title=title, summary=body, contents=(content,) if content else ())


def uuid(url: str) -> UUID:
    return article_id(url=url, feed_url="https://a.example/feed")


def record(offset: int, poll: int, url: str, title: str, text: str) -> AppendedRecord:
    return AppendedRecord(
        log_position=f"news.articles/0/{offset}",
        feed_id=1,
        poll_id=poll,
        key=key_of(url),
        article_id=uuid(url),
        content_hash=content_hash(title, text, ()),
    )


def revision(title: str, text: str, poll: int, *, current: bool = True) -> Revision:
    return Revision(
        content_hash=content_hash(title, text, ()), title=title, text=text, poll_id=poll, current=current
    )


def sighting(effect: str, number: int, offset: int) -> Sighting:
    return Sighting(effect=effect, revision=number, log_position=f"news.articles/0/{offset}")


@pytest.fixture
def right(tmp_path: Path) -> Replayed:
    """Poll 1 has two entries; poll 2 changes the first; poll 3 is empty; poll 4 restores the first entry's text."""
    documents = [
        (entry(ONE, "One", "First text."), entry(TWO, "Two", "<p>Second &amp; last.</p>")),
        (entry(ONE, "One", "Another text."), entry(TWO, "Two", "Second &amp; last.")),
        (),
        (entry(ONE, "One", "First text."), entry(TWO, "Two", "Second &amp; last.")),
    ]
    polls = []
    for number, entries in enumerate(documents, 1):
        path = tmp_path / f"{number}.xml"
        path.write_text("<rss/>" if entries else "")
        at = datetime(2020, 5, 1, tzinfo=UTC) + timedelta(hours=number)
        polls.append(RecordedPoll(feed=FEED, at=at, name=f"p{number}", blob=str(number), path=path))
    expected = [
        ExpectedEntry(feed=FEED, poll="p1", kind="new", id=ONE, link=ONE, title="One"),
        ExpectedEntry(feed=FEED, poll="p1", kind="new", id=TWO, link=TWO, title="Two"),
        ExpectedEntry(feed=FEED, poll="p2", kind="rev", id=ONE, link=ONE, title="One"),
        ExpectedEntry(feed=FEED, poll="p2", kind="rev", id=TWO, link=TWO, title="Two"),
        ExpectedEntry(feed=FEED, poll="p4", kind="rev", id=ONE, link=ONE, title="One"),
    ]
    one, two = uuid(ONE), uuid(TWO)
    stored = Stored(
        urls={one: ONE, two: TWO},
        revisions={
            one: {
                1: revision("One", "First text.", 1),
                2: revision("One", "Another text.", 2, current=False),
            },
            two: {1: revision("Two", "Second & last.", 1)},
        },
        sightings={
            (one, 1): sighting("created", 1, 1),
            (two, 1): sighting("created", 1, 2),
            (one, 2): sighting("updated", 2, 3),
            (one, 4): sighting("reverted", 1, 4),
        },
        seen={(1, key_of(ONE)): one, (1, key_of(TWO)): two},
        quarantined=[],
        events=[(1, "created", one, 1), (2, "created", two, 1), (3, "updated", one, 2)],
    )
    return Replayed(
        recording=Recording(polls=tuple(polls)),
        documents={
            (FEED, f"p{number}"): Document(entries=entries, version="rss20" if entries else "", broken=None)
            for number, entries in enumerate(documents, 1)
        },
        expected=expected,
        polls={
            (FEED, f"p{number}"): poll(number, len(entries)) for number, entries in enumerate(documents, 1)
        },
        feed_ids={FEED: 1},
        stored=stored,
        records=[
            record(1, 1, ONE, "One", "First text."),
            record(2, 1, TWO, "Two", "Second & last."),
            record(3, 2, ONE, "One", "Another text."),
            record(4, 4, ONE, "One", "First text."),
        ],
    )


def poll(number: int, entries: int) -> Poll:
    return Poll(
        id=number,
        feed_id=1,
        result="fetched" if entries else "failed",
        status=200,
        failure=None if entries else "empty",
        detail=None,
        entries=entries,
        appended=0,
        duplicates=0,
    )


def test_a_correct_replay_has_no_failures_and_each_disagreement_has_a_verdict(right: Replayed) -> None:
    judgement = judge(right)
    assert judgement.failures() == {}
    assert judgement.counts == {
        Verdict.STORED: 2,
        Verdict.REVISED: 1,
        Verdict.WENT_BACK: 1,
        Verdict.MARKUP: 1,
    }


def test_an_edited_author_is_an_explained_disagreement(right: Replayed) -> None:
    document = right.documents[FEED, "p4"]
    entries = (document.entries[0], replace(document.entries[1], authors=("Ann Author",)))
    again = replace(record(5, 4, TWO, "Two", "Second & last."), content_hash=bytes(16))
    edited = stored(
        replace(
            right,
            documents={**right.documents, (FEED, "p4"): replace(document, entries=entries)},
            records=[*right.records, again],
        ),
        revisions={
            **right.stored.revisions,
            uuid(TWO): {
                1: revision("Two", "Second & last.", 1, current=False),
                2: replace(revision("Two", "Second & last.", 4), content_hash=bytes(16)),
            },
        },
        sightings={**right.stored.sightings, (uuid(TWO), 4): sighting("updated", 2, 5)},
        events=[*right.stored.events, (4, "updated", uuid(TWO), 2)],
    )
    judgement = judge(edited)
    assert judgement.failures() == {}
    assert judgement.counts[Verdict.AUTHORS] == 1


def without(mapping: Mapping[Any, Any], *keys: Any) -> dict[Any, Any]:
    return {key: value for key, value in mapping.items() if key not in keys}


def stored(replayed: Replayed, **changes: Any) -> Replayed:
    return replace(replayed, stored=replace(replayed.stored, **changes))


def an_article_is_missing(it: Replayed) -> Replayed:
    return stored(
        it, urls=without(it.stored.urls, uuid(TWO)), revisions=without(it.stored.revisions, uuid(TWO))
    )


def an_entry_was_never_seen(it: Replayed) -> Replayed:
    return stored(it, seen=without(it.stored.seen, (1, key_of(TWO))))


def a_record_was_not_stored(it: Replayed) -> Replayed:
    return stored(it, sightings=without(it.stored.sightings, (uuid(ONE), 2)))


def a_revision_was_not_sent(it: Replayed) -> Replayed:
    records = [record for record in it.records if record.poll_id != 2]
    return replace(stored(it, sightings=without(it.stored.sightings, (uuid(ONE), 2))), records=records)


def an_entry_came_later_than_it_was_there(it: Replayed) -> Replayed:
    late = [replace(record, poll_id=2) if record.key == key_of(TWO) else record for record in it.records]
    sightings = without(it.stored.sightings, (uuid(TWO), 1)) | {(uuid(TWO), 2): sighting("created", 1, 2)}
    return replace(stored(it, sightings=sightings), records=late)


def a_key_has_two_articles(it: Replayed) -> Replayed:
    second = replace(it.records[2], article_id=uuid("https://a.example/other"))
    return replace(it, records=[*it.records[:2], second, it.records[3]])


def an_address_has_two_articles(it: Replayed) -> Replayed:
    again = UUID(int=1)
    return stored(
        it,
        urls={**it.stored.urls, again: ONE},
        revisions={**it.stored.revisions, again: {1: revision("One", "First text.", 1)}},
    )


def a_text_is_another(it: Replayed) -> Replayed:
    wrong = {1: revision("Two", "Something that nobody said.", 1)}
    return stored(it, revisions={**it.stored.revisions, uuid(TWO): wrong})


def a_text_is_gone(it: Replayed) -> Replayed:
    return stored(it, revisions={**it.stored.revisions, uuid(TWO): {1: revision("Two", "", 1)}})


def a_title_is_another(it: Replayed) -> Replayed:
    wrong = {1: revision("Too", "Second & last.", 1)}
    return stored(it, revisions={**it.stored.revisions, uuid(TWO): wrong})


def the_empty_poll_was_taken_for_a_feed(it: Replayed) -> Replayed:
    return replace(it, polls={**it.polls, (FEED, "p3"): replace(poll(3, 0), result="fetched", failure=None)})


def the_empty_poll_failed_for_another_reason(it: Replayed) -> Replayed:
    return replace(it, polls={**it.polls, (FEED, "p3"): replace(poll(3, 0), failure="parse-limit")})


def a_poll_read_fewer_entries(it: Replayed) -> Replayed:
    return replace(it, polls={**it.polls, (FEED, "p4"): poll(4, 1)})


def a_record_is_in_quarantine(it: Replayed) -> Replayed:
    return stored(it, quarantined=["news.articles/0/3: Unusable: no"])


def an_event_is_missing(it: Replayed) -> Replayed:
    return stored(it, events=it.stored.events[:2])


def an_event_came_twice(it: Replayed) -> Replayed:
    return stored(it, events=[*it.stored.events, (4, "updated", uuid(ONE), 2)])


def a_cursor_is_missing(it: Replayed) -> Replayed:
    return stored(it, events=[*it.stored.events[:2], (4, "updated", uuid(ONE), 2)])


def an_article_was_retracted(it: Replayed) -> Replayed:
    return stored(it, events=[*it.stored.events, (4, "retracted", uuid(ONE), 2)])


def a_record_was_sent_though_nothing_changed(it: Replayed) -> Replayed:
    again = record(5, 4, TWO, "Two", "Second & last.")
    sightings = {**it.stored.sightings, (uuid(TWO), 4): sighting("unchanged", 1, 5)}
    return replace(stored(it, sightings=sightings), records=[*it.records, again])


@pytest.mark.parametrize(
    ("sabotage", "name"),
    [
        (an_article_is_missing, Verdict.LOST),
        (an_entry_was_never_seen, Verdict.LOST),
        (a_record_was_not_stored, Verdict.LOST),
        (a_revision_was_not_sent, Verdict.UNEXPLAINED),
        (an_entry_came_later_than_it_was_there, Verdict.UNEXPLAINED),
        (a_key_has_two_articles, Verdict.REPEATED),
        (an_address_has_two_articles, Verdict.REPEATED),
        (a_text_is_another, Verdict.WRONG_TEXT),
        (a_text_is_gone, Verdict.WRONG_TEXT),
        (a_title_is_another, Verdict.WRONG_TEXT),
        (the_empty_poll_was_taken_for_a_feed, Verdict.POLL),
        (the_empty_poll_failed_for_another_reason, Verdict.POLL),
        (a_poll_read_fewer_entries, Verdict.POLL),
        (a_record_is_in_quarantine, Verdict.QUARANTINED),
        (an_event_is_missing, Verdict.STREAM),
        (an_event_came_twice, Verdict.STREAM),
        (a_cursor_is_missing, Verdict.STREAM),
        (an_article_was_retracted, Verdict.STREAM),
        (a_record_was_sent_though_nothing_changed, Verdict.UNEXPLAINED),
    ],
    ids=lambda value: value.__name__.replace("_", " ") if callable(value) else "",
)
def test_a_wrong_replay_is_caught(
    right: Replayed, sabotage: Callable[[Replayed], Replayed], name: Verdict
) -> None:
    judgement: Judgement = judge(sabotage(right))
    assert name in judgement.failures()
    assert judgement.examples[name]
