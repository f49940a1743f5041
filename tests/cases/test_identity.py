"""Each entry is one article, whether guids and links are shared or rotate (issue 11, part 5)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from uuid import uuid4

import pytest

from ingest.db import article_aliases
from ingest.log.api import ARTICLES
from ingest.wire import encode
from tests.cases.conftest import Service
from tests.persist.articles import article

pytestmark = pytest.mark.store


def item(
    title: str,
    *,
    link: str | None = None,
    guid: str | None = None,
    date: str | None = None,
    text: str | None = None,
) -> str:
    parts = [f"<title>{title}</title>"]
    if link is not None:
        parts.append(f"<link>{link.replace('&', '&amp;')}</link>")
    if guid is not None:
        parts.append(f"<guid isPermaLink='false'>{guid}</guid>")
    if date is not None:
        parts.append(f"<pubDate>{date}</pubDate>")
    parts.append(f"<description>{f'The text of {title}.' if text is None else text}</description>")
    return f"<item>{''.join(parts)}</item>"


def rss(items: Sequence[str], link: str = "https://g.example/") -> bytes:
    head = f"<rss version='2.0'><channel><title>G</title><link>{link}</link>"
    return f"{head}{''.join(items)}</channel></rss>".encode()


def day(number: int, time: str = "09:00:00") -> str:
    return f"{number:02} Nov 2026 {time} GMT"


POLLS = "https://g.example/polls"
POLL_ENTRIES = [
    item("Poll one", link=POLLS, date=day(30), text="first"),
    item("Poll two", link=POLLS, date=day(29), text="second"),
    item("Poll one", link=POLLS, date=day(28), text="third, same title as the first"),
]


def test_entries_without_guid_that_share_a_link_are_an_article_each(service: Service) -> None:
    """NetNewsWire#4540."""
    fourth = item("Poll three", link=POLLS, date=day(30, "18:00:00"), text="fourth")
    feed = service.serve(rss(POLL_ENTRIES), rss([fourth, *POLL_ENTRIES]), rss(POLL_ENTRIES[::-1]))
    service.poll()
    assert service.titles() == ["Poll one", "Poll one", "Poll two"]
    service.poll()
    service.poll()
    assert service.titles() == ["Poll one", "Poll one", "Poll three", "Poll two"]
    assert {article["revision"] for article in service.articles()} == {1}
    shown = service.cli_json("feeds", "show", feed.url)
    assert shown["entry_identity"]["evidence"] == "title-date"
    assert "title and date" in service.cli("feeds", "show", feed.url)


def test_a_shared_link_stays_shared_when_an_entry_stands_alone(service: Service) -> None:
    later = [item(f"Poll {number}", link=POLLS, date=day(number)) for number in (10, 11)]
    service.serve(rss(POLL_ENTRIES), *(rss([entry]) for entry in later), rss(later))
    for _ in range(4):
        service.poll()
    assert service.titles() == ["Poll 10", "Poll 11", "Poll one", "Poll one", "Poll two"]
    assert {article["revision"] for article in service.articles()} == {1}


@pytest.mark.parametrize("edited", [False, True], ids=["unchanged", "with a new title"])
def test_an_entry_keeps_its_article_when_its_link_is_shared_later(service: Service, edited: bool) -> None:
    first = item("First", link=POLLS, date=day(1), text="A")
    again = item("First, edited", link=POLLS, date=day(1), text="A") if edited else first
    second = item("Second", link=POLLS, date=day(2), text="B")
    service.serve(rss([first]), rss([second, again]), rss([second, again]))
    service.poll()
    (before,) = service.articles()
    service.poll()
    assert service.titles() == ["First, edited" if edited else "First", "Second"]
    kept = service.article("First, edited" if edited else "First")
    assert (kept["id"], kept["revision"]) == (before["id"], 2 if edited else 1)
    service.poll()
    assert service.desk.last(service.desk.world.feeds[0]).appended == 0


SHARED_GUIDS = {
    "one guid for all": ("x", "x", "x"),
    "the address of the site": ("https://g.example/",) * 3,
    "the address of the site without a slash": ("https://g.example",) * 3,
}


@pytest.mark.parametrize("guids", SHARED_GUIDS.values(), ids=SHARED_GUIDS)
@pytest.mark.parametrize(
    "links",
    [("https://g.example/1", "https://g.example/2", "https://g.example/3"), (POLLS,) * 3, (None,) * 3],
    ids=["own links", "one link", "no link"],
)
def test_a_guid_that_entries_share_is_passed_over(
    service: Service, guids: Sequence[str], links: Sequence[str | None]
) -> None:
    entries = [
        item(title, guid=guid, link=link, date=day(number))
        for number, (title, guid, link) in enumerate(zip("ABC", guids, links, strict=True), 1)
    ]
    new = item("D", guid=guids[0], link=links[0] and links[0].replace("1", "4"), date=day(4))
    service.serve(rss(entries), rss([new]), rss([new, *entries[::-1]]))
    for _ in range(3):
        service.poll()
    assert service.titles() == ["A", "B", "C", "D"]
    assert {article["revision"] for article in service.articles()} == {1}


def test_entries_under_one_guid_with_links_of_their_own_are_followed_by_link(service: Service) -> None:
    def edition(name: str, text: str) -> str:
        return item("Edition", guid="story-1", link=f"https://g.example/1?edition={name}", text=text)

    service.serve(
        rss([edition("us", "Same text."), edition("uk", "Same text.")]),
        rss([edition("us", "Same text."), edition("uk", "Another text.")]),
        rss([edition("uk", "Another text."), edition("us", "Same text.")]),
    )
    for _ in range(3):
        service.poll()
    assert sorted((each["url"], each["revision"]) for each in service.articles()) == [
        ("https://g.example/1?edition=uk", 2),
        ("https://g.example/1?edition=us", 1),
    ]


def test_entries_that_differ_in_the_fragment_or_a_tracking_token_alone(service: Service) -> None:
    entries = [
        *(item(f"Update {n}", link=f"https://g.example/live#u{n}", date=day(n)) for n in (1, 2, 3)),
        *(item(f"Note {n}", link=f"https://g.example/n?utm_term={n}", date=day(n)) for n in (1, 2, 3)),
    ]
    service.serve(rss(entries), rss(entries[::-1]))
    service.poll()
    service.poll()
    assert service.titles() == [*(f"Note {n}" for n in (1, 2, 3)), *(f"Update {n}" for n in (1, 2, 3))]


def rotating(token: str, *, guids: bool = False, edited: int = 0, count: int = 5) -> bytes:
    """Five entries whose links (and guids) carry ``token``; the texts of the first ``edited`` carry it too."""
    return rss(
        [
            item(
                f"Story {number}",
                link=f"https://g.example/r/{token}{number}/story-{number}?t={token}",
                guid=f"{token}-{number}" if guids else None,
                date=day(number + 1, "10:30:00"),
                text=f"Text {token if number < edited else ''} of {number}.",
            )
            for number in range(count)
        ]
    )


@pytest.mark.parametrize("guids", [False, True], ids=["links", "guids and links"])
def test_entries_whose_names_rotate_are_recognised_by_title_and_date(service: Service, guids: bool) -> None:
    """papr#103, feedbin/support#416."""
    feed = service.serve(*(rotating(token, guids=guids) for token in ("aa", "bb", "cc", "dd")))
    service.poll()
    for _ in range(3):
        service.poll()
        assert (service.desk.last(feed).created, service.desk.last(feed).appended) == (0, 0)
    assert len(service.articles()) == 5
    assert service.desk.seen_count(feed) <= 10
    shown = service.cli_json("feeds", "show", feed.url)
    assert shown["entry_identity"]["rotates"] is True


def test_a_text_that_changes_with_a_rotation_is_a_revision(service: Service) -> None:
    service.serve(rotating("aa"), rotating("bb", edited=1))
    service.poll()
    service.poll()
    assert sorted(article["revision"] for article in service.articles()) == [1, 1, 1, 1, 2]


def test_a_new_title_in_a_rotation_is_another_article_rather_than_none(service: Service) -> None:
    service.serve(rotating("aa"), rotating("bb").replace(b"<title>Story 0", b"<title>Story zero"))
    service.poll()
    service.poll()
    assert len(service.articles()) == 6
    assert "Story zero" in service.titles()


def test_a_site_that_changes_all_its_addresses_and_guids_brings_nothing_new(service: Service) -> None:
    def entries(base: str, *, title: str = "Story 0") -> bytes:
        return rss(
            [
                item(
                    title if not n else f"Story {n}", link=f"{base}/{n}", guid=f"{base}#{n}", date=day(n + 1)
                )
                for n in range(4)
            ]
        )

    old, new = "https://old.example/p", "https://new.example/news"
    feed = service.serve(entries(old), entries(new), entries(new), entries(new, title="Story nought"))
    for _ in range(4):
        service.poll()
    assert len(service.articles()) == 4
    assert service.article("Story nought")["revision"] == 2
    assert service.cli_json("feeds", "show", feed.url)["entry_identity"]["evidence"] == "guid"


def test_a_title_that_is_published_again_each_day_is_an_article_each_day(service: Service) -> None:
    def briefing(number: int, link: str) -> str:
        return item("Morning briefing", link=link, date=day(number), text="Everything you need today.")

    service.serve(
        *(
            rss([briefing(n, f"https://g.example/{n}"), briefing(n - 1, f"https://g.example/{n - 1}")])
            for n in (2, 3, 4)
        )
    )
    service.serve(
        *(rss([briefing(n, POLLS), briefing(n - 1, POLLS)], link="https://h.example/") for n in (2, 3, 4))
    )
    for _ in range(3):
        service.poll()
    assert service.titles() == ["Morning briefing"] * 8


def test_another_guid_and_link_for_one_title_and_date_is_another_article(service: Service) -> None:
    first = item("Press release", guid="1", link="https://g.example/1", date=day(1), text="One")
    second = item("Press release", guid="2", link="https://g.example/2", date=day(1), text="Two")
    service.serve(rss([first]), rss([second]))
    service.poll()
    service.poll()
    assert len(service.articles()) == 2


OVERRIDES = {
    "guid": (lambda n: item("T", guid=f"g{n}", link=POLLS, date=day(1), text=f"{n}"), 3),
    "link": (lambda n: item("T", guid=f"g{n}", link=POLLS, date=day(1), text=f"{n}"), 1),
    "title-date": (lambda n: item(f"T{n % 2}", guid=f"g{n}", link=POLLS, date=day(1), text=f"{n}"), 2),
}


@pytest.mark.parametrize(
    ("identity", "make", "count"), [(k, *v) for k, v in OVERRIDES.items()], ids=OVERRIDES
)
def test_an_operator_chooses_the_evidence(
    service: Service, identity: str, make: Callable[[int], str], count: int
) -> None:
    feed = service.serve(*(rss([make(number)]) for number in range(3)))
    service.cli("feeds", "set", feed.url, "--identity", identity)
    for _ in range(3):
        service.poll()
    assert len(service.articles()) == count
    assert f"identity   {identity}, chosen by an operator" in service.cli("feeds", "show", feed.url)
    body = service.get(f"/v1/feeds/{service.desk.feed(feed).id}")["feed"]
    assert body["identity"] == identity
    service.cli("feeds", "set", feed.url, "--identity", "auto")
    assert service.cli_json("feeds", "show", feed.url)["identity"] is None


@pytest.mark.parametrize("identity", ["guid", "link", "title-date"])
def test_stored_entries_keep_their_articles_when_the_evidence_changes(
    service: Service, identity: str
) -> None:
    entries = [
        item(f"Story {n}", guid=f"g{n}", link=f"https://g.example/{n}", date=day(n)) for n in (1, 2, 3)
    ]
    feed = service.serve(rss(entries), rss(entries[::-1]))
    service.poll()
    service.cli("feeds", "set", feed.url, "--identity", identity)
    service.poll()
    assert service.desk.last(feed).appended == 0
    assert len(service.articles()) == 3


def test_an_article_of_a_former_canonical_url_is_one_article_with_another_feeds(service: Service) -> None:
    stored = article(url="https://g.example/1/amp/", title="A", text="The text of A.")
    service.desk.log.append(ARTICLES, [encode(stored)])
    service.consume()
    assert article_aliases.refresh(service.engine) == 1
    assert article_aliases.refresh(service.engine) == 0
    service.serve(
        rss([item("A", guid="a", link="https://g.example/1/")]),
        rss([item("A", guid="a", link="https://g.example/1/", text="A new text.")]),
    )
    service.poll()
    service.poll()
    (shown,) = service.articles()
    assert (shown["id"], shown["revision"]) == (str(stored.id), 2)
    for url in ("https://g.example/1/", "https://g.example/1/amp/", "http://g.example/1/?amp=1"):
        ledger = service.get("/v1/ledger", url=url)
        assert [each["id"] for each in ledger["articles"]] == [str(stored.id)], url
    assert [each["stored"] for each in service.get("/v1/ledger", url="https://g.example/1/")["entries"]] in (
        [],
        [True],
    )


def test_a_former_form_of_a_stored_article_stays_an_article_of_its_own(service: Service) -> None:
    former, present = (article(url=f"https://g.example/1/{end}") for end in ("amp/", ""))
    by_guid = replace(article(url="https://g.example/2/amp/"), id=uuid4())
    service.desk.log.append(ARTICLES, [encode(each) for each in (former, present, by_guid)])
    service.consume()
    assert article_aliases.refresh(service.engine) == 0
    service.serve(
        rss(
            [
                item("A", guid="a", link="https://g.example/1/"),
                item("B", guid="b", link="https://g.example/2/"),
            ]
        )
    )
    service.poll()
    assert len(service.articles()) == 4


def test_entries_of_the_alternate_are_one_article_with_the_pages(service: Service) -> None:
    """feedparser#367: the picture of an enclosure is no address of an entry."""
    links = (
        "<link rel='alternate' type='text/html' href='https://pk.example/post/3'/>"
        "<link rel='enclosure' type='image/jpeg'>https://img.example/3.jpg?w=329</link>"
    )
    atom = (
        "<feed xmlns='http://www.w3.org/2005/Atom'><title>T</title><id>u</id>"
        f"<entry><title>A</title><id>tag:3</id>{links}<summary>s</summary></entry></feed>"
    )
    service.serve(atom.encode())
    service.serve(rss([item("A", guid="3", link="https://pk.example/post/3?utm_source=rss")]))
    service.poll()
    (shown,) = service.articles()
    assert shown["url"] == "https://pk.example/post/3"
