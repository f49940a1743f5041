"""No document loses an article, whatever its entries share, and no document brings one twice."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ingest.identity import SHARED
from ingest.normalise import Normalised, normalise
from ingest.types import Entry, Evidence, ParsedFeed, Seen

FEED = "https://g.example/feed.xml"
NOW = datetime(2026, 11, 30, 20, tzinfo=UTC)


def entry(
    guid: str | None = None,
    link: str | None = None,
    title: str | None = None,
    text: str | None = None,
    date: datetime | None = None,
) -> Entry:
    return Entry(guid=guid, link=link, title=title, summary=None, content=text, published=date)


LINKS = [f"https://g.example/{end}" for end in ("1", "1#a", "2?t=1", "2?t=2")]
ENTRIES = st.builds(
    entry,
    guid=st.sampled_from([None, None, "x", "y", "https://g.example/", "https://g.example/1"]),
    link=st.sampled_from([None, "https://g.example/", *LINKS]),
    title=st.sampled_from(["A", "B", "C"]),
    text=st.sampled_from([None, "One.", "Two."]),
    date=st.sampled_from(
        [None, *(datetime(2026, 11, day, hour, tzinfo=UTC) for day in (1, 2) for hour in (0, 9))]
    ),
)
DOCUMENTS = st.lists(ENTRIES, min_size=1, max_size=7)


class Feed:
    """A feed with its seen-set and the articles that it brought."""

    def __init__(self, evidence: Evidence | None = None) -> None:
        self.seen: dict[bytes, Seen] = {}
        self.rotates = False
        self._evidence = evidence

    def poll(self, entries: Sequence[Entry]) -> Normalised:
        parsed = ParsedFeed(title="G", link="https://g.example/", language="en", entries=tuple(entries))
        normalised = normalise(
            parsed,
            feed_id=1,
            feed_url=FEED,
            poll_id=1,
            seen_at=NOW,
            seen=self.seen,
            evidence=self._evidence,
            rotates=self.rotates,
        )
        self.seen.update({row.key: row for row in normalised.seen})
        self.rotates = normalised.identity is not None and normalised.identity.rotates
        return normalised


@settings(max_examples=300, deadline=None)
@given(DOCUMENTS)
def test_each_text_of_a_document_is_an_article(entries: list[Entry]) -> None:
    brought = {(article.title, article.text) for article in Feed().poll(entries).articles}
    texts = {text for _, text in brought}
    for each in entries:
        # A headline that was replaced over one text and date is the only entry that is left out.
        assert (each.title, each.content or "") in brought or (each.content and each.content in texts)
    ids = [article.id for article in Feed().poll(entries).articles]
    assert len(ids) == len(set(ids))
    assert SHARED not in ids


@pytest.mark.parametrize("at", [0, 1], ids=["guid first", "link first"])
@pytest.mark.parametrize("link", ["https://g.example/", "https://g.example/3"])
def test_a_guid_that_is_the_link_of_another_entry_loses_neither(at: int, link: str) -> None:
    linked = entry(link="https://g.example/1", title="A", text="One.")
    other = entry(guid="https://g.example/1", link=link, title="B", text="Two.")
    document = [linked]
    document.insert(at, other)
    feed = Feed()
    first = feed.poll(document)
    assert {article.title for article in first.articles} == {"A", "B"}
    for later in ([other], [linked], document[::-1]):
        assert feed.poll(later).articles == ()


@settings(max_examples=300, deadline=None)
@given(DOCUMENTS, st.randoms())
def test_a_document_brings_nothing_twice_in_whatever_order(entries: list[Entry], random: object) -> None:
    feed = Feed()
    first = feed.poll(entries)
    ids = {article.id for article in first.articles}
    assert feed.poll(entries).articles == ()
    shuffled = sorted(entries, key=lambda _: random.random())  # type: ignore[attr-defined]
    assert {article.id for article in feed.poll(shuffled).articles} <= ids
    assert feed.poll(entries[::-1]).created == 0


@settings(max_examples=200, deadline=None)
@given(DOCUMENTS, DOCUMENTS)
def test_a_later_document_loses_no_text(earlier: list[Entry], later: list[Entry]) -> None:
    feed = Feed()
    contents = {(each.title, each.text) for each in feed.poll(earlier).articles}
    contents |= {(each.title, each.text) for each in feed.poll(later).articles}
    texts = {text for _, text in contents}
    for each in (*earlier, *later):
        assert (each.title, each.content or "") in contents or (each.content and each.content in texts)


@settings(max_examples=100, deadline=None)
@given(st.lists(ENTRIES, min_size=1, max_size=5), st.sampled_from(list(Evidence)[:3]))
@example(
    [
        entry(link="https://g.example/1", title="B", text="One."),
        entry(guid="https://g.example/", link="https://g.example/1", title="B", text="One."),
        entry(guid="https://g.example/", title="B", text="Two."),
    ],
    Evidence.GUID,
)
def test_a_chosen_evidence_brings_nothing_twice(entries: list[Entry], evidence: Evidence) -> None:
    feed = Feed(evidence)
    feed.poll(entries)
    assert feed.poll(entries).articles == ()
