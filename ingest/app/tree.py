"""``ingest up``: the whole service as one supervised process tree."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, fields, replace
from datetime import timedelta
from typing import Final
from urllib.error import URLError
from urllib.request import urlopen

from sqlalchemy.exc import SQLAlchemyError

from ingest import runtime
from ingest.app.database import migrate_database
from ingest.db import embedded
from ingest.db.engine import open_engine
from ingest.db.status import poller_connected
from ingest.errors import IngestError
from ingest.runtime import Stop
from ingest.settings import NOT_SETTINGS, PREFIX, Settings, environment_name, format_setting
from ingest.supervise import Process, Supervisor

POLLER_CHECK_TIMEOUT: Final = timedelta(seconds=1)
"""One check for a connected poller blocks the supervisor at most this long: it watches the other processes, too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningTree:
    """Addresses of a running tree."""

    database: str
    api: str
    """URL of the API, with the port that was chosen where any free port was wanted."""


def run_up(
    settings: Settings,
    stop: Stop,
    *,
    echo: Callable[[str], None],
    on_ready: Callable[[RunningTree], None],
    environment: Mapping[str, str],
) -> None:
    """Run the whole service as one supervised tree; call ``on_ready`` once with its addresses.

    Args:
        echo: receives the lines that the processes write.
        environment: inherited by the processes, with the settings added.

    Raises:
        Unavailable: a process could not be kept running; the rest was stopped in order.
        NeedsOperator: a process was refused something; the rest was stopped in order.
        Refused: another tree runs on the same data folder, or another process has the port of the API.
    """
    with ExitStack() as stack:
        server = None
        if settings.database_url is None:
            stack.enter_context(embedded.lock_data_dir(settings.data_dir))
        # The port is bound first: a process that already has it may be another news-ingest, whose health check would
        # pass for this one's. A free port is chosen here, so that a restarted process keeps its address.
        with runtime.bind_port(settings.api_host, settings.api_port) as bound:
            settings = replace(settings, api_port=bound.getsockname()[1])
            api = runtime.base_url(bound)
        if settings.database_url is None:
            server = embedded.start(settings.data_dir)
            stack.callback(server.stop)
            url = server.url()
        else:
            url = settings.database_url
        engine = open_engine(url, name="ingest up")
        try:
            migrate_database(settings, engine)
        finally:
            engine.dispose()
        Supervisor(
            _processes(
                child_environment(settings, environment, database=url),
                with_relay=settings.log == "kafka",
                with_deliver=settings.alert_webhook is not None,
                ready={"serve": _api_check(api), "poll": _poller_check(url)},
            ),
            stop=stop,
            echo=echo,
            database=server,
            on_ready=lambda: on_ready(RunningTree(database=url, api=api)),
        ).run()


def child_environment(settings: Settings, environment: Mapping[str, str], *, database: str) -> dict[str, str]:
    """Return the environment of a child process: every setting as a variable, and no configuration file."""
    inherited = {
        name: value
        for name, value in environment.items()
        if not name.startswith(PREFIX) or (name in NOT_SETTINGS and name != "INGEST_CONFIG")
    }
    for setting in fields(settings):
        text = format_setting(setting.name, getattr(settings, setting.name))
        if text is not None:
            inherited[environment_name(setting.name)] = text
    return {**inherited, environment_name("database_url"): database}


def _processes(
    environment: Mapping[str, str],
    *,
    with_relay: bool,
    with_deliver: bool,
    ready: Mapping[str, Callable[[], bool]],
) -> list[Process]:
    names = [
        "poll",
        "consume",
        *(["relay"] if with_relay else []),
        *(["deliver"] if with_deliver else []),
        "serve",
    ]
    return [
        Process(
            name=name,
            command=[sys.executable, "-m", "ingest", name],
            environment=environment,
            stop_order=order,
            ready=ready.get(name),
        )
        for order, name in enumerate(names)
    ]


def _api_check(api: str) -> Callable[[], bool]:
    local_url = api.replace("//0.0.0.0:", "//127.0.0.1:").replace("//[::]:", "//[::1]:")

    def ready() -> bool:
        try:
            with urlopen(f"{local_url}/healthz", timeout=1) as response:  # noqa: S310 - an address of our own
                return bool(response.status == 200)
        except (URLError, OSError):
            return False

    return ready


def _poller_check(database: str) -> Callable[[], bool]:
    """Return a check that opens a new connection each time: the database may have restarted since the last."""

    def ready() -> bool:
        engine = open_engine(database, name="ingest up", pool_size=1, connect_timeout=POLLER_CHECK_TIMEOUT)
        try:
            return poller_connected(engine, timeout=POLLER_CHECK_TIMEOUT)
        except (IngestError, SQLAlchemyError):  # for any reason: no connected poller can be seen
            return False
        finally:
            engine.dispose()

    return ready
