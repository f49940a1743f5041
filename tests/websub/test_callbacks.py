"""Verifications and pushes of hubs over HTTP, at the real API: which are accepted, stored or dropped."""

from __future__ import annotations

import gzip
import hashlib
import hmac
import socket
from collections.abc import Iterator
from datetime import timedelta
from urllib.parse import urlsplit

import httpx
import pytest
from sqlalchemy import Engine, select

from ingest.api.websub import is_signed
from ingest.db import tables
from ingest.db.websub import pushes as waiting
from ingest.demo.feeds import WorldFeed
from tests.api.conftest import running
from tests.poll.conftest import Clock
from tests.websub.conftest import Press

pytestmark = pytest.mark.store


@pytest.fixture
def client(press: Press) -> Iterator[httpx.Client]:
    with press.client as client:
        yield client


@pytest.fixture
def feed(press: Press) -> WorldFeed:
    return press.subscribe("one")


@pytest.fixture
def path(press: Press, feed: WorldFeed) -> str:
    return f"/push/{press.subscription(feed).token}"


def signed(press: Press, feed: WorldFeed, body: bytes, method: str = "sha256") -> dict[str, str]:
    digest = hmac.new(press.subscription(feed).secret.encode(), body, getattr(hashlib, method))
    return {"X-Hub-Signature": f"{method}={digest.hexdigest()}"}


def asked(topic: str, mode: str = "subscribe", **more: str) -> dict[str, str]:
    return {"hub.mode": mode, "hub.topic": topic, "hub.challenge": "<b>challenge</b>", **more}


def test_a_challenge_for_a_topic_we_did_not_ask_for_is_a_404(
    press: Press, feed: WorldFeed, path: str, client: httpx.Client
) -> None:
    before = press.subscription(feed)
    assert client.get("/push/unknown", params=asked(feed.url)).status_code == 404
    assert client.get(path, params=asked("https://other.example/feed")).status_code == 404
    assert client.get(path, params=asked(feed.url, mode="unsubscribe")).status_code == 404
    assert client.get(path, params=asked(feed.url, mode="publish")).status_code == 404
    assert client.get(path).status_code == 404
    denied = {"hub.mode": "denied", "hub.topic": "https://other.example/feed"}
    assert client.get(path, params=denied).status_code == 404
    assert press.subscription(feed) == before


def test_a_challenge_is_answered_as_it_is_and_as_plain_text(
    press: Press, feed: WorldFeed, path: str, client: httpx.Client
) -> None:
    press.clock.pass_by(timedelta(minutes=1))
    answer = client.get(path, params={**asked(feed.url), "hub.lease_seconds": "600", "unknown": "1"})
    assert (answer.status_code, answer.text) == (200, "<b>challenge</b>")
    assert answer.headers["content-type"].startswith("text/plain")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert press.subscription(feed).lease_until == press.clock() + timedelta(minutes=10)
    long = {**asked(feed.url), "hub.challenge": "x" * 5000}
    assert client.get(path, params=long).status_code == 404


@pytest.mark.parametrize("method", ["sha1", "sha256", "sha384", "sha512"])
def test_what_is_signed_with_any_method_of_the_recommendation_is_read(
    press: Press, feed: WorldFeed, method: str
) -> None:
    press.hub.signs = method
    assert press.push(feed, "two") == [204]
    assert press.titles() == ["one", "two"]


@pytest.mark.parametrize("signs", ["wrong", "not", "md5"])
def test_what_is_not_signed_as_agreed_is_answered_with_2xx_and_dropped_and_counted(
    press: Press, feed: WorldFeed, signs: str
) -> None:
    press.hub.signs = signs
    assert press.push(feed, "forged") == [204]
    assert press.titles() == ["one"]
    known = press.known(feed)
    assert (known.invalid_pushes, known.push_count) == (1, 0)
    assert press.waiting() == 0


@pytest.mark.parametrize(
    ("header", "good"),
    [
        ("sha256={}", True),
        ("SHA256={}", True),
        (" sha256={} ", True),
        ("sha512={}", False),
        ("{}", False),
        ("sha256=", False),
        ("sha256=é", False),
        ("shake_128={}", False),
        (None, False),
    ],
)
def test_whether_a_signature_is_that_of_a_body(header: str | None, good: bool) -> None:
    digest = hmac.new(b"secret", b"body", hashlib.sha256).hexdigest()
    given = None if header is None else header.format(digest)
    assert is_signed(b"body", given, secret="secret") is good
    assert not is_signed(b"body.", given, secret="secret")


def test_what_was_acknowledged_is_durable_before_any_poller_has_seen_it(
    press: Press, feed: WorldFeed, path: str, client: httpx.Client
) -> None:
    body = press.document(feed, "two")
    answer = client.post(path, content=body, headers=signed(press, feed, body))
    assert (answer.status_code, answer.content) == (204, b"")
    with press.engine.connect() as connection:
        row = connection.execute(select(tables.websub_pushes)).mappings().one()
    assert bytes(row["body"]) == body
    assert row["received_at"] == press.clock()


def test_a_body_beyond_the_cap_is_refused_and_not_cut(
    press: Press, feed: WorldFeed, path: str, client: httpx.Client
) -> None:
    body = b" " * 100_001
    assert client.post(path, content=body, headers=signed(press, feed, body)).status_code == 413
    bomb = gzip.compress(b" " * 1_000_000)
    headers = {**signed(press, feed, bomb), "Content-Encoding": "gzip"}
    assert client.post(path, content=bomb, headers=headers).status_code == 413
    assert press.waiting() == 0


def test_a_compressed_push_is_signed_as_it_travels_and_read_as_it_was(
    press: Press, feed: WorldFeed, path: str, client: httpx.Client
) -> None:
    body = gzip.compress(press.document(feed, "two"))
    headers = {**signed(press, feed, body), "Content-Encoding": "gzip"}
    assert client.post(path, content=body, headers=headers).status_code == 204
    press.tend()
    assert press.titles() == ["one", "two"]


def test_a_body_that_does_not_come_is_not_waited_for(
    press: Press, path: str, database: Engine, clock: Clock
) -> None:
    given = {"push": True, "push_timeout": timedelta(seconds=0.3), "clock": clock}
    with (
        running(database, **given) as hasty,
        socket.create_connection(("127.0.0.1", urlsplit(hasty.url).port), timeout=30) as slow,
    ):
        slow.sendall(f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nonly this".encode())
        assert b" 408 " in slow.recv(1000).split(b"\r\n")[0]
    assert press.waiting() == 0


def test_more_than_may_wait_is_left_with_the_hub(
    press: Press, feed: WorldFeed, path: str, client: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "MAX_WAITING", 2)
    statuses = []
    for number in range(3):
        body = press.document(feed, f"pushed-{number}")
        answer = client.post(path, content=body, headers=signed(press, feed, body))
        statuses.append(answer.status_code)
    assert statuses == [204, 204, 503]
    assert answer.headers["retry-after"] == "60"
    press.tend()
    assert client.post(path, content=body, headers=signed(press, feed, body)).status_code == 204
    press.tend()
    assert press.titles() == ["one", "pushed-0", "pushed-1", "pushed-2"]


def test_a_callback_that_nobody_has_is_gone_and_other_methods_are_none(client: httpx.Client) -> None:
    gone = client.post("/push/unknown", content=b"x")
    assert gone.status_code == 410
    assert gone.json()["error"]["parameter"] == "token"
    assert client.post("/push/%00%ff", content=b"x").status_code == 410
    put = client.put("/push/unknown", content=b"x")
    assert put.status_code == 405
    assert put.headers["allow"] == "GET, HEAD, POST"


def test_without_a_public_address_there_is_no_callback(
    press: Press, feed: WorldFeed, path: str, database: Engine
) -> None:
    body = press.document(feed, "two")
    with running(database) as closed, httpx.Client(base_url=closed.url) as client:
        assert client.get(path, params=asked(feed.url)).status_code == 404
        assert client.post(path, content=body, headers=signed(press, feed, body)).status_code == 410


def test_the_feed_tells_of_its_hub_and_nothing_that_only_the_hub_may_know(
    press: Press, feed: WorldFeed, client: httpx.Client
) -> None:
    press.push(feed, "two")
    answer = client.get(f"/v1/feeds/{press.feed(feed).id}")
    told = answer.json()["feed"]["websub"]
    assert (told["hub"], told["state"], told["push_count"], told["reliable"]) == (
        press.hub.url,
        "active",
        1,
        False,
    )
    known = press.subscription(feed)
    assert known.secret not in answer.text
    assert known.token not in answer.text
    assert known.secret not in repr(known)
    status = client.get("/v1/status").json()
    assert (status["websub_subscriptions"]["active"], status["websub_pushes_waiting"]) == (1, 0)
    assert 'ingest_subscriptions{state="active"} 1.0' in client.get("/metrics").text
