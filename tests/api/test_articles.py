"""GET /v1/articles, /v1/articles/{id} and /v1/ledger."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest

from ingest.db.engine import open_engine
from tests.api.conftest import running
from tests.conftest import Postgres
from tests.library import NOON, Library

pytestmark = pytest.mark.store


def titles(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [article["title"] for article in answer.json()["articles"]]


@pytest.fixture(scope="module")
def stocked(postgres: Postgres) -> Iterator[httpx.Client]:
    """Start a server over four articles, for tests that only read."""
    url = postgres.create()
    engine = open_engine(url, name="test")
    _stock(Library(engine))
    with running(engine) as server, httpx.Client(base_url=server.url, timeout=30) as client:
        yield client
    engine.dispose()
    postgres.drop(url)


def _stock(library: Library) -> None:
    library.topic("russia-north-korea")
    library.topic("football")
    hour = timedelta(hours=1)
    library.article(
        "https://a.example/1",
        title="Oldest: Kim meets Putin",
        text="The summit ended without a word.",
        at=NOON - 3 * hour,
        source="a.example",
        topics=["russia-north-korea"],
    )
    library.article(
        "https://b.example/2",
        title="Футбол",
        text="Матч закончился.",
        at=NOON - 2 * hour,
        source="b.example",
        language="ru",
        topics=["football"],
    )
    library.article(
        "https://a.example/3",
        title="Second summit",
        text="Kim was not there.",
        at=NOON - hour,
        source="a.example",
        language="en-GB",
    )
    library.article("https://c.example/4", title="Newest", at=NOON, source="c.example", language=None)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, ["Newest", "Second summit", "Футбол", "Oldest: Kim meets Putin"]),
        ({"q": "summit"}, ["Second summit", "Oldest: Kim meets Putin"]),
        ({"q": "SUMMIT kim"}, ["Second summit", "Oldest: Kim meets Putin"]),
        ({"q": '"kim meets"'}, ["Oldest: Kim meets Putin"]),
        ({"q": "summit -putin"}, ["Second summit"]),
        ({"q": "футбол or newest"}, ["Newest", "Футбол"]),
        ({"q": "nowhere"}, []),
        ({"topic": "football"}, ["Футбол"]),
        ({"source": "A.example"}, ["Second summit", "Oldest: Kim meets Putin"]),
        ({"source": "www.a.example"}, ["Second summit", "Oldest: Kim meets Putin"]),
        ({"language": "en"}, ["Second summit", "Oldest: Kim meets Putin"]),
        ({"language": "en-gb"}, ["Second summit"]),
        ({"from": "2026-03-01T11:00:00Z"}, ["Newest", "Second summit"]),
        ({"from": "2026-03-01T20:00:00+09:00"}, ["Newest", "Second summit"]),
        ({"to": "2026-03-01T11:00:00"}, ["Футбол", "Oldest: Kim meets Putin"]),
        (
            {"from": "2026-03-01", "to": "2026-03-02"},
            ["Newest", "Second summit", "Футбол", "Oldest: Kim meets Putin"],
        ),
        ({"q": "kim", "topic": "russia-north-korea", "source": "a.example"}, ["Oldest: Kim meets Putin"]),
        ({"limit": "1"}, ["Newest"]),
    ],
)
def test_every_parameter_narrows_and_the_newest_comes_first(
    stocked: httpx.Client, query: dict[str, str], expected: list[str]
) -> None:
    assert titles(stocked.get("/v1/articles", params=query)) == expected


@pytest.mark.parametrize(
    ("query", "parameter", "expected"),
    [
        ("q=", "q", "at least one word"),
        ("q=%21%21%21", "q, character 1", "-word"),
        ("q=summit+(kim", "q, character 8", "a ) behind each ("),
        ("sort=best", "sort", "one of date, relevance"),
        ("sort=relevance", "sort", "relevance only with q"),
        ("q=a%00b", "q", "none of them NUL"),
        ("q=" + "x" * 1001, "q", "1 to 1000 characters"),
        ("topic=nothing", "topic", "one of football, russia-north-korea"),
        ("source=", "source", "characters"),
        ("language=%2A", "language", "a language tag"),
        ("from=yesterday", "from", "ISO 8601"),
        ("to=2026-13-01", "to", "ISO 8601"),
        ("from=2026-03-02&to=2026-03-01", "to", "a time after from"),
        ("from=0001-01-01T00:00:00%2B14:00", "from", "ISO 8601"),
        ("story=12", "story", "an id such as"),
        ("limit=0", "limit", "1 to 200"),
        ("limit=201", "limit", "1 to 200"),
        ("limit=-1", "limit", "1 to 200"),
        ("limit=ten", "limit", "1 to 200"),
        ("limit=%D9%A1", "limit", "1 to 200"),
        ("cursor=zzz", "cursor", "next_cursor"),
        ("cursor=", "cursor", "next_cursor"),
        ("cursor=" + "A" * 34, "cursor", "next_cursor"),
        ("cursor=" + "_" * 34, "cursor", "next_cursor"),
        ("limit=1&limit=2", "limit", "one value"),
        (
            "querry=x",
            "query parameter",
            "one of q, topic, source, language, from, to, story, sort, limit, cursor",
        ),
    ],
)
def test_bad_input_is_a_400_that_names_it(
    stocked: httpx.Client, query: str, parameter: str, expected: str
) -> None:
    answer = stocked.get(f"/v1/articles?{query}")
    assert answer.status_code == 400, answer.text
    error = answer.json()["error"]
    assert error["parameter"] == parameter
    assert expected in error["expected"]
    assert set(error) == {"parameter", "value", "expected"}


def test_a_plus_that_the_url_lost_is_understood(stocked: httpx.Client) -> None:
    assert titles(stocked.get("/v1/articles?from=2026-03-01T20:00:00+09:00")) == ["Newest", "Second summit"]


def test_a_search_shows_where_it_hit(stocked: httpx.Client) -> None:
    (article,) = stocked.get("/v1/articles", params={"q": "summit putin"}).json()["articles"]
    assert {"text": "summit", "hit": True} in article["snippet"]
    assert "".join(piece["text"] for piece in article["snippet"]) == "The summit ended without a word."
    assert article["topics"] == ["russia-north-korea"]
    (plain, *_) = stocked.get("/v1/articles").json()["articles"]
    assert "snippet" not in plain


def pages(client: httpx.Client, **query: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    while True:
        answer = client.get("/v1/articles", params=query).raise_for_status().json()
        found += answer["articles"]
        if answer["next_cursor"] is None:
            return found
        query["cursor"] = answer["next_cursor"]


def test_pages_together_are_everything_once_also_where_times_are_equal(
    library: Library, client: httpx.Client
) -> None:
    for n in range(23):
        library.article(f"https://a.example/{n}", title=f"Number {n}", at=NOON + timedelta(seconds=n // 5))
    whole = [article["id"] for article in pages(client, limit="200")]
    assert len(set(whole)) == 23
    assert [article["id"] for article in pages(client, limit="4")] == whole
    assert len(pages(client, limit="23")) == 23


def test_pages_hold_still_while_articles_arrive(library: Library, client: httpx.Client) -> None:
    for n in range(20):
        library.article(f"https://a.example/{n}", at=NOON + timedelta(minutes=n))
    before = [article["id"] for article in pages(client, limit="200")]
    seen: list[str] = []
    cursor: dict[str, str] = {}
    arrived = 0
    while True:
        answer = client.get("/v1/articles", params={"limit": "3", **cursor}).json()
        seen += [article["id"] for article in answer["articles"]]
        arrived += 1
        library.article(f"https://new.example/{arrived}", at=NOON + timedelta(hours=2))
        if answer["next_cursor"] is None:
            break
        cursor = {"cursor": answer["next_cursor"]}
    assert seen == before
    assert arrived == 7


def test_an_article_comes_with_all_that_happened_to_it(library: Library, client: httpx.Client) -> None:
    library.topic("football", title="Football")
    article_id = library.article("https://a.example/1", title="First", topics=["football"])
    library.revise(article_id, title="Second", text="Corrected.", at=NOON + timedelta(hours=1))
    copy = library.article("https://b.example/1", title="Copy", source="b.example", story=article_id)
    library.event("football", key=article_id)
    library.event("football", key=article_id, kind="updated")
    article = client.get(f"/v1/articles/{article_id}").raise_for_status().json()["article"]
    assert article["revision"] == 2
    assert [(r["number"], r["title"], r["current"]) for r in article["revisions"]] == [
        (2, "Second", True),
        (1, "First", False),
    ]
    assert article["revisions"][0]["text"] == "Corrected."
    assert [(s["effect"], s["feed_url"]) for s in article["sightings"]] == [
        ("updated", "https://news.example/feed.xml"),
        ("created", "https://news.example/feed.xml"),
    ]
    assert [(m["topic"], m["title"], m["explanation"]["rule"]) for m in article["matches"]] == [
        ("football", "Football", "football")
    ]
    assert [(e["topic"], e["cursor"], e["kind"]) for e in article["events"]] == [
        ("football", 2, "updated"),
        ("football", 1, "created"),
    ]
    assert [c["id"] for c in article["copies"]] == [str(copy)]


def test_a_long_history_comes_in_pages(library: Library, client: httpx.Client) -> None:
    article_id = library.article()
    for n in range(2, 54):
        library.revise(article_id, title=f"Title {n}", text="x", at=NOON + timedelta(minutes=n))
    first = client.get(f"/v1/articles/{article_id}").json()["article"]
    assert [r["number"] for r in first["revisions"]] == list(range(53, 3, -1))
    rest = client.get(f"/v1/articles/{article_id}", params={"before": "4"}).json()["article"]
    assert [r["number"] for r in rest["revisions"]] == [3, 2, 1]


def test_an_unknown_article_is_a_404_and_a_malformed_id_a_400(client: httpx.Client) -> None:
    unknown = client.get(f"/v1/articles/{uuid4()}")
    assert unknown.status_code == 404
    assert unknown.json()["error"]["parameter"] == "id"
    malformed = client.get("/v1/articles/17")
    assert malformed.status_code == 400
    assert malformed.json()["error"]["value"] == "17"


def test_the_ledger_finds_an_article_by_any_spelling_of_its_address(
    library: Library, client: httpx.Client
) -> None:
    article_id = library.article("https://a.example/1")
    for url in ("https://a.example/1", "http://A.example:80/1?utm_source=x#top", "a.example/1"):
        ledger = client.get("/v1/ledger", params={"url": url}).raise_for_status().json()
        assert ledger["recorded"] is True
        assert [article["id"] for article in ledger["articles"]] == [str(article_id)]
        assert ledger["canonical"] == "https://a.example/1"


def test_the_ledger_tells_what_travelled_but_is_not_stored_yet(
    library: Library, client: httpx.Client
) -> None:
    feed_id = library.feed()
    article_id = library.seen(feed_id, link="https://a.example/1", poll_id=9)
    ledger = client.get("/v1/ledger", params={"url": "https://a.example/1"}).raise_for_status().json()
    assert ledger["articles"] == []
    assert ledger["entries"] == [
        {
            "feed_id": feed_id,
            "feed_url": "https://news.example/feed.xml",
            "poll_id": 9,
            "article_id": str(article_id),
            "stored": False,
        }
    ]


def test_the_ledger_tells_of_quarantined_records_that_mention_the_address(
    library: Library, client: httpx.Client
) -> None:
    number = library.quarantine(b'{"v":9,"url":"https://a.example/1"}')
    library.quarantine(b'{"v":9,"url":"https://a.example/2"}', offset=8)
    ledger = client.get("/v1/ledger", params={"url": "https://a.example/1"}).raise_for_status().json()
    assert [(q["id"], q["log_position"], q["detail"]) for q in ledger["quarantined"]] == [
        (number, "news.articles/0/7", "version 9 is unknown")
    ]


def test_the_ledger_knows_feeds_too(library: Library, client: httpx.Client) -> None:
    library.feed("https://a.example/feed.xml", last_outcome="failed", last_reason="waits 1 h")
    ledger = client.get("/v1/ledger", params={"url": "https://a.example/feed.xml"}).raise_for_status().json()
    assert ledger["feed"]["last_outcome"] == "failed"


def test_a_url_we_never_met_is_a_404_with_the_same_body(client: httpx.Client) -> None:
    answer = client.get("/v1/ledger", params={"url": "https://nowhere.example/"})
    assert answer.status_code == 404
    assert answer.json()["recorded"] is False
    assert answer.json()["articles"] == []
    missing = client.get("/v1/ledger")
    assert missing.status_code == 400
    assert missing.json()["error"]["parameter"] == "url"
