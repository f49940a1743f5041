"""Health, metrics, description, errors and headers."""

from __future__ import annotations

import gzip
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx
import jsonschema
import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import Engine, NullPool, create_engine, text

from ingest.api import create_api, serve_api
from ingest.api.application import ALERT_STREAM, PUSH, STREAM
from ingest.api.openapi import describe_api
from ingest.db import migrate
from ingest.db.engine import driver_url
from ingest.db.websub import subscriptions
from ingest.errors import Refused, Unavailable
from ingest.log.api import ALERTS_STREAM
from ingest.log.postgres import PostgresLog
from ingest.runtime import Stop
from ingest.schedule.hub_offer import Offer
from tests.api.conftest import running
from tests.conftest import Postgres
from tests.library import NOON, Library, event

pytestmark = pytest.mark.store


def test_a_process_that_answers_is_healthy(client: httpx.Client) -> None:
    assert client.get("/healthz").raise_for_status().json() == {"status": "ok"}


def test_ready_tells_every_check(database: Engine) -> None:
    with running(database, ready=lambda: None) as server:
        answer = httpx.get(f"{server.url}/readyz")
    assert answer.status_code == 200
    assert answer.json() == {"status": "ok", "checks": {"database": "ok", "log": "ok"}}


def test_not_ready_while_the_log_is_away(database: Engine) -> None:
    def away() -> None:
        raise Unavailable("log (Kafka)", "no broker answers")

    with running(database, ready=away) as server:
        answer = httpx.get(f"{server.url}/readyz")
        assert httpx.get(f"{server.url}/healthz").status_code == 200
    assert answer.status_code == 503
    assert answer.json()["checks"] == {
        "database": "ok",
        "log": "log (Kafka) is not available",
    }


def test_not_ready_on_another_migration(database: Engine, client: httpx.Client) -> None:
    migrate.downgrade(database, to="base")
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert "ingest migrate" in answer.json()["checks"]["database"]


@contextmanager
def away(postgres: Postgres, database: Engine) -> Iterator[None]:
    """New connections are refused and open ones ended: what a stopped server looks like to us."""
    name = database.url.database
    admin = create_engine(driver_url(postgres.url), isolation_level="AUTOCOMMIT", poolclass=NullPool)
    with admin.connect() as connection:
        connection.execute(text(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false'))
        terminate = text("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = :name")
        connection.execute(terminate, {"name": name})
        try:
            yield
        finally:
            connection.execute(text(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true'))


def test_a_database_that_is_away_is_a_503_that_says_so_and_comes_back(
    postgres: Postgres, database: Engine, client: httpx.Client, library: Library
) -> None:
    library.article()
    client.get("/v1/articles").raise_for_status()
    with away(postgres, database):
        for path in ("/v1/articles", "/v1/topics", "/v1/status"):
            answer = client.get(path)
            assert answer.status_code == 503, path
            assert answer.headers["retry-after"] == "2"
            assert answer.json()["error"]["value"] == "database is not available"
        assert client.get("/readyz").status_code == 503
        assert client.get("/healthz").status_code == 200
        assert samples(client)["ingest_database_up"] == 0
    assert client.get("/v1/articles").status_code == 200
    assert client.get("/readyz").status_code == 200


def samples(client: httpx.Client) -> dict[str, float]:
    answer = client.get("/metrics").raise_for_status()
    assert answer.headers["content-type"].startswith("text/plain")
    found = {}
    for family in text_string_to_metric_families(answer.text):
        for sample in family.samples:
            labels = ",".join(f"{name}={value}" for name, value in sorted(sample.labels.items()))
            found[sample.name + (f"{{{labels}}}" if labels else "")] = sample.value
    return found


def test_metrics_tell_the_state_of_the_service(
    library: Library, client: httpx.Client, database: Engine
) -> None:
    library.topic("football")
    library.feed("https://a.example/feed", next_poll_at=NOON - timedelta(days=1))
    library.feed("https://b.example/feed", enabled=False, state="muted")
    library.feed(
        "https://c.example/feed", polled_at=NOON, last_outcome="failed", failures=3, state="degraded"
    )
    library.article()
    library.events("football", [1, 2])
    library.quarantine()
    for offset in range(2):
        library.quarantine(topic="feed:3", offset=offset)
    log = PostgresLog(database)
    log.append("news.articles", [event("football", n) for n in range(3)])
    with log.subscribe("news.articles", group="persist") as subscription:
        subscription.commit(subscription.poll(timeout=5, limit=1))
    client.get("/v1/articles")
    client.get("/v1/articles?limit=x")
    found = samples(client)
    assert found["ingest_database_up"] == 1
    assert found["ingest_feeds{state=new}"] == 2
    assert found["ingest_feeds{state=muted}"] == 1
    assert found["ingest_feeds{state=degraded}"] == 1
    assert found["ingest_feeds_failing"] == 1
    assert found["ingest_feeds_due"] == 3
    assert found["ingest_feeds_due_lag_seconds"] > 86_400
    assert found["ingest_articles"] == 1
    assert found["ingest_revisions"] == 1
    assert found["ingest_quarantine_records"] == 1
    assert found["ingest_quarantine_entries"] == 2
    assert found["ingest_stream_cursor{topic=football}"] == 2
    assert found["ingest_log_group_lag_records{group=persist,topic=news.articles}"] == 2
    assert found["ingest_polls_last_hour{result=fetched}"] == 0
    assert found["ingest_api_requests_total{method=GET,route=/v1/articles,status=200}"] == 1
    assert found["ingest_api_requests_total{method=GET,route=/v1/articles,status=400}"] == 1
    assert found["ingest_api_streams"] == 0


def test_status_tells_the_same_as_json(library: Library, client: httpx.Client) -> None:
    library.article()
    status = client.get("/v1/status").raise_for_status().json()
    assert status["articles"] == 1
    assert status["feeds"]["new"] == 1
    assert status["due_lag_seconds"] > 0


def test_every_answer_has_the_safe_headers(client: httpx.Client) -> None:
    for path in ("/healthz", "/v1/articles", "/v1/articles?limit=0", "/nowhere", "/metrics"):
        headers = client.get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "server" not in headers


def test_paths_and_methods_that_are_none_are_errors_in_the_one_form(client: httpx.Client) -> None:
    nowhere = client.get("/v2/articles")
    assert nowhere.status_code == 404
    assert nowhere.json()["error"]["value"] == "/v2/articles"
    assert client.get("/v1/articles/").status_code == 404
    posted = client.post("/v1/articles")
    assert posted.status_code == 405
    assert posted.json()["error"] == {"parameter": "method", "value": "POST", "expected": "GET"}


def test_a_fault_of_ours_is_a_500_in_the_one_form(client: httpx.Client, database: Engine) -> None:
    with database.begin() as connection:
        connection.execute(text("ALTER TABLE topics RENAME TO mislaid"))
    answer = client.get("/v1/topics")
    assert answer.status_code == 500
    assert set(answer.json()["error"]) == {"parameter", "value", "expected"}
    assert "mislaid" not in answer.text


def test_large_answers_are_compressed_for_those_who_take_it(library: Library, client: httpx.Client) -> None:
    library.article(text="word " * 1000)
    with client.stream("GET", "/v1/articles", headers={"accept-encoding": "gzip"}) as answer:
        assert answer.headers["content-encoding"] == "gzip"
        assert b'"articles"' in gzip.decompress(b"".join(answer.iter_raw()))
    assert (
        "content-encoding" not in client.get("/v1/articles", headers={"accept-encoding": "identity"}).headers
    )


def test_the_description_names_exactly_the_routes(database: Engine) -> None:
    routes = {route.path for route in create_api(database).routes}  # type: ignore[attr-defined]
    assert set(describe_api()["paths"]) == routes


def test_the_description_names_exactly_the_parameters_that_are_taken(
    library: Library, client: httpx.Client
) -> None:
    library.topic("football")
    article_id = library.article()
    for path, methods in describe_api()["paths"].items():
        if path == PUSH:  # hubs may send what they like beside what we read
            assert set(methods) == {"get", "post"}
            continue
        described = [p["name"] for p in methods["get"]["parameters"] if p["in"] == "query"]
        real = path.replace("{slug}", "football").replace("{id}", str(article_id))
        answer = client.get(real, params={"no-such-parameter": "1"})
        assert answer.status_code == 400, path
        taken = answer.json()["error"]["expected"]
        assert taken == (f"one of {', '.join(described)}" if described else "no parameters here"), path
        assert set(methods) == {"get"}


def cases(library: Library) -> Iterator[tuple[str, str, int]]:
    """Paths of the description, each with a URL and what it answers."""
    library.topic("football")
    article_id = library.article("https://a.example/1", title="Match", topics=["football"])
    library.revise(article_id, title="Match again", text="x", at=NOON + timedelta(hours=1))
    library.article("https://b.example/1", story=article_id, language=None)
    library.event("football", key=article_id)
    library.events("football", [2, 3])
    library.forget("football", before=3)
    library.alerts(3)
    library.forget(ALERTS_STREAM, before=3)
    library.quarantine(b'"https://a.example/1"')
    library.seen(library.feed(), link="https://a.example/1", poll_id=1)
    feed_id = library.feed(
        "https://a.example/feed",
        polled_at=NOON,
        last_outcome="failed",
        failures=1,
        publish_rate_entries=4.5,
        publish_rate_hours=24.0,
        poll_hints={"interval_seconds": None, "skip_hours": [0], "skip_days": [6]},
    )
    offer = Offer(hubs=("https://hub.example/",), topic="https://a.example/feed")
    subscriptions.offer(library.engine, feed_id, offer, token="t", secret="s", now=NOON)
    library.poll(feed_id, NOON)
    library.poll(feed_id, NOON, result="pushed")
    library.poll(
        feed_id, NOON, result="failed", failure="status", status=503, detail="503 Service Unavailable"
    )
    yield "/v1/articles", "/v1/articles?q=match", 200
    yield "/v1/articles", "/v1/articles?x=1", 400
    yield "/v1/articles/{id}", f"/v1/articles/{article_id}", 200
    yield "/v1/articles/{id}", f"/v1/articles/{article_id}?x=1", 400
    yield "/v1/articles/{id}", f"/v1/articles/{uuid4()}", 404
    yield "/v1/topics", "/v1/topics", 200
    yield "/v1/topics", "/v1/topics?x=1", 400
    yield "/v1/topics/{slug}/events", "/v1/topics/football/events", 200
    yield "/v1/topics/{slug}/events", "/v1/topics/football/events?x=1", 400
    yield "/v1/topics/{slug}/events", "/v1/topics/nothing/events", 404
    yield "/v1/topics/{slug}/events", "/v1/topics/football/events?after=1", 410
    yield STREAM, "/v1/topics/football/stream?x=1", 400
    yield STREAM, "/v1/topics/nothing/stream", 404
    yield "/v1/alerts", "/v1/alerts", 200
    yield "/v1/alerts", "/v1/alerts?x=1", 400
    yield "/v1/alerts", "/v1/alerts?after=1", 410
    yield ALERT_STREAM, "/v1/alerts/stream?x=1", 400
    yield "/v1/feeds", "/v1/feeds", 200
    yield "/v1/feeds", "/v1/feeds?state=muted&failing=true", 200
    yield "/v1/feeds", "/v1/feeds?x=1", 400
    yield "/v1/feeds/{id}", f"/v1/feeds/{feed_id}", 200
    yield "/v1/feeds/{id}", f"/v1/feeds/{library.feed('https://new.example/')}", 200
    yield "/v1/feeds/{id}", f"/v1/feeds/{feed_id}?x=1", 400
    yield "/v1/feeds/{id}", "/v1/feeds/999", 404
    yield "/v1/ledger", "/v1/ledger?url=https://a.example/1", 200
    yield "/v1/ledger", "/v1/ledger?x=1", 400
    yield "/v1/ledger", "/v1/ledger?url=https://nowhere.example/", 404
    yield "/v1/status", "/v1/status", 200
    yield "/v1/status", "/v1/status?x=1", 400
    yield "/v1/schema", "/v1/schema", 200
    yield "/v1/schema", "/v1/schema?x=1", 400
    yield "/healthz", "/healthz", 200
    yield "/healthz", "/healthz?x=1", 400
    yield "/readyz", "/readyz", 200
    yield "/readyz", "/readyz?x=1", 400
    yield "/metrics", "/metrics?x=1", 400
    yield "/openapi.json", "/openapi.json", 200
    yield "/openapi.json", "/openapi.json?x=1", 400
    yield PUSH, "/push/unknown?hub.mode=subscribe", 404


def fits(described: Any, path: str, answer: httpx.Response) -> tuple[str, str]:
    """What was shown to be as described: the path and the status."""
    responses = described["paths"][path]["get"]["responses"]
    status = str(answer.status_code)
    assert status in responses, (path, status)
    schema = responses[status]["content"]["application/json"]["schema"]
    form = {**schema, "components": described["components"]}
    jsonschema.Draft202012Validator(form).validate(answer.json())
    return path, status


def test_answers_are_as_described(
    postgres: Postgres, database: Engine, library: Library, client: httpx.Client
) -> None:
    described = client.get("/openapi.json").raise_for_status().json()
    shown = set()
    asked = list(cases(library))
    for path, url, status in asked:
        answer = client.get(url)
        assert answer.status_code == status, (url, answer.text)
        shown.add(fits(described, path, answer))
    with away(postgres, database):
        for path, url, status in asked:
            if status != 400 and "503" in described["paths"][path]["get"]["responses"]:
                answer = client.get(url)
                assert answer.status_code == 503, (url, answer.text)
                shown.add(fits(described, path, answer))
        answer = client.get("/v1/alerts/stream")
        shown.add(fits(described, ALERT_STREAM, answer))
    everything = {
        (path, status)
        for path, methods in described["paths"].items()
        for status in methods["get"]["responses"]
    }
    # Four are no JSON, and other tests read them.
    assert everything - shown == {(STREAM, "200"), (ALERT_STREAM, "200"), ("/metrics", "200"), (PUSH, "200")}


def test_schemas_are_valid_and_events_fit_theirs(library: Library, client: httpx.Client) -> None:
    library.topic("football")
    library.event("football")
    schemas = client.get("/v1/schema").raise_for_status().json()
    for schema in schemas.values():
        jsonschema.Draft202012Validator.check_schema(schema)
    (one,) = client.get("/v1/topics/football/events").json()["events"]
    jsonschema.Draft202012Validator(schemas["event"]).validate(one)


def test_an_address_that_cannot_be_bound_is_refused(database: Engine) -> None:
    app = create_api(database)
    for host in ("192.0.2.1", "no-such-host.invalid"):
        with pytest.raises(Refused, match=host):
            serve_api(app, host=host, port=0, stop=Stop())
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(Refused, match=str(port)):
            serve_api(app, host="127.0.0.1", port=port, stop=Stop())


def test_a_stop_that_was_requested_before_is_honoured(database: Engine) -> None:
    stop = Stop()
    stop.request()
    bound: list[str] = []
    serve_api(create_api(database), host="127.0.0.1", port=0, stop=stop, on_bound=bound.append)
    assert bound[0].startswith("http://127.0.0.1:")


def test_answers_do_not_wait_for_the_clients_acknowledgement(client: httpx.Client) -> None:
    # Nagle's algorithm and delayed acknowledgements cost each answer 40 ms (Linux: TCP_DELACK_MIN). A busy machine
    # slows down many answers, never all of two thousand.
    for _ in range(2_000):
        begun = time.perf_counter()
        client.get("/healthz").raise_for_status()
        if time.perf_counter() - begun < 0.035:
            return
    pytest.fail("each answer took 35 ms or more")
