"""A clock that jumps (mobius#120): stored times are believed within their bounds, and an alert reports the clock."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import jsonschema
import pytest
from sqlalchemy import Engine, text

from ingest.alerts import alert_schema
from ingest.clock_guard import CHECK_INTERVAL, FULL_INTERVAL, ClockGuard, seconds_since_boot
from ingest.log.api import ALERTS
from ingest.log.postgres import PostgresLog
from ingest.runtime import Stop
from ingest.schedule import Policy
from ingest.schedule.stored_times import TimeLimits
from tests.cases.conftest import Service
from tests.poll.conftest import INTERVAL, Clock, rss

pytestmark = pytest.mark.store
LIMITS = TimeLimits(policy=Policy(), lease=timedelta(minutes=5))
YEAR = timedelta(days=400)


def clock_alerts(engine: Engine) -> list[dict[str, Any]]:
    records = PostgresLog(engine).read(ALERTS, after=0, limit=1000)
    alerts = [{"cursor": record.offset, **json.loads(record.value)} for record in records]
    for alert in alerts:
        jsonschema.validate(alert, alert_schema())
    return [alert for alert in alerts if alert["kind"] == "clock"]


def test_feeds_are_due_after_the_clock_was_400_days_ahead(service: Service) -> None:
    feed = service.serve(rss("one"), rss("one", "two"))
    service.clock.pass_by(YEAR)
    assert service.poll().fetched == 1
    service.clock.pass_by(-YEAR)
    service.world.advance_all()
    service.desk.poll_due()
    assert service.desk.feed(feed).next_poll_at <= service.clock() + 2 * INTERVAL
    service.clock.pass_by(2 * INTERVAL)
    service.desk.poll_due()
    service.consume()
    assert service.titles() == ["one", "two"]
    (alert,) = clock_alerts(service.engine)
    assert alert["feed"] is None
    assert "400d ahead" in alert["reason"]
    assert "clock" in alert["reason"]


def test_a_new_text_of_another_feed_is_not_late_after_the_clock_was_ahead(service: Service) -> None:
    service.serve(rss("one"))
    service.clock.pass_by(YEAR)
    service.poll()
    service.clock.pass_by(-YEAR)
    service.serve(rss("one").replace(b"<title>one", b"<title>one, changed"))
    service.poll()
    assert [title for title in service.titles() if "changed" in title] == ["one, changed"]


def test_refresh_helps_whatever_times_are_stored(service: Service) -> None:
    feed = service.serve(rss("one"))
    service.poll()
    far = datetime.now(UTC) + YEAR
    with service.engine.begin() as connection:
        connection.execute(
            text(
                "UPDATE feeds SET next_poll_at = :far, lease_poll_id = 77, leased_at = :far, polled_at = :far,"
                " retry_after_until = :far, slot_at = :far"
            ),
            {"far": far},
        )
        connection.execute(
            text(
                "INSERT INTO hosts (host, next_slot_at, queue_end, paused_until, pause_reason)"
                " VALUES ('127.0.0.1', :far, :far, :far, 'r')"
                " ON CONFLICT (host) DO UPDATE SET next_slot_at = :far, queue_end = :far, paused_until = :far"
            ),
            {"far": far},
        )
    service.cli("feeds", "refresh", feed.url)
    assert service.desk.feed(feed).next_poll_at <= datetime.now(UTC) + timedelta(minutes=15)
    assert len(clock_alerts(service.engine)) == 1


@pytest.mark.parametrize("jump", [timedelta(minutes=2), timedelta(hours=5), timedelta(days=3), YEAR])
def test_a_clock_that_goes_back_while_the_poller_runs_is_an_alert(
    database: Engine, clock: Clock, jump: timedelta
) -> None:
    seconds = 0.0
    guard = ClockGuard(database, PostgresLog(database), LIMITS, clock=clock, monotonic=lambda: seconds)
    guard.start()
    with database.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO feeds (url, added_at, polled_at, next_poll_at, interval)"
                " VALUES ('https://a.example/', :now, :now, :now + interval '15 min', '15 min')"
            ),
            {"now": clock() + timedelta(minutes=10)},
        )
    seconds += CHECK_INTERVAL.total_seconds()
    clock.pass_by(CHECK_INTERVAL - jump)
    corrected = guard.check()
    assert corrected is not None
    assert corrected.rows == {"feeds": 1}
    (alert,) = clock_alerts(database)
    assert "the clock was set back by" in alert["reason"]


@pytest.mark.parametrize("jump", [timedelta(minutes=2), YEAR])
@pytest.mark.parametrize("direction", ["forward", "back"])
def test_a_clock_that_is_set_is_an_alert_also_without_wrong_times(
    database: Engine, clock: Clock, jump: timedelta, direction: str
) -> None:
    guard = ClockGuard(database, PostgresLog(database), LIMITS, clock=clock, monotonic=lambda: 0.0)
    guard.start()
    clock.pass_by(jump if direction == "forward" else -jump)
    guard.check()
    guard.check()
    (alert,) = clock_alerts(database)
    assert alert["reason"].startswith(f"the clock was set {direction} by ")


def test_a_clock_that_runs_is_no_alert(database: Engine, clock: Clock) -> None:
    seconds = 0.0
    guard = ClockGuard(database, PostgresLog(database), LIMITS, clock=clock, monotonic=lambda: seconds)
    guard.start()
    for step in (CHECK_INTERVAL, FULL_INTERVAL, timedelta(days=400)):
        seconds += step.total_seconds() + 1
        clock.pass_by(step)
        guard.check()
    assert clock_alerts(database) == []
    assert seconds_since_boot() <= seconds_since_boot()


def test_a_time_that_another_machine_stores_is_noticed_within_a_minute(
    database: Engine, clock: Clock
) -> None:
    seconds = 0.0
    guard = ClockGuard(database, PostgresLog(database), LIMITS, clock=clock, monotonic=lambda: seconds)
    guard.start()
    with database.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO feeds (url, added_at, next_poll_at, interval)"
                " VALUES ('https://a.example/', :now, :now + interval '400 days', '15 min')"
            ),
            {"now": clock()},
        )
    for _ in range(13):
        seconds += CHECK_INTERVAL.total_seconds()
        clock.pass_by(CHECK_INTERVAL)
        guard.check()
    assert len(clock_alerts(database)) == 1


def test_a_machine_whose_clock_stays_ahead_makes_feeds_due_at_most_once_an_hour(
    database: Engine, clock: Clock
) -> None:
    seconds = 0.0
    guard = ClockGuard(database, PostgresLog(database), LIMITS, clock=clock, monotonic=lambda: seconds)
    guard.start()
    with database.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO feeds (url, added_at, next_poll_at, interval)"
                " VALUES ('https://a.example/', :now, :now, '15 min')"
            ),
            {"now": clock()},
        )
    for _ in range(60):
        with database.begin() as connection:
            connection.execute(text("UPDATE feeds SET next_poll_at = :far"), {"far": clock() + YEAR})
        seconds += 120
        clock.pass_by(timedelta(seconds=120))
        guard.check()
    assert 1 <= len(clock_alerts(database)) <= 3


def test_a_running_poller_corrects_times(service: Service) -> None:
    """The guard of a poll process runs beside its stages and ends with them."""
    feed = service.serve(rss("one"))
    service.poll()
    with service.engine.begin() as connection:
        connection.execute(text("UPDATE feeds SET next_poll_at = :far"), {"far": service.clock() + YEAR})
    stop = Stop()
    service.desk.poller.run(stop, until_idle=True)
    service.clock.pass_by(-timedelta(minutes=5))
    service.desk.poller.run(stop, until_idle=True)
    assert service.desk.feed(feed).next_poll_at <= service.clock() + timedelta(days=1)
