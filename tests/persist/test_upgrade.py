"""An upgrade of the rules for texts makes no updates of articles that are stored already."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

import pytest
from sqlalchemy import Engine, text

from ingest.db.engine import transaction
from ingest.identity import PARSER_VERSION, content_hash
from ingest.log.postgres import PostgresLog
from ingest.normalise import draft_entries, resolve_articles
from ingest.persist import BatchCounts, Persister
from ingest.types import Article, Entry, PageSource, ParsedFeed
from tests.persist.articles import LONG_TEXT, START, records

pytestmark = pytest.mark.store

LINK = "https://news.example/a"
FEED = "https://news.example/feed"
# The entry, and the texts that the rules before version 3 stored where they differ.
CHANGES: Final[Mapping[str, tuple[Entry, Mapping[str, object]]]] = {
    "a story sentence that older rules removed": (
        Entry(
            guid="1",
            link=LINK,
            title="A decree",
            summary=None,
            content="<p>It was signed.</p><p>Originally published by the ministry, the decree bans foreign films</p>",
            authors=("Ann Author",),
        ),
        {"text": "It was signed."},
    ),
    "boilerplate that older rules left": (
        Entry(
            guid="1",
            link=LINK,
            title="A decree",
            summary=None,
            content="<p>It was signed.</p><p>Lesen Sie auch: Kim trifft Putin</p>",
            authors=("Ann Author",),
        ),
        {"text": "It was signed.\nLesen Sie auch: Kim trifft Putin"},
    ),
    "authors that older rules left in one name": (
        Entry(
            guid="1",
            link=LINK,
            title="A decree",
            summary=None,
            content="<p>It was signed.</p>",
            authors=("By Ann Author and Bo Byline",),
        ),
        {"authors": ("By Ann Author and Bo Byline",)},
    ),
    "a title with a tag": (
        Entry(guid="1", link=LINK, title="A &lt;br/&gt;decree", summary=None, content="<p>It was signed.</p>"),
        {"title": "A <br/>decree"},
    ),
    "a decomposed text": (
        Entry(guid="1", link=LINK, title="Une décision", summary=None, content="<p>Signée à Séoul.</p>"),
        {"title": "Une de\u0301cision", "text": "Signe\u0301e a\u0300 Se\u0301oul."},
    ),
    "a summary beside the text": (
        Entry(
            guid="1",
            link=LINK,
            title="A decree",
            summary="In short, it was signed. Read more",
            content=f"<p>{LONG_TEXT}</p><p>Czytaj więcej</p>",
        ),
        {"summary": "In short, it was signed. Read more", "text": f"{LONG_TEXT}\nCzytaj więcej"},
    ),
}  # fmt: skip


def of(entry: Entry, *, poll_id: int) -> Article:
    """The article that the present rules make of an entry."""
    parsed = ParsedFeed(title="News", link=None, language="en", entries=(entry,))
    feed = draft_entries(parsed, feed_url=FEED)
    return resolve_articles(feed, feed_id=7, poll_id=poll_id, seen_at=START, seen={}).articles[0]


def older(article: Article, **texts: object) -> Article:
    """The article as the rules before version 3 made it."""
    former = replace(article, removed=(), parser_version=0, **texts)  # type: ignore[arg-type]
    text = former.text if former.summary in former.text else f"{former.summary}\n{former.text}"
    return replace(former, content_hash=content_hash(former.title, text, former.authors))


class Store:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._persist = Persister(engine, PostgresLog(engine), clock=lambda: START)
        self._offset = 0

    def persist(self, *articles: Article) -> BatchCounts:
        batch = records(*articles, first=self._offset + 1)
        self._offset += len(batch)
        return self._persist(batch)

    def rows(self, query: str) -> Sequence[tuple[object, ...]]:
        with transaction(self._engine) as connection:
            return [tuple(row) for row in connection.execute(text(query))]


@pytest.fixture
def store(database: Engine) -> Store:
    return Store(database)


@pytest.mark.parametrize(("entry", "texts"), CHANGES.values(), ids=CHANGES)
def test_an_entry_that_newer_rules_read_otherwise_is_no_update(
    store: Store, entry: Entry, texts: Mapping[str, object]
) -> None:
    former = older(of(entry, poll_id=1), **texts)
    assert former.content_hash != of(entry, poll_id=2).content_hash
    assert store.persist(former) == BatchCounts(created=1)
    assert store.persist(of(entry, poll_id=2)) == BatchCounts(unchanged=1)
    assert store.persist(of(entry, poll_id=3)) == BatchCounts(unchanged=1)
    assert store.rows("SELECT count(*) FROM revisions") == [(1,)]


@pytest.mark.parametrize(("entry", "texts"), CHANGES.values(), ids=CHANGES)
def test_a_poller_that_is_not_upgraded_yet_makes_no_update_either(
    store: Store, entry: Entry, texts: Mapping[str, object]
) -> None:
    store.persist(of(entry, poll_id=1))
    assert store.persist(older(of(entry, poll_id=2), **texts)) == BatchCounts(unchanged=1)


def test_records_of_both_rules_in_one_batch_are_one_version(store: Store) -> None:
    entry, texts = CHANGES["boilerplate that older rules left"]
    batch = older(of(entry, poll_id=1), **texts), of(entry, poll_id=2)
    assert store.persist(*batch) == BatchCounts(created=1, unchanged=1)


def test_a_change_of_the_publisher_is_an_update_after_an_upgrade_too(store: Store) -> None:
    entry, texts = CHANGES["boilerplate that older rules left"]
    store.persist(older(of(entry, poll_id=1), **texts))
    changed = replace(entry, content="<p>It was signed on Monday.</p><p>Lesen Sie auch: Kim trifft Putin</p>")
    assert store.persist(of(changed, poll_id=2)) == BatchCounts(updated=1)
    assert store.rows("SELECT number, current, parser_version FROM revisions ORDER BY 1") == [
        (1, False, None),
        (2, True, PARSER_VERSION),
    ]
    # The earlier text is stored by older rules, and becomes current again.
    store.persist(of(entry, poll_id=3))
    assert store.rows("SELECT number, current FROM revisions ORDER BY 1") == [(1, True), (2, False)]


def test_an_article_that_shows_its_page_keeps_the_page_after_an_upgrade(store: Store) -> None:
    entry, texts = CHANGES["boilerplate that older rules left"]
    former = older(of(entry, poll_id=1), **texts)
    page = PageSource(id=2, content_hash=former.content_hash, url=LINK)
    whole = replace(
        former, text=LONG_TEXT, content_hash=content_hash("A decree", LONG_TEXT, former.authors), page=page
    )
    store.persist(former, whole)
    store.persist(of(entry, poll_id=3))
    assert store.rows("SELECT text FROM revisions WHERE current") == [(LONG_TEXT,)]


def test_removed_lines_and_the_version_of_the_rules_are_stored(store: Store) -> None:
    entry, _ = CHANGES["boilerplate that older rules left"]
    store.persist(of(entry, poll_id=1))
    removed = [{"rule": "related", "text": "Lesen Sie auch: Kim trifft Putin"}]
    assert store.rows("SELECT removed, parser_version FROM revisions") == [(removed, PARSER_VERSION)]
