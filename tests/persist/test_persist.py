"""A batch is stored once and whole, or not at all, despite repeats, unusable records and concurrent consumers."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from threading import Barrier, Thread
from typing import Any

import pytest
from psycopg.types.json import Jsonb
from sqlalchemy import Connection, Engine, text

from ingest.classify import Classifier
from ingest.db.engine import driver_of, transaction
from ingest.identity import content_hash
from ingest.log.postgres import PostgresLog
from ingest.persist import BatchCounts, Persister
from ingest.types import Article, Match, Message, PageSource, Record
from tests.persist.articles import LONG_TEXT, START, article, record, records

pytestmark = pytest.mark.store


class World:
    """A store with two topics: all articles, and articles with the word "summit"."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.log = PostgresLog(engine)
        self.now = START
        self.persist = Persister(engine, self.log, clock=lambda: self.now)
        with transaction(engine) as connection:
            for slug, rule in (("all", {"everything": True}), ("summits", {"any": ["summit"]})):
                driver_of(connection).execute(
                    "INSERT INTO topics (slug, title, rule, changed_at) VALUES (%s, %s, %s, %s)",
                    (slug, slug, Jsonb(rule), START),
                )

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with transaction(self.engine) as connection:
            return [tuple(row) for row in connection.execute(text(query))]

    def one(self, query: str) -> Any:
        ((value,),) = self.rows(query)
        return value

    def stream(self, topic: str) -> list[tuple[int, str, str, int]]:
        """Return (cursor, kind, title, revision) of every event."""
        found = []
        for event in self.log.read(f"news.topic.{topic}", after=0, limit=1000):
            body = json.loads(event.value)
            found.append((event.offset, body["kind"], body["article"]["title"], body["article"]["revision"]))
        return found

    def counts(self) -> tuple[int, ...]:
        tables = ("articles", "revisions", "sightings", "matches", "log_records", "quarantine")
        return tuple(self.one(f"SELECT count(*) FROM {table}") for table in tables)


@pytest.fixture
def world(database: Engine) -> World:
    return World(database)


def test_a_new_article_is_stored_matched_and_streamed(world: World) -> None:
    came = article(title="Summit opens")
    assert world.persist(records(came)) == BatchCounts(created=1)
    assert world.rows("SELECT revision, latest, url, source, feed_id FROM articles") == [
        (1, 1, "https://news.example/a", "news.example", 7)
    ]
    assert world.rows("SELECT title, text, authors, current FROM revisions") == [
        ("Summit opens", "Text.", ["Ann Author", "Bo Byline"], True)
    ]
    assert world.rows("SELECT effect, log_position FROM sightings") == [("created", "news.articles/0/1")]
    assert world.stream("all") == world.stream("summits") == [(1, "created", "Summit opens", 1)]
    (phrase,) = world.one("SELECT explanation FROM matches WHERE topic = 'summits'")["matches"]
    assert (phrase["field"], phrase["phrase"]) == ("title", "summit")


def test_a_repeated_record_changes_nothing(world: World) -> None:
    batch = records(article(), article("https://news.example/b"))
    world.persist(batch)
    before = world.counts()
    assert world.persist(batch) == BatchCounts(repeated=2)
    assert world.persist([*batch, *batch]) == BatchCounts(repeated=4)
    assert world.counts() == before


def test_a_repeat_inside_one_batch_is_one_article(world: World) -> None:
    one = record(article(), offset=1)
    assert world.persist([one, one]) == BatchCounts(created=1, repeated=1)


def test_a_repeated_record_of_an_older_revision_does_not_bring_it_back(world: World) -> None:
    old, new = article(title="Old"), article(title="New", poll_id=2)
    world.persist(records(old, new))
    world.persist(records(old))
    assert world.one("SELECT title FROM revisions WHERE current") == "New"


def test_the_same_text_from_a_later_poll_is_only_a_sighting(world: World) -> None:
    world.persist(records(article()))
    assert world.persist(records(article(poll_id=2))) == BatchCounts(unchanged=1)
    assert world.rows("SELECT poll_id, effect FROM sightings ORDER BY 1") == [
        (1, "created"),
        (2, "unchanged"),
    ]
    assert len(world.stream("all")) == 1


def test_a_changed_text_is_a_revision_and_an_update_on_the_stream(world: World) -> None:
    world.persist(records(article(title="Summit planned")))
    world.persist(records(article(title="Summit opens", poll_id=2), first=2))
    assert world.rows("SELECT number, title, current FROM revisions ORDER BY number") == [
        (1, "Summit planned", False),
        (2, "Summit opens", True),
    ]
    assert world.stream("summits") == [(1, "created", "Summit planned", 1), (2, "updated", "Summit opens", 2)]
    assert world.one("SELECT revision FROM matches WHERE topic = 'summits'") == 2


def test_an_edited_author_is_a_revision_and_an_update_on_the_stream(world: World) -> None:
    ann, both = ("Ann Author",), ("Ann Author", "Bo Byline")
    world.persist(
        records(article(title="Summit", authors=ann), article(title="Summit", authors=both, poll_id=2))
    )
    assert world.rows("SELECT number, authors, current FROM revisions ORDER BY number") == [
        (1, list(ann), False),
        (2, list(both), True),
    ]
    told = [json.loads(event.value) for event in world.log.read("news.topic.summits", after=0, limit=9)]
    assert [(each["kind"], each["article"]["authors"]) for each in told] == [
        ("created", list(ann)),
        ("updated", list(both)),
    ]


@pytest.mark.parametrize("size", [1, 2, 3, 4])
def test_who_says_nothing_of_the_authors_takes_none_away(world: World, size: int) -> None:
    """Another feed of the outlet names no authors, before and after the feed that does, and after two changes."""
    ann, both = ("Ann Author",), ("Ann Author", "Bo Byline")
    came = records(
        *(
            replace(article(title="Summit", authors=authors, poll_id=number), feed_id=7 + (not authors))
            for number, authors in enumerate(((), ann, (), both, (), ann, ()), 1)
        )
    )
    for at in range(0, len(came), size):
        world.persist(came[at : at + size])
    assert world.rows("SELECT number, authors, current FROM revisions ORDER BY number") == [
        (1, [], False),
        (2, list(ann), True),
        (3, list(both), False),
    ]
    assert world.rows("SELECT effect, revision FROM sightings ORDER BY poll_id") == [
        ("created", 1),
        ("updated", 2),
        ("unchanged", 2),
        ("updated", 3),
        ("unchanged", 3),
        ("reverted", 2),
        ("unchanged", 2),
    ]


def test_a_title_alone_from_another_feed_takes_no_text_away(world: World) -> None:
    """A publisher has a news sitemap beside its feed; docs/polling.md, case 84."""
    bare = replace(article(title="Summit", text="", poll_id=3), feed_id=8)
    assert world.persist(records(bare)) == BatchCounts(created=1)
    assert world.persist(records(article(title="Summit", poll_id=4), first=2)) == BatchCounts(updated=1)
    for number, title in enumerate(("Summit", "Summit opens"), 5):
        again = replace(article(title=title, text="", poll_id=number), feed_id=8 + number)
        assert world.persist(records(again, first=number)) == BatchCounts(unchanged=1)
    assert world.rows("SELECT text FROM revisions WHERE current") == [("Text.",)]
    assert world.one("SELECT count(*) FROM revisions") == 2
    # A feed may well change what it said itself.
    own = article(title="Summit over", text="", poll_id=9)
    assert world.persist(records(own, first=9)) == BatchCounts(updated=1)


@pytest.mark.parametrize("batches", ["one batch", "a batch each"])
def test_going_back_to_an_earlier_text_makes_it_current_without_a_revision_or_event(
    world: World, batches: str
) -> None:
    came = records(
        article(title="A"),
        article(title="B", poll_id=2),
        article(title="A", poll_id=3),
        article(title="C", poll_id=4),
    )
    until_back, after_that = came[:3], came[3:]
    for batch in [until_back] if batches == "one batch" else [[one] for one in until_back]:
        world.persist(batch)
    assert world.rows("SELECT number, title, current FROM revisions ORDER BY number") == [
        (1, "A", True),
        (2, "B", False),
    ]
    assert world.rows("SELECT revision, latest FROM articles") == [(1, 2)]
    assert world.rows("SELECT effect FROM sightings ORDER BY poll_id") == [
        ("created",),
        ("updated",),
        ("reverted",),
    ]
    world.persist(after_that)
    assert world.rows("SELECT number FROM revisions WHERE current") == [(3,)]
    assert [event[2] for event in world.stream("all")] == ["A", "B", "C"]


def test_an_update_that_leaves_a_topic_tells_its_stream_and_one_that_comes_back_is_new_there(
    world: World,
) -> None:
    for poll_id, title in enumerate(("Summit", "Sports", "Summit again"), 1):
        world.persist(records(article(title=title, poll_id=poll_id), first=poll_id))
    assert [event[1] for event in world.stream("summits")] == ["created", "reclassified", "created"]
    assert [event[1] for event in world.stream("all")] == ["created", "updated", "updated"]


def test_copies_of_one_text_are_one_story_and_the_later_ones_merge(world: World) -> None:
    first = article("https://wire.example/1", text=LONG_TEXT)
    copy = article("https://copy.example/1", text=LONG_TEXT.upper())
    other = article("https://news.example/2", text=LONG_TEXT + " and more")
    world.persist(records(first, copy, other))
    assert [event[1] for event in world.stream("all")] == ["created", "merged", "created"]
    assert world.one("SELECT count(DISTINCT story_id) FROM articles") == 2


def test_short_texts_never_merge(world: World) -> None:
    world.persist(
        records(
            article("https://a.example/", text="Live updates"),
            article("https://b.example/", text="Live updates"),
        )
    )
    assert world.one("SELECT count(DISTINCT story_id) FROM articles") == 2


def test_the_first_date_of_the_publisher_stays_and_never_lies_in_the_future(world: World) -> None:
    undated = replace(article(), published_at=None)
    world.persist(records(undated))
    assert world.one("SELECT sort_at FROM articles") == undated.seen_at
    dated = replace(article(title="Dated", poll_id=2), published_at=START - timedelta(days=1))
    world.persist(records(dated, first=2))
    redated = replace(article(title="Again", poll_id=3), published_at=START)
    world.persist(records(redated, first=3))
    assert world.rows("SELECT published_at, sort_at FROM articles") == [
        (dated.published_at, dated.published_at)
    ]
    future = replace(article("https://news.example/future"), published_at=START + timedelta(days=400))
    world.persist(records(future, first=4))
    assert world.one("SELECT sort_at FROM articles WHERE url LIKE '%future'") == future.seen_at
    # Whatever date it has, an event goes behind the one before.
    assert [cursor for cursor, *_ in world.stream("all")] == [1, 2, 3, 4]


def test_a_record_that_cannot_be_read_is_quarantined_whole_and_the_rest_is_stored(world: World) -> None:
    bad = replace(
        record(article("https://news.example/bad"), offset=2), value=b'{"v": 99}', headers={"trace": "x"}
    )
    batch = [record(article(), offset=1), bad, record(article("https://news.example/c"), offset=3)]
    assert world.persist(batch) == BatchCounts(created=2, quarantined=1)
    ((stage, offset, value, headers, error, detail),) = world.rows(
        'SELECT stage, "offset", value, headers, error, detail FROM quarantine'
    )
    assert (stage, offset, bytes(value), headers) == ("persist", 2, b'{"v": 99}', {"trace": "x"})
    assert error == "Unusable"
    assert "99" in detail
    assert world.persist(batch) == BatchCounts(repeated=2, quarantined=1)
    assert world.one("SELECT count(*) FROM quarantine") == 1


def test_a_value_the_database_cannot_hold_is_found_in_the_batch_and_set_aside_alone(world: World) -> None:
    with transaction(world.engine) as connection:
        connection.execute(text("ALTER TABLE revisions ADD CHECK (title <> 'poison')"))
    titles = ["fine"] * 8
    titles[5] = "poison"
    batch = records(
        *(article(f"https://news.example/{number}", title=title) for number, title in enumerate(titles))
    )
    assert world.persist(batch) == BatchCounts(created=7, quarantined=1)
    assert world.rows('SELECT "offset", stage FROM quarantine') == [(6, "persist")]
    assert [cursor for cursor, *_ in world.stream("all")] == list(range(1, 8))


class FailingOutbox:
    """The real outbox, which fails after the rows and the first stream are written."""

    def __init__(self, log: PostgresLog) -> None:
        self.log = log
        self.appended = 0

    def append_in(self, connection: Connection, topic: str, messages: Sequence[Message]) -> range:
        if self.appended:
            raise RuntimeError("the process ends here")
        self.appended += 1
        return self.log.append_in(connection, topic, messages)


def test_rows_and_events_are_stored_together_or_not_at_all(world: World) -> None:
    batch = records(article(title="Summit"))
    with pytest.raises(RuntimeError, match="ends here"):
        Persister(world.engine, FailingOutbox(world.log))(batch)
    assert world.counts() == (0, 0, 0, 0, 0, 0)
    assert world.persist(batch) == BatchCounts(created=1)
    assert world.stream("summits") == [(1, "created", "Summit", 1)]


def test_two_consumers_of_the_same_records_store_them_once(world: World) -> None:
    batch = records(
        *(
            article(f"https://news.example/{number}", text=LONG_TEXT + str(number // 2))
            for number in range(50)
        )
    )
    both_ready = Barrier(2)
    came: list[BatchCounts] = []

    def consume(mine: list[Record]) -> None:
        persister = Persister(world.engine, world.log)
        both_ready.wait()
        came.append(persister(mine))

    threads = [Thread(target=consume, args=(batch,)), Thread(target=consume, args=(batch[::-1],))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(one.created for one in came) == 50
    assert sum(one.repeated for one in came) == 50
    assert world.counts()[:3] == (50, 50, 50)
    kinds = [event[1] for event in world.stream("all")]
    assert (kinds.count("created"), kinds.count("merged")) == (25, 25)
    assert [cursor for cursor, *_ in world.stream("all")] == list(range(1, 51))


class Classifications:
    """Counts the texts that are classified, and calls ``during`` with each."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, during: Callable[[], None] = lambda: None) -> None:
        self.titles: list[str] = []
        classify = Classifier.matches

        def matches(classifier: Classifier, title: str, text: str) -> tuple[Match, ...]:
            self.titles.append(title)
            during()
            return classify(classifier, title, text)

        monkeypatch.setattr(Classifier, "matches", matches)


def test_repeats_and_stored_texts_are_not_classified(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    first = records(article(title="A"), article(title="B", poll_id=2))
    world.persist(first)
    classified = Classifications(monkeypatch)
    back, new = article(title="A", poll_id=3), article(title="C", poll_id=4)
    copy = article("https://news.example/copy", title="C", poll_id=4)
    counts = world.persist([*first, *records(back, new, copy, first=3)])
    assert counts == BatchCounts(repeated=2, unchanged=0, updated=1, created=1)
    assert classified.titles == ["C"], "a text is classified once, and only if it is new"


def test_no_other_consumer_waits_while_articles_are_classified(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.persist(records(article(title="A", text=LONG_TEXT)))
    held: list[tuple[Any, ...]] = []

    def look() -> None:
        held.extend(world.rows("SELECT * FROM pg_locks WHERE locktype = 'advisory'"))
        held.extend(world.rows("SELECT * FROM pg_stat_activity WHERE state LIKE 'idle in transaction%'"))

    classified = Classifications(monkeypatch, look)
    world.persist(records(article(title="B", text=LONG_TEXT, poll_id=2), first=2))
    assert (classified.titles, held) == (["B"], [])


def test_a_text_that_was_not_classified_beforehand_is_classified_with_the_same_topics(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another consumer may change the article between the look-up and the transaction."""
    monkeypatch.setattr("ingest.persist.articles_to_classify", lambda *_arguments, **_stored: [])
    world.persist(records(article(title="Summit")))
    assert world.stream("summits") == [(1, "created", "Summit", 1)]


def test_changed_topics_are_in_force_a_second_later(world: World) -> None:
    world.persist(records(article(title="A harbour")))
    with transaction(world.engine) as connection:
        driver_of(connection).execute(
            "INSERT INTO topics (slug, title, rule, changed_at) VALUES ('ports', 'Ports', %s, now())",
            (Jsonb({"any": ["harbour"]}),),
        )
    world.now += timedelta(seconds=2)
    world.persist(records(article("https://news.example/b", title="Another harbour"), first=2))
    assert [event[2] for event in world.stream("ports")] == ["Another harbour"]


def test_attribution_and_lists_survive_the_store(world: World) -> None:
    from ingest.types import Attribution

    said = Attribution(author="R. Brown", publisher="First Paper", url=None, evidence="originally by …")
    came: Article = replace(article(), attribution=said, categories=(), authors=())
    world.persist(records(came))
    ((stored, authors),) = world.rows("SELECT attribution, authors FROM revisions")
    assert stored == {
        "author": "R. Brown",
        "publisher": "First Paper",
        "url": None,
        "evidence": "originally by …",
        "credits": [],
    }
    assert authors == []


def test_what_an_earlier_record_of_a_batch_left_is_left(world: World) -> None:
    world.persist(records(article(title="Summit opens")))
    world.persist(
        records(
            article(title="It rains", poll_id=2),
            article(title="It rains still", poll_id=3),
            first=2,
        )
    )
    assert world.rows("SELECT topic FROM matches ORDER BY topic") == [("all",)]
    assert [kind for _, kind, _, _ in world.stream("summits")] == ["created", "reclassified"]
    world.persist(records(article(title="It rains on", poll_id=4), first=4))
    assert [kind for _, kind, _, _ in world.stream("summits")] == ["created", "reclassified"]


def page_of(feeds: Article, text: str, *, page_id: int) -> Article:
    """Return the article with the text of its page."""
    page = PageSource(id=page_id, content_hash=feeds.content_hash, url="https://news.example/a")
    whole = f"{feeds.summary}\n{text}"
    return replace(feeds, text=text, content_hash=content_hash(feeds.title, whole, feeds.authors), page=page)


@pytest.fixture
def full_text(database: Engine) -> None:
    """Insert feed 7 with full text."""
    with transaction(database) as connection:
        connection.execute(
            text(
                "INSERT INTO feeds (id, url, added_at, next_poll_at, interval, full_text) OVERRIDING SYSTEM VALUE "
                "VALUES (7, 'https://news.example/feed', now(), now(), '1 h', true)"
            )
        )


@pytest.mark.usefixtures("full_text")
@pytest.mark.parametrize("size", [1, 2, 3])
def test_a_topic_that_a_pages_text_matched_is_not_left_for_the_feeds_few_words(
    world: World, size: int
) -> None:
    feeds = article(title="Leaders meet", text="They met.")
    whole = page_of(feeds, "A summit.", page_id=2)
    came = records(feeds, whole, article(title="Leaders met", text="They met.", poll_id=3))
    for at in range(0, 3, size):
        world.persist(came[at : at + size])
    assert world.rows("SELECT revision FROM articles") == [(3,)]
    assert world.rows("SELECT topic, revision FROM matches ORDER BY topic") == [("all", 3), ("summits", 2)]


@pytest.mark.usefixtures("full_text")
@pytest.mark.parametrize("again", [7, 8])
@pytest.mark.parametrize("before", [(), ("Ann Author",)])
def test_an_edited_author_does_not_bring_the_feeds_few_words_back(
    world: World, before: tuple[str, ...], again: int
) -> None:
    feeds = article(title="Leaders meet", text="They met.", authors=before)
    edited = article(title="Leaders meet", text="They met.", authors=("Ann Author", "Bo Byline"), poll_id=3)
    for number, one in enumerate(
        (feeds, page_of(feeds, "A summit.", page_id=2), replace(edited, feed_id=again))
    ):
        world.persist(records(one, first=number + 1))
    assert world.rows("SELECT number, text, current FROM revisions ORDER BY number") == [
        (1, "They met.", False),
        (2, "A summit.", True),
    ]
    assert world.rows("SELECT effect, revision FROM sightings ORDER BY poll_id")[2] == ("unchanged", 2)


@pytest.mark.usefixtures("full_text")
def test_a_late_byline_does_not_replace_a_page_that_is_shown(world: World) -> None:
    nobodys = article(title="Leaders meet", text="They met.", authors=(), poll_id=3)
    late = article(title="Leaders meet", text="They met.", authors=("Ann Author",), poll_id=1)
    elsewhere = replace(nobodys, feed_id=8, poll_id=5)
    for number, one in enumerate((nobodys, page_of(nobodys, "A summit.", page_id=4), late, elsewhere)):
        world.persist(records(one, first=number + 1))
    assert world.rows("SELECT text FROM revisions WHERE current") == [("A summit.",)]
    assert world.rows("SELECT revision FROM articles") == [(2,)]


@pytest.mark.usefixtures("full_text")
def test_what_is_late_is_told_by_the_feeds_last_word_and_not_by_its_page(world: World) -> None:
    first = article(title="Summit opens", poll_id=1)
    came = (first, article(title="Summit ends", poll_id=3), replace(first, poll_id=6))
    for number, one in enumerate((*came, page_of(first, "A summit.", page_id=7))):
        world.persist(records(one, first=number + 1))
    world.persist(records(article(title="It rains", poll_id=4), first=5))
    assert world.rows("SELECT effect FROM sightings ORDER BY poll_id") == [
        ("created",),
        ("updated",),
        ("late",),
        ("reverted",),
        ("updated",),
    ]


def some_polls(chance: random.Random, ids: Sequence[int]) -> list[Article]:
    titles = ["Summit opens", "Summit ends", "It rains", "It snows", "A summit of clouds"]
    came = [
        article(
            f"https://news.example/{chance.randrange(2)}",
            poll_id=poll_id,
            title=chance.choice(titles),
            text=chance.choice(["Text.", "Text.", ""]),
            authors=chance.choice([(), ("Ann",), ("Ann", "Bo")]),
        )
        for poll_id in ids
    ]
    return [replace(each, feed_id=chance.choice([7, 7, 8])) for each in came]


def some_of_them_late(chance: random.Random) -> list[Article]:
    return some_polls(chance, sorted(range(1, 19), key=lambda poll: poll + chance.uniform(0, 3)))


def some_with_their_pages(chance: random.Random) -> list[Article]:
    """Add pages of feed 7, which alone has full text; each title and text has at most one page."""
    came, pages = some_polls(chance, range(1, 19)), set()
    for feeds in tuple(came):
        told = (feeds.id, feeds.title, feeds.text)
        wanted = feeds.feed_id == 7 and feeds.text and feeds.authors and told not in pages
        if wanted and chance.random() < 0.7:
            pages.add(told)
            text = chance.choice(["A summit, at length.", "Rain, at length.", "Text."])
            place = came.index(feeds) + 1
            came.insert(place + chance.randrange(3), page_of(feeds, text, page_id=100 + feeds.poll_id))
    return came


@pytest.mark.usefixtures("full_text")
@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("some", [some_of_them_late, some_with_their_pages])
def test_however_records_are_batched_they_come_to_the_same(
    database: Engine, seed: int, some: Callable[[random.Random], list[Article]]
) -> None:
    came = some(random.Random(seed))
    facts = []
    for size in (1, 2, 5, len(came)):
        with transaction(database) as connection:
            for table in ("articles", "sightings", "topics", "log_topics", "pages"):
                driver_of(connection).execute(f"TRUNCATE {table} CASCADE")
        world = World(database)
        rows = records(*came)
        for at in range(0, len(rows), size):
            world.persist(rows[at : at + size])
        facts.append(
            (
                world.rows("SELECT topic, article_id, revision FROM matches ORDER BY 1, 2"),
                world.rows("SELECT article_id, number, title, authors, current FROM revisions ORDER BY 1, 2"),
                world.rows("SELECT id, revision, latest, revised_poll_id FROM articles ORDER BY 1"),
                world.rows("SELECT article_id, poll_id, effect, revision FROM sightings ORDER BY 2"),
                world.stream("all"),
                world.stream("summits"),
            )
        )
    for first, *others in zip(*facts, strict=True):
        for other in others:
            assert other == first


def test_a_record_from_before_the_stored_text_does_not_become_current(world: World) -> None:
    early, now_current, later = (article(title=f"Summit {n}", poll_id=n) for n in (1, 5, 6))
    world.persist(records(now_current))
    world.persist(records(early, first=2))
    assert world.rows("SELECT number, title, current FROM revisions ORDER BY number") == [
        (1, "Summit 5", True),
        (2, "Summit 1", False),
    ]
    assert world.rows("SELECT effect, revision FROM sightings ORDER BY poll_id") == [
        ("late", 1),
        ("created", 1),
    ]
    assert world.rows("SELECT revision, latest FROM articles") == [(1, 2)]
    world.persist(records(replace(early, poll_id=2), later, first=3))
    assert [(kind, title) for _, kind, title, _ in world.stream("summits")] == [
        ("created", "Summit 5"),
        ("updated", "Summit 6"),
    ]
    assert world.rows("SELECT revision, latest FROM articles") == [(3, 3)]
    assert world.rows("SELECT number FROM revisions WHERE current") == [(3,)]


def test_a_record_from_before_its_text_came_back_does_not_become_current(world: World) -> None:
    """Each record is a batch. A reverted text is as new as the poll that brought it again, not as its revision."""
    for poll_id, title in ((1, "Summit opens"), (2, "Summit ends"), (6, "Summit opens"), (4, "It rains")):
        world.persist(records(article(title=title, poll_id=poll_id), first=poll_id))
    assert world.rows("SELECT title, current FROM revisions ORDER BY number") == [
        ("Summit opens", True),
        ("Summit ends", False),
        ("It rains", False),
    ]
    assert world.rows("SELECT effect FROM sightings ORDER BY poll_id") == [
        ("created",),
        ("updated",),
        ("late",),
        ("reverted",),
    ]


def test_the_text_of_another_feed_is_late_only_when_it_is_much_older(world: World) -> None:
    world.now = START + timedelta(minutes=100)
    world.persist(records(article(title="Summit 5", poll_id=100)))
    other = replace(article(title="Summit other", poll_id=7), feed_id=8)
    almost = replace(other, seen_at=START + timedelta(minutes=97))
    world.persist(records(almost, first=2))
    assert world.one("SELECT title FROM revisions WHERE current") == "Summit other"
    old = replace(article(title="Summit old", poll_id=8), feed_id=9, seen_at=START + timedelta(minutes=60))
    world.persist(records(old, first=3))
    assert world.one("SELECT title FROM revisions WHERE current") == "Summit other"


def test_an_article_belongs_to_the_feed_that_brought_it_first(world: World) -> None:
    first = article(title="One")
    second = replace(article(title="Two", poll_id=2), feed_id=8, source="other.example")
    world.persist(records(first, second))
    assert world.rows("SELECT feed_id, source, revision FROM articles") == [(7, "news.example", 2)]


def test_another_record_at_the_same_place_is_quarantined_too(world: World) -> None:
    bad = replace(record(article(), offset=17), value=b"not json")
    for value in (b"not json", b"not json", b"nor this"):
        world.persist([replace(bad, value=value)])
    assert world.rows("SELECT value FROM quarantine ORDER BY id") == [(b"not json",), (b"nor this",)]


def test_a_record_whose_key_and_headers_no_database_holds_is_quarantined_all_the_same(world: World) -> None:
    odd = replace(record(article(), offset=18), key="a\0b", headers={"x\0": "\0"}, value=b"no")
    assert world.persist([odd, *records(article(title="Fine"))]) == BatchCounts(created=1, quarantined=1)
    assert world.rows("SELECT key FROM quarantine") == [("a\\0b",)]
