"""The pytest plugin for Kafka: one broker a run, shared by the worker processes of pytest-xdist.

The process that the user started (xdist's controller) owns the broker, so the broker ends with the run, also after
Ctrl-C and after the crash of a worker. Workers request its address through a Unix socket; the first request starts
the broker, so a run without Kafka tests starts none.
"""

from __future__ import annotations

import json
import os
import socket
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread
from typing import Any, Final

import pytest

from tests.kafka_broker import HOW_TO_RUN, START_SECONDS, Broker, CannotStartError, fetch_jars
from tests.scratch import scratch_parent

_NOT_RUN: Final = pytest.StashKey[str]()
_SHARED: Final = pytest.StashKey["SharedBroker"]()
_ADDRESS: Final = "kafka_address"
"""The key in ``workerinput``: the Unix socket of the controller."""
_REASON: Final = "kafka_not_run"
"""The key in ``workeroutput``: why a worker skipped the Kafka tests."""
_REQUEST_SECONDS: Final = 3 * START_SECONDS
"""Formatting the folder and starting the broker, and before that Maven's download."""


class SharedBroker:
    """Starts one broker at the first request over :attr:`address` and sends its address to each client."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="ingest-kafka-", dir=scratch_parent())
        self.address = str(Path(self._folder.name) / "requests")
        self._broker: Broker | None = None
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(self.address)
        self._listener.listen()
        self._thread = Thread(target=self._serve, name="shared-broker", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Refuse further requests and end the broker."""
        self._listener.shutdown(socket.SHUT_RDWR)
        if self._broker is not None:
            self._broker.kill()  # also ends a start that is under way
        self._thread.join()
        self._listener.close()
        if self._broker is not None:
            self._broker.kill()
        self._folder.cleanup()

    def _serve(self) -> None:
        response: dict[str, str] | None = None
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                response = response or self._start()
                connection.sendall(json.dumps(response).encode())

    def _start(self) -> dict[str, str]:
        try:
            self._broker = Broker(Path(self._folder.name) / "broker", jars=fetch_jars(), tied=True)
            self._broker.start()
        except CannotStartError as error:
            return {"error": str(error)}
        return {"bootstrap": self._broker.bootstrap}


def request_broker(address: str) -> str:
    """Return ``host:port`` of the run's broker.

    Raises:
        CannotStartError: the controller could not start it.
    """
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(_REQUEST_SECONDS)
        connection.connect(address)
        received = bytearray()
        while part := connection.recv(65_536):
            received += part
    response: dict[str, str] = json.loads(received or '{"error": "the run is ending"}')
    if "error" in response:
        raise CannotStartError(response["error"])
    return response["bootstrap"]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--kafka",
        action="store_true",
        help="fail, instead of skipping, what needs Kafka when no broker can be had (as with CI=true)",
    )


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    # kafka-python leaves sockets that could not connect, and so have no address, to the garbage collector.
    config.addinivalue_line(
        "filterwarnings", r"ignore:unclosed <socket.*laddr=\('0\.0\.0\.0':ResourceWarning"
    )
    # And those whose TLS handshake failed.
    config.addinivalue_line("filterwarnings", r"ignore:unclosed <ssl\.SSLSocket:ResourceWarning")


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """In the controller, before a worker starts."""
    if _SHARED not in node.config.stash:
        node.config.stash[_SHARED] = SharedBroker()
    node.workerinput[_ADDRESS] = node.config.stash[_SHARED].address


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """In the controller, after a worker ended."""
    if reason := getattr(node, "workeroutput", {}).get(_REASON):
        node.config.stash[_NOT_RUN] = reason


def _refuse(config: pytest.Config, reason: str) -> None:
    """Skip what asked for a broker, or fail it where Kafka must be tested."""
    if config.getoption("--kafka") or os.environ.get("CI") == "true":
        pytest.fail(f"no Kafka broker: {reason}. {HOW_TO_RUN}", pytrace=False)
    config.stash[_NOT_RUN] = reason
    if (output := getattr(config, "workeroutput", None)) is not None:
        output[_REASON] = reason
    pytest.skip(f"no Kafka broker: {reason}")


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    """End the shared broker, then write the last lines of the run.

    After pytest_terminal_summary come pytest's own counts.
    """
    if (shared := config.stash.get(_SHARED, None)) is not None:
        shared.close()
    reason = config.stash.get(_NOT_RUN, None)
    terminal = config.pluginmanager.get_plugin("terminalreporter")
    if reason is not None and terminal is not None:
        terminal.write_line(f"The Kafka side was NOT run: no broker ({reason}).", yellow=True)
        terminal.write_line(HOW_TO_RUN, yellow=True)


@pytest.fixture(scope="session")
def kafka_jars(pytestconfig: pytest.Config) -> Path:
    """The jars of a broker of our own; skips or fails where they cannot be had."""
    try:
        return fetch_jars()
    except CannotStartError as error:
        _refuse(pytestconfig, str(error))
        raise


@pytest.fixture(scope="session")
def kafka_bootstrap(request: pytest.FixtureRequest) -> Iterator[str]:
    """``host:port`` of the run's broker, never killed: the one of INGEST_TEST_KAFKA, or our own."""
    if configured := os.environ.get("INGEST_TEST_KAFKA"):
        yield configured
        return
    worker: dict[str, str] = getattr(request.config, "workerinput", {})
    try:
        if _ADDRESS in worker:
            yield request_broker(worker[_ADDRESS])
            return
        with (
            tempfile.TemporaryDirectory(prefix="ingest-kafka-", dir=scratch_parent()) as folder,
            Broker(Path(folder), jars=fetch_jars()) as broker,
        ):
            yield broker.bootstrap
    except CannotStartError as error:
        _refuse(request.config, str(error))
        raise


@pytest.fixture
def start_broker(kafka_jars: Path, tmp_path: Path) -> Iterator[Callable[[], Broker]]:
    """Starts brokers for this test alone, to be killed. Needs java and mvn even with INGEST_TEST_KAFKA."""
    started: list[Broker] = []

    def start() -> Broker:
        broker = Broker(tmp_path / f"kafka-{len(started)}", jars=kafka_jars)
        started.append(broker)
        broker.start()
        return broker

    yield start
    for broker in started:
        broker.kill()
