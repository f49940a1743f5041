"""Searches over HTTP: order, exactness, and the threads that they share."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor, wait
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine, text

from ingest.db import article_search, search_hits
from ingest.db.engine import transaction
from ingest.db.search_plans import Plans
from tests.library import NOON, Library

pytestmark = pytest.mark.store

MINUTE = timedelta(minutes=1)


def search(client: httpx.Client, **parameters: Any) -> dict[str, Any]:
    body: dict[str, Any] = client.get("/v1/articles", params=parameters).raise_for_status().json()
    return body


def titles(body: dict[str, Any]) -> list[str]:
    return [article["title"] for article in body["articles"]]


def test_results_come_by_date_or_by_relevance(library: Library, client: httpx.Client) -> None:
    library.article("https://a.example/1", title="Grain harvest", text="x", at=NOON)
    library.article("https://a.example/2", title="Weather", text="harvest", at=NOON + MINUTE)
    assert titles(search(client, q="harvest")) == ["Weather", "Grain harvest"]
    assert titles(search(client, q="harvest", sort="date")) == ["Weather", "Grain harvest"]
    first = search(client, q="harvest", sort="relevance", limit=1)
    assert titles(first) == ["Grain harvest"]
    assert (first["exact"], first["since"]) == (True, None)
    second = search(client, q="harvest", sort="relevance", limit=1, cursor=first["next_cursor"])
    assert (titles(second), second["next_cursor"]) == (["Weather"], None)
    mixed = client.get("/v1/articles", params={"q": "harvest", "cursor": first["next_cursor"]})
    assert mixed.json()["error"]["parameter"] == "cursor"


def test_a_list_is_exact(library: Library, client: httpx.Client) -> None:
    library.article()
    assert {**search(client), "articles": []} == {
        "articles": [],
        "next_cursor": None,
        "exact": True,
        "since": None,
    }


def test_articles_that_wait_to_be_indexed_are_counted_and_make_searches_inexact(
    library: Library, client: httpx.Client
) -> None:
    library.article("https://a.example/1", title="Grain", at=NOON)
    library.article("https://a.example/2", title="Grain", at=NOON + MINUTE)
    with transaction(library.engine) as connection:
        connection.execute(text("DELETE FROM article_search WHERE sort_at = :at"), {"at": NOON})
        connection.execute(
            text("UPDATE articles SET search_segment = NULL WHERE sort_at = :at"), {"at": NOON}
        )
    body = search(client, q="grain")
    assert (len(body["articles"]), body["exact"], body["since"]) == (1, False, "2026-03-01T12:00:00Z")
    library.article("https://a.example/3", title="Grain", at=NOON + 2 * MINUTE)
    assert search(client, q="grain", limit=1)["exact"] is True, "the missing article is older than this page"
    assert search(client)["exact"] is True
    assert client.get("/v1/status").json()["articles_unindexed"] == 1
    assert "ingest_articles_unindexed 1.0" in client.get("/metrics").text


def test_a_search_that_ends_early_is_continued_by_its_cursor(
    library: Library, client: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search_hits, "WINDOWS", (1, 2))
    monkeypatch.setattr(search_hits, "FIRST_GROUP", 1)
    monkeypatch.setattr(article_search._Search, "_exhausted", lambda self: True)
    for month in range(6):
        library.article(
            f"https://a.example/{month}", title=f"Grain {month}", at=NOON - timedelta(days=31 * month)
        )
    library.article("https://a.example/x", title="Other", at=NOON + MINUTE)
    found: list[str] = []
    cursor: dict[str, str] = {}
    inexact = 0
    while True:
        body = search(client, q="grain", **cursor)
        found += titles(body)
        inexact += not body["exact"]
        if body["next_cursor"] is None:
            break
        assert body["since"] is not None
        cursor = {"cursor": body["next_cursor"]}
    assert found == [f"Grain {month}" for month in range(6)]
    assert inexact >= 2


def test_slow_searches_keep_no_other_request_waiting(
    library: Library, client: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Eight searches run two at a time, each for a second. The other requests are answered meanwhile."""
    library.article(title="Grain")
    walk = Plans.walk

    def slow_walk(self: Plans, **arguments: Any) -> Any:
        if self._tsquery is not None:
            self._execute("SELECT pg_sleep(0.5)")
        return walk(self, **arguments)

    monkeypatch.setattr(Plans, "walk", slow_walk)
    with ThreadPoolExecutor(8) as pool:
        searches = [pool.submit(client.get, "/v1/articles", params={"q": "grain"}) for _ in range(8)]
        for path in (
            "/v1/articles",
            "/v1/topics",
            "/v1/feeds",
            "/readyz",
            "/healthz",
            "/v1/status",
            "/metrics",
        ):
            assert client.get(path).status_code == 200
        running = [each for each in searches if not each.done()]
        assert len(running) >= 2, "the other requests did not wait for the searches"
        wait(searches, timeout=60)
    assert [each.result().status_code for each in searches] == [200] * 8
    assert all(titles(each.result().json()) == ["Grain"] for each in searches)


def test_a_search_that_times_out_with_nothing_is_a_503(
    database: Engine, library: Library, client: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    library.article(title="Grain")
    monkeypatch.setattr(article_search, "STATEMENT_TIMEOUT", timedelta(milliseconds=50))
    walk = Plans.walk

    def slow_walk(self: Plans, **arguments: Any) -> Any:
        self._execute("SELECT pg_sleep(5)")
        return walk(self, **arguments)

    monkeypatch.setattr(Plans, "walk", slow_walk)
    response = client.get("/v1/articles", params={"q": "grain"})
    assert response.status_code == 503
    assert response.headers["retry-after"] == "2"
