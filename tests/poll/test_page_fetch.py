"""Articles' pages over real HTTP, with the real database and the real consumer."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from itertools import pairwise
from threading import Thread
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import Engine, select, text, update

from ingest.alerts import append_alerts
from ingest.cli import root
from ingest.db import hosts
from ingest.db.article_history import History, find_article
from ingest.db.feed_states import mute, unmute
from ingest.db.feeds import make_due, remove_feed, set_full_text
from ingest.db.page_fetch import finish, lease_pages, release
from ingest.db.polls import lease_due
from ingest.db.status import read_status
from ingest.db.tables import pages, robots, sightings
from ingest.db.topics import load
from ingest.errors import Unavailable
from ingest.log.api import ARTICLES
from ingest.log.postgres import PostgresLog
from ingest.persist import Persister
from ingest.schedule.page_fetch import MAX_TRIES, RETRIES, taken
from ingest.schedule.rate_limit import HostLimits
from ingest.types import Topic
from tests.feedworld import faults
from tests.feedworld.names import Names
from tests.poll.conftest import Desk, wait_for_lock_wait

pytestmark = pytest.mark.store

TEASER = "The harbour council votes on the new breakwater tonight."
STORY = (
    "The harbour council votes tonight on the new breakwater, after a debate of eleven years over who pays.",
    "Fishermen say that every winter without it costs them boats; the last storm took four from the moorings.",
    "The mayor promised that the votes will be counted in public and the breakwater begun before the autumn.",
    "Engineers brought the model of the breakwater to the town hall, where children were let to flood it twice.",
)
PLAIN = "text/html; charset=utf-8"


def page(*paragraphs: str, title: str = "Breakwater vote tonight") -> bytes:
    """Return an article's page with navigation and other boilerplate."""
    body = "".join(f"<p>{each}</p>" for each in paragraphs)
    return (
        f"<!doctype html><html lang='en'><head><title>{title} | Harbour Gazette</title></head><body>"
        "<nav><ul><li><a href='/'>Home</a></li><li><a href='/sport'>Sport</a></li></ul></nav>"
        f"<main><article><h1>{title}</h1>{body}</article></main>"
        "<footer><p>All rights reserved. <a href='/terms'>Terms</a></p></footer></body></html>"
    ).encode()


class Press:
    """A feed of one article with a page, the poller and the consumer."""

    def __init__(self, desk: Desk, *, host: str | None = None) -> None:
        self.desk = desk
        self.feed = desk.world.feed("/feed.xml", host=host)
        self.page = desk.world.feed("/news/breakwater", host=host)
        self.robots = desk.world.feed("/robots.txt", host=host)
        self.page.publish(page(*STORY), PLAIN)
        self.show()
        self._persist = Persister(desk.engine, PostgresLog(desk.engine), clock=desk.clock)
        self._taken = 0
        desk.add(self.feed)
        assert set_full_text(desk.engine, desk.feed(self.feed).id, wanted=True)

    def show(self, teaser: str = TEASER, *, title: str = "Breakwater vote tonight", links: int = 1) -> None:
        """Publish the article with ``teaser`` as its text, beside others whose pages are missing."""
        entries = "".join(
            f"<item><guid isPermaLink='false'>{number}</guid><title>{title}{f' {number}' if number else ''}</title>"
            f"<link>{self.page.url}{f'-{number}' if number else ''}</link><description>{teaser}</description></item>"
            for number in range(links)
        )
        self.feed.publish(f"<rss version='2.0'><channel><title>H</title>{entries}</channel></rss>".encode())

    def persist(self) -> None:
        """Store all new records of the log."""
        records = self.desk.log.read(ARTICLES, after=self._taken, limit=10_000)
        if records:
            self._persist(records)
            self._taken = records[-1].offset

    def round(self) -> None:
        """Poll, store, fetch the pages that are due, and store their texts."""
        self.desk.poll()
        self.persist()
        self.fetch_pages()

    def fetch_pages(self, *, after: timedelta = timedelta(0)) -> None:
        self.desk.clock.pass_by(after)
        self.desk.poll_due()
        self.persist()

    def article(self) -> History:
        with self.desk.engine.connect() as connection:
            (found,) = connection.scalars(text("SELECT id FROM articles WHERE url LIKE '%/news/breakwater'"))
        history = find_article(self.desk.engine, found)
        assert history is not None
        return history

    def text(self) -> str:
        """The text of the current revision."""
        return next(each.text for each in self.article().revisions if each.current)

    def effects(self) -> list[str]:
        with self.desk.engine.connect() as connection:
            rows = connection.scalars(
                select(sightings.c.effect)
                .where(sightings.c.article_id == self.article().id)
                .order_by(sightings.c.log_position)
            )
            return list(rows)


@pytest.fixture
def press(desk: Desk) -> Press:
    return Press(desk)


def test_an_article_is_there_with_its_feeds_text_at_once_and_its_pages_text_comes_as_a_revision(
    press: Press,
) -> None:
    press.desk.poll()
    press.persist()
    assert press.text() == TEASER
    assert press.page.request_count == 0
    press.fetch_pages()
    assert press.text() == "\n".join(STORY)
    history = press.article()
    assert [each.number for each in history.revisions] == [2, 1]
    assert press.effects() == ["created", "updated"]
    (wanted,) = history.pages
    assert (wanted.state, wanted.revision, wanted.tries) == ("taken", 2, 1)
    current = history.revisions[0]
    assert "<p>" in current.html
    assert "Home" not in current.html
    assert (current.title, current.summary, current.guid) == ("Breakwater vote tonight", TEASER, "0")


def test_without_the_option_no_page_is_asked_for(press: Press) -> None:
    set_full_text(press.desk.engine, press.desk.feed(press.feed).id, wanted=False)
    press.round()
    assert press.text() == TEASER
    assert press.article().pages == ()
    assert (press.page.request_count, press.robots.request_count) == (0, 0)


REFUSALS: dict[str, tuple[Callable[[Press], None], str]] = {
    "403": (lambda press: press.page.publish(b"no", status=403), "status"),
    "a challenge": (
        lambda press: press.page.publish(b"no", status=403, headers={"cf-mitigated": "challenge"}),
        "challenged",
    ),
    "a reset": (lambda press: press.page.fail_always(faults.reset()), "protocol"),
    "a page that never ends": (lambda press: press.page.fail_always(faults.endless_body()), "too-large"),
    "less than the feed has": (lambda press: press.page.publish(page("Votes tonight."), PLAIN), "no-better"),
    "a wall": (
        lambda press: press.page.publish(
            page(*["Subscribe now and read everything without limits on all of your devices."] * 5), PLAIN
        ),
        "no-better",
    ),
    "another language": (
        lambda press: press.page.publish(
            page(*["Сегодня вечером совет порта голосует о новом волноломе, сообщает городская газета."] * 5),
            PLAIN,
        ),
        "no-better",
    ),
    "a picture": (lambda press: press.page.publish(b"\x89PNG", "image/png"), "not-html"),
    "a page that is gone": (lambda press: press.page.publish(b"gone", status=410), "status"),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_whatever_its_page_answers_the_article_keeps_its_feeds_text_and_the_ledger_says_why(
    press: Press, case: str
) -> None:
    make, failure = REFUSALS[case]
    make(press)
    press.round()
    for _ in range(MAX_TRIES):
        press.fetch_pages(after=RETRIES[-1])
    history = press.article()
    assert press.text() == TEASER
    assert [each.number for each in history.revisions] == [1]
    (wanted,) = history.pages
    assert (wanted.state, wanted.failure) == ("given-up", failure)
    assert wanted.detail
    assert wanted.tries <= MAX_TRIES
    asked = press.page.request_count
    press.fetch_pages(after=timedelta(days=9))
    assert press.page.request_count == asked


def test_a_page_that_answers_later_is_taken_then(press: Press) -> None:
    press.page.fail_next(faults.status(403), faults.status(500))
    press.round()
    (wanted,) = press.article().pages
    assert (wanted.state, wanted.failure, wanted.status) == ("waiting", "status", 403)
    press.fetch_pages(after=RETRIES[0] - timedelta(seconds=2))
    assert press.page.request_count == 1
    press.fetch_pages(after=timedelta(seconds=5))
    press.fetch_pages(after=RETRIES[1])
    assert press.page.statuses == {403: 1, 500: 1, 200: 1}
    assert press.text() == "\n".join(STORY)


def test_what_robots_txt_forbids_is_not_fetched(press: Press) -> None:
    press.robots.publish(b"User-agent: *\nDisallow: /news/\n", "text/plain")
    press.round()
    assert (press.robots.request_count, press.page.request_count) == (1, 0)
    (wanted,) = press.article().pages
    assert (wanted.state, wanted.failure) == ("given-up", "robots")
    assert press.text() == TEASER


def test_while_robots_txt_cannot_be_had_no_page_is_fetched_and_later_it_is(press: Press) -> None:
    press.robots.fail_next(faults.status(503))
    press.robots.publish(b"User-agent: *\nAllow: /\n", "text/plain")
    press.round()
    (wanted,) = press.article().pages
    assert (wanted.state, wanted.failure) == ("waiting", "robots")
    assert press.page.request_count == 0
    press.fetch_pages(after=timedelta(hours=2))
    assert press.robots.statuses == {503: 1, 200: 1}
    assert press.text() == "\n".join(STORY)


def test_robots_txt_is_asked_for_once_a_day_and_not_for_every_page(press: Press) -> None:
    press.show(links=3)
    press.round()
    assert press.robots.request_count == 1
    press.show("The vote was put off by a week, as the model of the breakwater leaks.", links=3)
    press.round()
    assert press.robots.request_count == 1
    press.desk.clock.pass_by(timedelta(days=1))
    press.show("The vote on the breakwater is over, and the council said yes to it.", links=3)
    press.round()
    assert press.robots.request_count == 2


def test_a_page_that_moved_is_fetched_where_it_is_if_robots_may_go_there(
    make_desk: Callable[..., Desk],
) -> None:
    desk = make_desk(resolver=Names(), host_limits=HostLimits(spacing=timedelta(0)))
    press = Press(desk, host="gazette.test")
    for host, rules in (("open.test", b""), ("closed.test", b"User-agent: news-ingest-tests\nDisallow: /\n")):
        desk.world.feed("/robots.txt", host=host).publish(rules, "text/plain")
        desk.world.feed("/moved", host=host).publish(page(*STORY), PLAIN)
    press.page.publish(b"", status=301, headers={"Location": desk.world.url("/moved", host="closed.test")})
    press.round()
    for _ in range(4):
        press.fetch_pages(after=timedelta(seconds=2))
    (wanted,) = press.article().pages
    assert (wanted.state, wanted.failure) == ("given-up", "robots")
    assert desk.world.feed("/moved", host="closed.test").request_count == 0
    press.page.publish(b"", status=301, headers={"Location": desk.world.url("/moved", host="open.test")})
    press.show("The council votes on the breakwater, says the harbour office.")
    press.round()
    for _ in range(4):
        press.fetch_pages(after=timedelta(seconds=2))
    assert press.text() == "\n".join(STORY)


def test_pages_that_redirect_for_ever_are_given_up(press: Press) -> None:
    press.page.publish(b"", status=302, headers={"Location": press.page.url})
    press.round()
    (wanted,) = press.article().pages
    assert (wanted.state, wanted.failure) == ("given-up", "redirect")
    assert press.page.request_count <= 6


def test_the_feed_saying_again_what_the_page_replaced_changes_nothing(press: Press) -> None:
    press.round()
    press.show("The council put the vote on the breakwater off: the model leaks, says the harbour office.")
    press.page.publish(page("The council put the vote on the breakwater off.", *STORY), PLAIN)
    press.round()
    assert press.text().startswith("The council put the vote")
    revisions = len(press.article().revisions)
    # Back to what it said first: the page's text of then is shown, not the teaser, and the page is not asked again.
    press.show()
    asked = press.page.request_count
    press.round()
    assert press.text() == "\n".join(STORY)
    assert press.page.request_count == asked
    assert len(press.article().revisions) == revisions
    assert press.effects()[-1] == "reverted"


def test_another_feed_with_the_same_words_does_not_bring_the_teaser_back(press: Press) -> None:
    press.round()
    other = press.desk.world.feed("/other.xml")
    assert press.feed.body is not None
    other.publish(press.feed.body)
    press.desk.add(other)
    press.round()
    assert press.text() == "\n".join(STORY)
    assert press.effects()[-1] == "unchanged"
    assert press.page.request_count == 1


def test_a_newer_version_of_the_feed_stands_until_its_page_was_read_again(press: Press) -> None:
    press.round()
    press.show("The council said no to the breakwater, by one vote, late at night.", title="Breakwater: no")
    press.desk.poll()
    press.persist()
    assert press.text().startswith("The council said no")
    press.page.publish(page("The council said no to the breakwater, by one vote.", *STORY), PLAIN)
    press.fetch_pages()
    assert press.text().startswith("The council said no to the breakwater, by one vote.\n")
    assert [each.number for each in press.article().revisions] == [4, 3, 2, 1]


def test_a_page_that_comes_after_its_version_was_replaced_is_kept_and_not_shown(press: Press) -> None:
    press.desk.poll()
    press.persist()
    newer = "The council said no to the breakwater, by one vote, late at night."
    press.show(newer)
    press.desk.poll()  # fetches the page of the first version beside the poll
    records = press.desk.log.read(ARTICLES, after=1, limit=10)
    assert len(records) == 2
    press.page.publish(b"no", status=404)
    feeds_own, of_page = sorted(records, key=lambda record: b'"page":' in record.value)
    press._persist([feeds_own])
    press._persist([of_page])
    press._taken = records[-1].offset
    assert press.text() == newer
    assert sorted(press.effects()) == ["created", "late", "updated"]


class DyingLog:
    """The real log, which fails once it has taken a page's text (or, ``before``, once it is to take one): the poller
    dies between the append and the record."""

    def __init__(self, engine: Engine, *, before: bool = False) -> None:
        self._log = PostgresLog(engine)
        self._before = before
        self.deadly = True

    def append(self, topic: str, messages: Any) -> None:
        dies = self.deadly and any(b'"page":' in message.value for message in messages)
        if not (dies and self._before):
            self._log.append(topic, messages)
        if dies:
            raise Unavailable("log", "it died over a page")


def test_a_poller_that_dies_between_append_and_record_makes_no_second_revision(
    database: Engine, make_desk: Callable[..., Desk]
) -> None:
    log = DyingLog(database)
    press = Press(make_desk(log=log))
    press.desk.poll()
    press.persist()
    with pytest.raises(Unavailable):
        press.fetch_pages()
    # Before the record is consumed the lease runs out, and the page, which changed, is fetched and appended again.
    log.deadly = False
    press.page.publish(page(*STORY, "The harbour office adds that coffee will be served."), PLAIN)
    press.fetch_pages(after=timedelta(minutes=6))
    assert press.page.request_count == 2
    assert press.text() == "\n".join(STORY)
    assert [each.number for each in press.article().revisions] == [2, 1]
    assert press.effects() == ["created", "updated"]


def test_a_text_that_the_log_did_not_take_is_fetched_again(
    database: Engine, make_desk: Callable[..., Desk]
) -> None:
    log = DyingLog(database, before=True)
    press = Press(make_desk(log=log))
    press.desk.poll()
    press.persist()
    with pytest.raises(Unavailable):
        press.fetch_pages()
    log.deadly = False
    press.fetch_pages(after=timedelta(minutes=6))
    assert press.text() == "\n".join(STORY)


def test_a_text_that_was_stored_is_not_fetched_again_though_its_poller_died(
    database: Engine, make_desk: Callable[..., Desk]
) -> None:
    press = Press(make_desk(log=DyingLog(database)))
    press.desk.poll()
    press.persist()
    with pytest.raises(Unavailable):
        press.fetch_pages()
    press.persist()
    press.fetch_pages(after=timedelta(hours=9))
    assert press.page.request_count == 1
    assert press.article().pages[0].state == "taken"


def test_a_page_whose_pollers_all_die_is_given_up(press: Press) -> None:
    press.desk.poll()
    press.persist()
    with press.desk.engine.begin() as connection:
        connection.execute(update(pages).values(tries=MAX_TRIES))
    press.fetch_pages()
    (wanted,) = press.article().pages
    assert (wanted.state, wanted.failure) == ("given-up", "abandoned")
    assert press.page.request_count == 0


@pytest.fixture
def far(make_desk: Callable[..., Desk]) -> Press:
    """A press whose host name is not loopback, so that rate limits apply."""
    return Press(
        make_desk(resolver=Names(), host_limits=HostLimits(concurrency=2, spacing=timedelta(seconds=10))),
        host="gazette.test",
    )


def test_pages_and_feeds_of_a_host_share_its_budget_and_feeds_go_first(far: Press) -> None:
    desk, clock = far.desk, far.desk.clock
    far.robots.publish(b"", "text/plain")
    far.show(links=6)
    for number in range(1, 6):
        desk.world.feed(f"/news/breakwater-{number}", host="gazette.test").publish(page(*STORY), PLAIN)
    others = [desk.world.feed(f"/other-{number}.xml", host="gazette.test") for number in range(3)]
    desk.poll()
    far.persist()
    for other in others:
        other.publish(b"<rss version='2.0'><channel><title>O</title></channel></rss>")
    asked: list[int] = []
    added = False
    for second in range(200):
        if second == 40 and not added:
            desk.add(*others)
            added = True
        clock.pass_by(timedelta(seconds=1))
        before = desk.world.request_count
        desk.poll_due()
        far.persist()
        asked += [second] * (desk.world.request_count - before)
        if second == 40 + 35:
            assert all(other.request_count for other in others)
    for at in asked:
        assert sum(at <= other < at + 100 for other in asked) <= 10 + 2
    with desk.engine.connect() as connection:
        assert set(connection.scalars(select(pages.c.state))) == {"taken"}


def test_crawl_delay_makes_a_host_be_asked_one_thing_at_a_time_and_as_seldom_as_it_says(far: Press) -> None:
    desk = far.desk
    far.robots.publish(b"User-agent: *\nCrawl-delay: 45\n", "text/plain")
    far.show(links=3)
    for number in range(1, 3):
        desk.world.feed(f"/news/breakwater-{number}", host="gazette.test").publish(page(*STORY), PLAIN)
    desk.poll()
    far.persist()
    asked: list[int] = []
    for second in range(240):
        desk.clock.pass_by(timedelta(seconds=1))
        before = desk.world.request_count
        desk.poll_due()
        far.persist()
        asked += [second] * (desk.world.request_count - before)
    after = asked[1:]  # the first was robots.txt, which says so
    assert len(after) == 3
    assert all(later - earlier >= 45 for earlier, later in pairwise(after))
    (known,) = [each for each in hosts.list_hosts(desk.engine) if each.host == "gazette.test"]
    assert (known.crawl_delay, known.pages) == (timedelta(seconds=45), 0)


def test_a_page_that_says_too_many_requests_pauses_its_host_for_feeds_too(far: Press) -> None:
    far.robots.publish(b"", "text/plain")
    far.page.fail_next(faults.status(429, headers={"Retry-After": "600"}))
    far.desk.poll()
    far.persist()
    for _ in range(4):
        far.fetch_pages(after=timedelta(seconds=10))
    (known,) = hosts.list_hosts(far.desk.engine)
    assert known.paused_until is not None
    polls = far.feed.request_count
    far.desk.poll()
    assert (far.page.request_count, far.feed.request_count) == (1, polls)
    far.fetch_pages(after=timedelta(minutes=11))
    far.fetch_pages(after=timedelta(seconds=30))
    assert far.text() == "\n".join(STORY)


def test_pages_of_a_muted_feed_wait_and_those_of_one_without_full_text_are_given_up(press: Press) -> None:
    feed_id = press.desk.feed(press.feed).id
    press.desk.poll()
    press.persist()
    telling = partial(append_alerts, press.desk.log)
    mute(press.desk.engine, feed_id, reason="by hand", now=press.desk.clock(), append_alerts=telling)
    press.fetch_pages()
    assert press.article().pages[0].state == "waiting"
    set_full_text(press.desk.engine, feed_id, wanted=False)
    unmute(press.desk.engine, feed_id, now=press.desk.clock(), append_alerts=telling)
    press.fetch_pages()
    (wanted,) = press.article().pages
    assert (wanted.state, wanted.detail) == ("given-up", "full text was turned off for its feed")
    assert press.page.request_count == 0


def of_an_index(press: Press) -> int:
    """The article is in a sitemap now that the feed names, which is an index; the index's id."""
    part = press.desk.world.feed("/news-1.xml")
    press.feed.publish(f"<sitemapindex><sitemap><loc>{part.url}</loc></sitemap></sitemapindex>".encode())
    part.publish(
        "<urlset xmlns:news='http://www.google.com/schemas/sitemap-news/0.9'>"
        f"<url><loc>{press.page.url}</loc><news:news><news:title>Breakwater vote tonight</news:title></news:news></url>"
        "</urlset>".encode()
    )
    press.desk.poll()
    press.desk.poll()
    press.persist()
    return press.desk.feed(press.feed).id


def test_full_text_of_an_index_of_sitemaps_is_that_of_its_sitemaps(press: Press) -> None:
    of_an_index(press)
    press.fetch_pages()
    assert press.text() == "\n".join(STORY)


def test_with_an_index_the_pages_that_its_sitemaps_wait_for_are_given_up(press: Press) -> None:
    feed_id = of_an_index(press)
    assert press.article().pages[0].state == "waiting"
    remove_feed(press.desk.engine, feed_id)
    (wanted,) = press.article().pages
    assert (wanted.state, wanted.detail) == ("given-up", "its feed was removed")


def test_pages_that_wait_go_with_the_feed_to_the_one_it_gave_way_to(press: Press) -> None:
    desk, new = press.desk, press.desk.world.feed("/new.xml")
    new.publish(
        b"<rss version='2.0'><channel><title>H</title><item><title>Two</title></item></channel></rss>"
    )
    desk.add(new)
    desk.poll()
    press.persist()
    with desk.engine.begin() as connection:
        connection.execute(update(pages).values(due_at=desk.clock() + timedelta(days=9)))
    press.feed.redirect(new.url, status=301)
    for _ in range(9):
        desk.poll()
        desk.clock.pass_by(timedelta(days=1))
    assert not desk.feed(press.feed).enabled
    press.fetch_pages(after=timedelta(days=1))
    assert press.text() == "\n".join(STORY)


def test_links_that_are_no_addresses_are_no_pages(press: Press) -> None:
    press.feed.publish(
        b"<rss version='2.0'><channel><title>H</title><item><guid isPermaLink='false'>1</guid><title>One</title>"
        b"<link>mailto:desk@gazette.test</link></item><item><title>Two</title></item></channel></rss>"
    )
    press.round()
    with press.desk.engine.connect() as connection:
        assert connection.execute(select(pages.c.id)).all() == []
        assert connection.execute(select(robots.c.origin)).all() == []


@pytest.fixture
def command(database_url: str) -> Callable[..., Result]:
    def run(*arguments: str) -> Result:
        return CliRunner().invoke(root, arguments, env={"INGEST_DATABASE_URL": database_url})

    return run


def test_an_operator_turns_it_on_and_sees_what_became_of_each_page(
    press: Press, command: Callable[..., Result]
) -> None:
    url = press.feed.url
    assert command("feeds", "full-text", "off", url).stdout == f"full text off: 1 {url}\n"
    assert "full text" not in command("feeds", "show", "1").stdout
    assert command("feeds", "full-text", "on", "1").stdout == f"full text on: 1 {url}\n"
    assert "full text  the pages of its articles are fetched too" in command("feeds", "show", "1").stdout
    assert json.loads(command("feeds", "show", "1", "--json").stdout)["full_text"] is True
    refused = command("feeds", "full-text", "on", "99")
    assert refused.exit_code == 2
    assert "'99' is not accepted" in refused.stderr

    press.desk.poll()
    press.persist()
    assert "1 waiting" in command("status").stdout
    article = str(press.article().id)
    assert f"{press.page.url}: waits until" in command("articles", "show", article).stdout
    press.page.fail_next(faults.status(403))
    press.fetch_pages()
    assert "(status: 403 Forbidden; tried again after 10m)" in command("articles", "show", article).stdout
    press.fetch_pages(after=RETRIES[0])
    assert "revision 2 has its text" in command("articles", "show", article).stdout
    shown = json.loads(command("articles", "show", article, "--json").stdout)
    assert [(each["state"], each["revision"]) for each in shown["pages"]] == [("taken", 2)]


def test_pages_are_counted_by_what_they_came_to(press: Press) -> None:
    press.show(links=3)
    press.round()
    found = read_status(press.desk.engine, now=press.desk.clock())
    assert (found.pages_waiting, found.pages) == (0, {"taken": 1, "status": 2})
    later = read_status(press.desk.engine, now=press.desk.clock() + timedelta(hours=2))
    assert later.pages == {"taken": 0}


def test_hosts_show_that_robots_txt_slows_them_and_an_operator_goes_before_it(
    far: Press, command: Callable[..., Result]
) -> None:
    far.robots.publish(b"User-agent: *\nCrawl-delay: 45\n", "text/plain")
    far.show(links=2)
    far.desk.poll()
    far.persist()
    far.fetch_pages(after=timedelta(seconds=10))
    line = command("hosts", "list").stdout
    assert line.split() == [
        *("1", "45s", "gazette.test", "Crawl-delay", "of", "its", "robots.txt"),
        *("2", "pages", "waiting"),
    ]
    command("hosts", "set", "gazette.test", "--spacing", "3s")
    assert command("hosts", "list").stdout.split()[:3] == ["1", "3s", "gazette.test"]
    assert "Crawl-delay" not in command("hosts", "list").stdout
    again = command("hosts", "set", "gazette.test", "--spacing", "default").stdout
    assert again == "gazette.test: one request every 45s\n"
    far.fetch_pages(after=timedelta(minutes=1))
    assert far.page.request_count == 1


def test_a_feed_that_is_removed_leaves_its_pages(press: Press) -> None:
    press.desk.poll()
    press.persist()
    remove_feed(press.desk.engine, press.desk.feed(press.feed).id)
    press.fetch_pages()
    (wanted,) = press.article().pages
    assert (wanted.state, wanted.detail) == ("given-up", "its feed was removed")
    assert press.page.request_count == 0


def test_a_link_is_fetched_as_the_feed_has_it_and_the_article_is_known_by_its_canonical_address(
    press: Press,
) -> None:
    with_query = press.desk.world.feed("/news/breakwater?utm_source=rss")
    with_query.publish(page(*STORY), PLAIN)
    assert press.feed.body is not None
    press.feed.publish(press.feed.body.replace(b"/news/breakwater<", b"/news/breakwater?utm_source=rss<"))
    press.round()
    assert (with_query.request_count, press.page.request_count) == (1, 0)
    url = press.article().url
    assert url is not None
    assert url.startswith("https://127.0.0.1:")
    assert url.endswith("/news/breakwater")


def test_an_article_does_not_leave_a_topic_because_its_feed_says_less_than_its_page(press: Press) -> None:
    load(
        press.desk.engine,
        [Topic(slug="moorings", title="M", description="", rule={"any": ["moorings"]})],
        now=press.desk.clock(),
    )
    press.round()
    press.desk.clock.pass_by(timedelta(seconds=2))
    press.show("The council votes on the breakwater at eight, says the harbour office.")
    press.desk.poll()
    press.persist()
    press.fetch_pages()
    assert [(each.kind, each.cursor) for each in reversed(press.article().events)] == [
        ("created", 1),
        ("updated", 2),
    ]


def test_pages_under_way_count_among_what_a_host_is_asked_at_once(far: Press) -> None:
    engine, clock = far.desk.engine, far.desk.clock
    host_limits, lease = HostLimits(concurrency=2, spacing=timedelta(seconds=1)), timedelta(minutes=10)
    far.show(links=3)
    far.desk.poll()
    far.persist()
    clock.pass_by(timedelta(minutes=1))
    leased = lease_pages(engine, now=clock(), limit=9, lease=lease, host_limits=host_limits)
    assert len(leased) == 2
    clock.pass_by(timedelta(minutes=5))
    make_due(engine, now=clock())
    assert lease_due(engine, now=clock(), limit=9, lease=lease, host_limits=host_limits) == []
    release(engine, leased)
    clock.pass_by(timedelta(minutes=1))
    assert len(lease_due(engine, now=clock(), limit=9, lease=lease, host_limits=host_limits)) == 1
    # A released lease does not count as a try.
    (again, *_) = lease_pages(engine, now=clock(), limit=9, lease=lease, host_limits=host_limits)
    assert again.tries == 1


def test_recording_pages_that_the_consumer_stores_in_the_other_order_is_tried_again(press: Press) -> None:
    engine, clock = press.desk.engine, press.desk.clock
    press.show(links=2)
    press.desk.poll()
    press.persist()
    clock.pass_by(timedelta(seconds=1))
    leased = lease_pages(engine, now=clock(), limit=9, lease=timedelta(minutes=10), host_limits=HostLimits())
    first, second = sorted(leased, key=lambda lease: lease.id)
    touch = "UPDATE pages SET detail = 'seen' WHERE id = :id"
    ended = [(each, taken(status=200)) for each in (first, second)]
    recording = Thread(target=finish, args=(engine, ended), kwargs={"now": clock()})
    with engine.connect() as consumer:
        consumer.execute(text(touch), {"id": second.id})
        recording.start()
        wait_for_lock_wait(engine)  # it holds the first and waits for the second
        consumer.execute(text(touch), {"id": first.id})
        consumer.commit()
    recording.join()
    with engine.connect() as connection:
        assert list(connection.scalars(select(pages.c.state))) == ["taken", "taken"]
