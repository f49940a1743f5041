"""Alerts at a webhook: each of them, in order, at least once, whoever is killed."""

from __future__ import annotations

import hmac
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import Engine

from ingest import app
from ingest.cli import root
from ingest.deliver import GROUP, SIGNATURE
from ingest.demo.feeds import WorldFeed
from ingest.demo.responses import HttpResponse
from ingest.demo.world import FeedWorld
from ingest.log.api import ALERTS, ALERTS_STREAM
from ingest.log.postgres import PostgresLog
from ingest.runtime import CRASH_SOCKET, Stop
from ingest.settings import Settings
from tests.crash.steps import Steps
from tests.feedworld import faults
from tests.library import Library

pytestmark = pytest.mark.store

SECRET = "between us"


@pytest.fixture
def world() -> Iterator[FeedWorld]:
    with FeedWorld() as world:
        yield world


@pytest.fixture
def hook(world: FeedWorld) -> WorldFeed:
    """Takes everything."""
    hook = world.feed("/hook")
    hook.respond_with(lambda _request: HttpResponse(status=204, headers=()))
    return hook


@pytest.fixture
def library(database: Engine) -> Library:
    return Library(database)


def taken(hook: WorldFeed) -> list[dict[str, Any]]:
    """The alerts that the receiver accepted, in order."""
    return [json.loads(request.body) for request in hook.requests if request.status == 204]


def cursors(hook: WorldFeed) -> list[int]:
    return [body["cursor"] for body in taken(hook)]


def settings(url: str, hook: WorldFeed, **changes: Any) -> Settings:
    return Settings(
        database_url=url,
        alert_webhook=hook.url,
        **{"alert_webhook_private": True, "alert_webhook_secret": SECRET, **changes},
    )


def eventually(claim: Callable[[], bool], *, seconds: float = 30.0) -> None:
    until = time.monotonic() + seconds
    while not claim():
        assert time.monotonic() < until
        time.sleep(0.02)


@contextmanager
def notifying(given: Settings) -> Iterator[None]:
    stop = Stop()
    thread = threading.Thread(target=app.run_deliver, args=(given, stop))
    thread.start()
    try:
        yield
    finally:
        stop.request()
        thread.join(30)
        assert not thread.is_alive()


def test_the_address_of_a_webhook_is_not_logged(
    library: Library, hook: WorldFeed, database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    hook.fail_next(faults.status(307, headers={"Location": hook.url}))
    library.alerts(1)
    with notifying(settings(database_url, hook)):
        eventually(lambda: cursors(hook) == [1])
    assert "the webhook did not accept an alert (redirect); next try in " in caplog.text
    assert "/hook" not in caplog.text


def test_alerts_come_in_order_signed_and_with_their_cursors(
    library: Library, hook: WorldFeed, database_url: str
) -> None:
    library.alerts(3)
    with notifying(settings(database_url, hook)):
        eventually(lambda: hook.request_count == 3)
        library.alerts(1)
        eventually(lambda: hook.request_count == 4)
    assert cursors(hook) == [1, 2, 3, 4]
    request = hook.requests[0]
    assert (request.method, request.headers["content-type"]) == ("POST", "application/json")
    expected = hmac.new(SECRET.encode(), request.body, "sha256").hexdigest()
    assert request.headers[SIGNATURE.lower()] == f"sha256={expected}"
    assert taken(hook)[0]["after"] == "silent"
    assert PostgresLog(library.engine).position(ALERTS, group=GROUP) == 5


def test_without_a_secret_nothing_is_signed(library: Library, hook: WorldFeed, database_url: str) -> None:
    library.alerts(1)
    with notifying(settings(database_url, hook, alert_webhook_secret=None)):
        eventually(lambda: hook.request_count == 1)
    assert SIGNATURE.lower() not in hook.requests[0].headers


def test_what_is_not_taken_is_sent_again_and_nothing_overtakes_it(
    library: Library, hook: WorldFeed, database_url: str
) -> None:
    hook.fail_next(faults.status(503), faults.status(404))
    library.alerts(2)
    with notifying(settings(database_url, hook)):
        eventually(lambda: cursors(hook) == [1, 2])
    sent = [json.loads(request.body)["cursor"] for request in hook.requests]
    assert sent == [1, 1, 1, 2]


def test_a_stop_does_not_wait_for_a_receiver_that_is_away(
    library: Library, hook: WorldFeed, database_url: str
) -> None:
    hook.fail_always(faults.status(503, headers={"Retry-After": "3000"}))
    library.alerts(1)
    with notifying(settings(database_url, hook)):
        eventually(lambda: hook.request_count == 1)
    assert PostgresLog(library.engine).position(ALERTS, group=GROUP) == 1


def test_what_retention_took_before_it_was_delivered_is_told(
    library: Library, hook: WorldFeed, database_url: str
) -> None:
    library.alerts(5)
    library.forget(ALERTS_STREAM, before=4)
    with notifying(settings(database_url, hook)):
        eventually(lambda: hook.request_count == 3)
    gap, *rest = taken(hook)
    assert (gap["kind"], gap["lost"], gap["first_cursor"]) == ("gap", 3, 4)
    assert [body["cursor"] for body in rest] == [4, 5]


def test_a_private_address_is_not_connected_to_unless_allowed(
    library: Library, world: FeedWorld, hook: WorldFeed, database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    library.alerts(1)
    with notifying(settings(database_url, hook, alert_webhook_private=False)):
        eventually(lambda: "did not accept an alert" in caplog.text)
    assert world.connections_opened == 0


@pytest.mark.parametrize("step", ["notify.polled", "notify.delivered", "notify.committed"])
def test_a_notifier_that_is_killed_loses_none_and_repeats_at_most_one(
    library: Library, hook: WorldFeed, database_url: str, tmp_path: Path, step: str
) -> None:
    library.alerts(4)
    with Steps(tmp_path / "steps") as steps:
        environment = {
            **os.environ,
            "INGEST_DATABASE_URL": database_url,
            "INGEST_ALERT_WEBHOOK": hook.url,
            "INGEST_ALERT_WEBHOOK_PRIVATE": "true",
            CRASH_SOCKET: str(steps.path),
        }
        steps.arm(step)
        command = [sys.executable, "-m", "ingest", "deliver"]
        killed = subprocess.Popen(command, env=environment)
        eventually(lambda: not steps.armed)
        killed.send_signal(signal.SIGKILL)
        killed.wait(30)
        after = subprocess.Popen(command, env=environment)
        eventually(lambda: bool(cursors(hook)) and cursors(hook)[-1] == 4)
        after.terminate()
        assert after.wait(30) == 0
    assert cursors(hook) == ([1, 1, 2, 3, 4] if step == "notify.delivered" else [1, 2, 3, 4])


@pytest.mark.parametrize(
    ("variable", "value"),
    [("INGEST_ALERT_WEBHOOK", "ops.example.org/hook"), ("INGEST_ALERT_WEBHOOK_SECRET", " ")],
)
def test_a_setting_that_is_none_is_refused(variable: str, value: str) -> None:
    result = CliRunner().invoke(root, ["deliver"], env={variable: value})
    assert result.exit_code == 2
    assert variable in result.output


def test_without_a_webhook_there_is_nothing_to_run() -> None:
    result = CliRunner().invoke(root, ["deliver"])
    assert result.exit_code == 2
    assert "INGEST_ALERT_WEBHOOK" in result.output
