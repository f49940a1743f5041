"""A process that is stuck ends, says in its log where, and is started again; one that only has nothing to do stays."""

from __future__ import annotations

import subprocess
import sys

import pytest
from sqlalchemy import text

from ingest.errors import Unavailable
from tests.relay.conftest import World, wait_until

STUCK = """
import logging, threading, time
from datetime import timedelta
from ingest.runtime import Watchdog

def wait_for_ever():
    threading.Event().wait()

logging.basicConfig()
with Watchdog(timedelta(seconds=1.5), activity="waiting") as watchdog:
    for _ in range(20):
        watchdog.heartbeat()
        time.sleep(0.1)
    print("ran longer than the timeout", flush=True)
    wait_for_ever()
"""
UNHEARD = """
import logging, threading
from datetime import timedelta
from ingest.runtime import Watchdog

logging.basicConfig()
with Watchdog(timedelta(seconds=0.5), activity="waiting"):
    logging.getLogger().handlers[0].acquire()
    threading.Event().wait()
"""
LEFT = """
import time
from datetime import timedelta
from ingest.runtime import Watchdog

with Watchdog(timedelta(milliseconds=200), activity="nothing"):
    pass
time.sleep(0.5)
"""
RELAYS = """
import logging, sys
from datetime import timedelta
from ingest.app import processes
from ingest.runtime import Stop
from ingest.settings import read_settings

logging.basicConfig(level=logging.INFO)
processes.RELAY_STALL_LIMIT = timedelta(seconds=3)
stop = Stop()
stop.install_signal_handlers()
database_url, bootstrap = sys.argv[1:]
settings = {"DATABASE_URL": database_url, "LOG": "kafka", "KAFKA_BOOTSTRAP": bootstrap, "KAFKA_REPLICATION": "1"}
processes.run_relay(read_settings({f"INGEST_{name}": value for name, value in settings.items()}), stop)
"""


def test_a_stuck_process_ends_and_says_where_each_thread_was() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", STUCK], capture_output=True, text=True, timeout=60, check=False
    )
    assert ended.returncode == Unavailable.exit_code
    assert ended.stdout == "ran longer than the timeout\n"
    assert "waiting: no progress for 1.5 s" in ended.stderr
    assert "thread MainThread:" in ended.stderr
    assert "in wait_for_ever" in ended.stderr
    assert "in _watch" not in ended.stderr


def test_a_process_that_cannot_even_say_so_ends_too() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", UNHEARD], capture_output=True, timeout=60, check=False, text=True
    )
    assert (ended.returncode, ended.stderr) == (Unavailable.exit_code, "")


def test_a_watchdog_that_was_left_watches_no_longer() -> None:
    ended = subprocess.run([sys.executable, "-c", LEFT], timeout=60, check=False)
    assert ended.returncode == 0


@pytest.mark.kafka
def test_a_relay_ends_when_stuck_and_stays_when_idle(world: World) -> None:
    relay = subprocess.Popen(
        [sys.executable, "-c", RELAYS, world.database_url, world.bootstrap], stderr=subprocess.PIPE, text=True
    )
    try:
        world.append(3)
        wait_until(lambda: world.cursors() == [1, 2, 3])
        with pytest.raises(subprocess.TimeoutExpired):
            relay.wait(timeout=5)
        with world.engine.connect() as connection:  # a wait that has no end of its own
            connection.execute(text("LOCK TABLE log_topics"))
            _, said = relay.communicate(timeout=60)
        assert relay.returncode == Unavailable.exit_code
        assert "relaying: no progress for 3 s" in said
        assert "in streams" in said
    finally:
        relay.kill()
        relay.wait()
