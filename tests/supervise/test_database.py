"""The tree with the real embedded database: killed, started again, stopped last."""

from __future__ import annotations

import os
import signal
from datetime import timedelta
from pathlib import Path

import pytest
from tenacity import stop_after_attempt

from ingest.db import embedded
from ingest.errors import Unavailable
from ingest.supervise import Process, RestartPolicy, Status
from tests.supervise.trees import SLEEPER, Tree, program, tree, wait_until

USES_DATABASE = """
import pathlib, signal, sys, time
import psycopg
url, ends, name = sys.argv[1:]
def leave(number, frame):
    with psycopg.connect(url) as connection, pathlib.Path(ends).open("a") as out:
        out.write(f"{name} {connection.execute('SELECT 1').fetchone()[0]}\\n")
    sys.exit(0)
try:
    connection = psycopg.connect(url, autocommit=True)
    signal.signal(signal.SIGTERM, leave)
    print("connected", flush=True)
    while True:
        connection.execute("SELECT 1")
        time.sleep(0.01)
except psycopg.OperationalError as error:
    print(str(error).splitlines()[0], file=sys.stderr)
    sys.exit(3)
"""


def _parts(server: embedded.EmbeddedPostgres, ends: Path) -> list[Process]:
    return [
        program(name, USES_DATABASE, server.url(), ends, name, stop_order=order)
        for order, name in enumerate(("poll", "serve"))
    ]


def _connected(running: Tree, name: str) -> int:
    return sum(line.split() == [name, "|", "connected"] for line in running.lines)


def _wait_until_connected(running: Tree, times: int, *names: str) -> None:
    wait_until(lambda: all(_connected(running, name) == times for name in names))


def test_a_killed_database_is_started_again_and_parts_that_fell_with_it_are_not_blamed(
    data_dir: Path, tmp_path: Path
) -> None:
    server = embedded.start(data_dir)
    twice = RestartPolicy(max_restarts=2, initial_delay=timedelta(seconds=0.05))
    parts = [*_parts(server, tmp_path / "ends"), program("calm", SLEEPER)]
    with tree(parts, database=server, policy=twice) as running:
        for kills in (1, 2):
            _wait_until_connected(running, kills, "poll", "serve")
            embedded.kill(server)
        for own_failures in (3, 4):
            _wait_until_connected(running, own_failures, "poll")
            os.kill(running.pid("poll"), signal.SIGKILL)
        _wait_until_connected(running, 5, "poll")
        assert running.supervisor.database_restarts == 2
        assert running.state("calm").restarts == 0
        assert _connected(running, "serve") == 3
    assert running.error is None
    assert not server.running


def test_the_database_stops_after_everything_that_uses_it(data_dir: Path, tmp_path: Path) -> None:
    server = embedded.start(data_dir)
    ends = tmp_path / "ends"
    with tree(_parts(server, ends), database=server) as running:
        _wait_until_connected(running, 1, "poll", "serve")
    assert ends.read_text().splitlines() == ["poll 1", "serve 1"]
    assert not server.running


def test_a_database_that_somebody_else_uses_is_left_running(data_dir: Path) -> None:
    server, elsewhere = embedded.start(data_dir), embedded.start(data_dir)
    with tree([program("poll", SLEEPER)], database=server) as running:
        wait_until(lambda: running.state("poll").status is Status.READY)
    assert elsewhere.running
    assert elsewhere.stop()


def test_a_database_that_cannot_come_back_brings_the_tree_down_with_its_reason(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded, "START_RETRY", embedded.START_RETRY.copy(stop=stop_after_attempt(1)))
    server = embedded.start(data_dir)
    main = data_dir / "postgres" / "postgresql.conf"
    good = main.read_text()
    with tree([program("poll", SLEEPER)], database=server) as running:
        wait_until(lambda: running.state("poll").status is Status.READY)
        main.write_text(good + "\nno_such_setting = 1\n")
        embedded.kill(server)
        wait_until(running.ended)
    main.write_text(good)
    assert isinstance(running.error, Unavailable)
    assert running.error.component == "embedded PostgreSQL"
    assert "its log says" in running.error.reason
    assert running.state("poll").status is Status.STOPPED
