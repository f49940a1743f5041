"""The composition root: the only place that chooses implementations. Tests come through the same door.

::

    ingest up       Supervisor ─┬─ embedded PostgreSQL            one data folder, one tree
                                ├─ ingest serve   ─ run_server
                                ├─ ingest relay   ─ run_relay     where the log is Kafka
                                ├─ ingest notify  ─ run_notifier  where there is a webhook
                                ├─ ingest consume ─ run_consumer
                                └─ ingest poll    ─ run_poller
    a cluster       the same ones, each its own service, as many as wanted
"""

from __future__ import annotations

import asyncio
import logging
import os
import ssl
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, fields, replace
from datetime import timedelta
from importlib.resources import files
from typing import TYPE_CHECKING, Final
from urllib.error import URLError
from urllib.request import urlopen

from sqlalchemy.exc import SQLAlchemyError

from ingest import relay, runtime
from ingest.classify import read_topics
from ingest.consume import GROUP, consume
from ingest.db import embedded, migrate, topics
from ingest.db.engine import Engine, open_engine
from ingest.db.hosts import prune_hosts
from ingest.db.polls import prune_polls
from ingest.db.robots import prune_robots
from ingest.db.status import POLLER, GroupStatus, Status, poller_connected, read_status
from ingest.deliver import deliver_alerts
from ingest.discovery import Discoverer, Discovery
from ingest.errors import IngestError, Refused
from ingest.fetch import Fetcher, Limits
from ingest.log.api import ARTICLES, Log
from ingest.log.postgres import PostgresLog, PostgresStreamSource
from ingest.parse_pool import ParserPool
from ingest.persist import Persister
from ingest.poll import PollSettings
from ingest.poll_process import PollProcess
from ingest.retention import Retention
from ingest.runtime import Stop
from ingest.schedule import Policy
from ingest.schedule.rate_limit import HostLimits
from ingest.settings import NOT_SETTINGS, PREFIX, Settings, environment_name, spell
from ingest.supervise import Process, Supervisor
from ingest.types import DEFAULT_REQUEST, Failed, PostResponse, RequestOptions, Topic

if TYPE_CHECKING:
    from ingest.log.kafka import KafkaLog, Security

logger = logging.getLogger(__name__)

KAFKA_PATIENCE: Final = timedelta(seconds=60)
"""How long a process waits for a broker that is away before it stops and is restarted."""
RELAY_PATIENCE: Final = timedelta(seconds=15)
"""How long the relay waits for one. Shorter: a transactional producer that lost its coordinator between two
transactions does not find it again (kafka-python 3.0, broker killed and restarted); a new one does, at once."""
RELAY_SILENCE: Final = timedelta(seconds=120)
"""A relay that does not go on for so long is stuck. A wait of its own ends after RELAY_PATIENCE, with failure; but its
client (kafka-python 3.0) has waits without an end, and the ones we found need not be all."""
ASKING: Final = timedelta(seconds=1)
"""How long the supervisor is kept by one look for a poller: it has others to watch."""
READY_PATIENCE: Final = timedelta(seconds=5)
"""How long a health check waits for one."""
LAG_PATIENCE: Final = timedelta(seconds=2)
"""How long the status and the metrics wait for one: Prometheus gives up a scrape after 10 s."""


@contextmanager
def database_url(settings: Settings) -> Iterator[str]:
    """The database to use: the one named in the settings, or the embedded one.

    An embedded server that is running (``ingest up`` has it) is shared; one that is not is started for the
    length of the block.
    """
    if settings.database_url is not None:
        yield settings.database_url
        return
    server = embedded.start(settings.data_dir)
    try:
        yield server.url()
    finally:
        server.stop()


@contextmanager
def open_database(
    settings: Settings, *, name: str, pool_size: int = 5, check: bool = True
) -> Iterator[Engine]:
    """The database, at the migration this code needs.

    An embedded database that is new or older is migrated: it has no other operator than us.

    Raises:
        WrongMigration: the database is newer or, where it is not ours alone, older.
    """
    with database_url(settings) as url:
        engine = open_engine(url, pool_size=pool_size, name=name)
        try:
            if settings.database_url is None:
                migrate_database(settings, engine)
            elif check:
                migrate.check(engine)
            yield engine
        finally:
            engine.dispose()


def migrate_database(settings: Settings, engine: Engine) -> None:
    """Bring the schema to this code's migration, and see that there are topics.

    The topics of ``topics_file`` are loaded each time; the ones that ship with us only into a database that has
    none, so that what an operator loaded stays.
    """
    migrate.upgrade(engine)
    runtime.failpoint("migrate.upgraded")
    if settings.topics_file is not None or not topics.list_topics(engine):
        topics.load(engine, topics_from(settings), now=runtime.now())
    runtime.failpoint("migrate.loaded")


def topics_from(settings: Settings) -> tuple[Topic, ...]:
    """The topics of ``topics_file``, or those that ship with us."""
    if settings.topics_file is None:
        return read_topics(files("ingest").joinpath("topics.yaml").read_text("utf-8"), name="topics.yaml")
    try:
        content = settings.topics_file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Refused(
            "INGEST_TOPICS_FILE", str(settings.topics_file), f"a readable YAML file in UTF-8 ({error})"
        ) from None
    return read_topics(content, name=str(settings.topics_file))


@contextmanager
def article_log(settings: Settings, engine: Engine) -> Iterator[Log]:
    """The log that carries ``news.articles``: tables in the database, or Kafka."""
    if settings.log == "postgres":
        yield PostgresLog(engine)
        return
    with _kafka(settings) as log:
        yield log


@contextmanager
def _kafka(settings: Settings, *, patience: timedelta = KAFKA_PATIENCE) -> Iterator[KafkaLog]:
    from ingest.log.kafka import KafkaLog  # slow to import, and not needed on the embedded log

    assert settings.kafka_bootstrap is not None
    log = KafkaLog(
        settings.kafka_bootstrap,
        partitions=settings.kafka_partitions,
        replication=settings.kafka_replication,
        timeout=patience,
        session_timeout=settings.kafka_session_timeout,
        security=_kafka_security(settings),
    )
    try:
        yield log
    finally:
        log.close()


def _kafka_security(settings: Settings) -> Security:
    """
    Raises:
        Refused: the file of certificates cannot be read, or has none.
    """
    from ingest.log.kafka import Security

    cafile = settings.kafka_ssl_cafile
    if cafile is not None:
        try:
            ssl.create_default_context(cafile=str(cafile))
        except OSError as error:  # ssl.SSLError is one too
            accepted = f"a readable file of certificates in PEM ({error.strerror or error})"
            raise Refused(environment_name("kafka_ssl_cafile"), str(cafile), accepted) from None
    return Security(
        protocol=settings.kafka_security_protocol,
        mechanism=settings.kafka_sasl_mechanism,
        username=settings.kafka_sasl_username,
        password=settings.kafka_sasl_password,
        cafile=cafile,
    )


def run_poller(settings: Settings, stop: Stop) -> None:
    """``ingest poll``: poll feeds, fetch pages and serve hubs until a stop is requested."""
    with (
        open_database(settings, name=POLLER) as engine,
        article_log(settings, engine) as log,
        open_poll_process(settings, engine, log) as process,
    ):
        runtime.tune_gc()
        process.run(stop)


def open_poll_process(settings: Settings, engine: Engine, log: Log) -> PollProcess:
    """Return the stages of ``ingest poll`` as configured; a context manager."""
    return PollProcess(
        engine,
        log,
        PostgresLog(engine),
        PollSettings(
            policy=Policy(
                interval=settings.poll_interval,
                minimum=settings.poll_interval_min,
                maximum=settings.poll_interval_max,
                adaptive=settings.poll_adaptive,
                fallback_user_agent=settings.fallback_user_agent or None,
                max_children=settings.sitemap_max_children,
                child_stagger=settings.sitemap_stagger,
            ),
            host_limits=host_limits(settings),
            lease=settings.poll_lease,
            concurrency=settings.poll_concurrency,
        ),
        user_agent=settings.user_agent,
        limits=_limits(settings),
        allow_private_addresses=settings.allow_private_addresses,
        parse_workers=settings.parse_workers,
        parse_deadline=settings.parse_deadline,
        parse_memory=settings.parse_memory,
        public_url=settings.public_url,
        interval_with_hub=settings.poll_interval_with_hub,
    )


def host_limits(settings: Settings) -> HostLimits:
    """Return the limits of every host without settings of its own."""
    return HostLimits(concurrency=settings.host_concurrency, spacing=settings.host_spacing)


def _limits(settings: Settings) -> Limits:
    return Limits(
        deadline=settings.fetch_deadline,
        max_bytes=settings.fetch_max_bytes,
        max_redirects=settings.fetch_max_redirects,
    )


def discover_feeds(settings: Settings, url: str, *, request: RequestOptions = DEFAULT_REQUEST) -> Discovery:
    """The feeds of a site, asked for now with ``request``, within the limits and guards of a poll.

    Raises:
        Unavailable: no parser can be started.
    """

    async def discover() -> Discovery:
        fetcher = Fetcher(
            user_agent=settings.user_agent,
            limits=_limits(settings),
            allow_private_addresses=settings.allow_private_addresses,
        )
        parsers = ParserPool(workers=1, deadline=settings.parse_deadline, memory=settings.parse_memory)
        async with fetcher, parsers:
            discoverer = Discoverer(
                fetcher, parsers, request=request, spacing=settings.host_spacing, clock=runtime.now
            )
            return await discoverer.discover(url)

    return asyncio.run(discover())


def run_consumer(settings: Settings, stop: Stop) -> None:
    """``ingest consume``: from the log into the store until a stop is requested."""
    with (
        open_database(settings, name="ingest consume") as engine,
        article_log(settings, engine) as log,
    ):
        persister = Persister(engine, PostgresLog(engine))
        runtime.tune_gc()
        consume(log, persister, stop, batch=settings.consume_batch)


def run_relay(settings: Settings, stop: Stop) -> None:
    """``ingest relay``: every stream to its Kafka topic, exactly once, until a stop is requested.

    Raises:
        Refused: the log is not Kafka, so there is nothing to relay to.
    """
    if settings.log != "kafka":
        raise Refused(environment_name("log"), settings.log, "kafka, for the relay copies streams to Kafka")
    from ingest.log.kafka import KafkaStreamTarget

    assert settings.kafka_bootstrap is not None
    with (
        runtime.Watchdog(RELAY_SILENCE, activity="relaying") as watchdog,
        open_database(settings, name="ingest relay") as engine,
        PostgresStreamSource(engine) as source,
        KafkaStreamTarget(
            settings.kafka_bootstrap,
            replication=settings.kafka_replication,
            timeout=RELAY_PATIENCE,
            retention=settings.retention_streams,
            security=_kafka_security(settings),
        ) as target,
    ):
        relay.run(source, target, stop, heartbeat=watchdog.heartbeat)


def run_deliver(settings: Settings, stop: Stop) -> None:
    """``ingest notify``: alerts to the webhook, until a stop is requested.

    Raises:
        Refused: there is no webhook.
    """
    url = settings.alert_webhook
    if url is None:
        accepted = "an address, for this process delivers alerts to it"
        raise Refused(environment_name("alert_webhook"), None, accepted)
    with open_database(settings, name="ingest notify") as engine, asyncio.Runner() as runner:
        fetcher = Fetcher(
            user_agent=settings.user_agent,
            limits=_limits(settings),
            allow_private_addresses=settings.allow_private_addresses or settings.alert_webhook_private,
            connections=1,
        )
        runner.run(fetcher.__aenter__())

        def receive(body: bytes, headers: Mapping[str, str]) -> PostResponse | Failed:
            return runner.run(fetcher.deliver(url, body=body, headers=headers, now=runtime.now()))

        try:
            deliver_alerts(PostgresLog(engine), receive, stop, secret=settings.alert_webhook_secret)
        finally:
            runner.run(fetcher.__aexit__(None, None, None))


def retention(settings: Settings, engine: Engine, stop: Stop) -> Retention:
    """Housekeeping as the settings want it; a context manager."""
    return Retention(
        PostgresLog(engine),
        lambda before: sum(
            prune(engine, before=before) for prune in (prune_polls, prune_robots, prune_hosts)
        ),
        retention_polls=settings.retention_polls,
        retention_log=settings.retention_log,
        retention_streams=settings.retention_streams,
        stop=stop,
        every=settings.prune_interval,
    )


def service_status(
    settings: Settings, engine: Engine, *, timeout: timedelta = timedelta(seconds=5)
) -> Status:
    """How the service stands, the consumers' lag told by the log that carries ``news.articles``.

    Raises:
        Unavailable: the database. A broker that is away only leaves that lag out.
    """
    status = read_status(engine, now=runtime.now(), timeout=timeout)
    if settings.log != "kafka":
        return status
    # What is in the tables about news.articles is from a time before Kafka.
    others = tuple(group for group in status.groups if group.topic != ARTICLES)
    return replace(status, groups=(*_kafka_groups(settings), *others))


def _kafka_groups(settings: Settings) -> tuple[GroupStatus, ...]:
    try:
        with _kafka(settings, patience=LAG_PATIENCE) as log:
            lag = log.lag(ARTICLES, group=GROUP)
    except IngestError as error:
        logger.warning("the lag of group %s on %s is not known: %s", GROUP, ARTICLES, error)
        return ()
    return () if lag is None else (GroupStatus(topic=ARTICLES, group=GROUP, lag=lag),)


def check_ready(settings: Settings, engine: Engine) -> None:
    """
    Raises:
        Unavailable: the database or the log.
        WrongMigration: the database is not at the migration this code needs.
    """
    migrate.check(engine)
    if settings.log == "kafka":
        with _kafka(settings, patience=READY_PATIENCE) as log:
            log.check()


def health(settings: Settings) -> None:
    """Whether a process with these settings could work; raises as :func:`check_ready` does."""
    with open_database(settings, name="ingest health", pool_size=1) as engine:
        check_ready(settings, engine)


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """Where the parts of a tree are."""

    database: str
    api: str
    """The API's URL; its port is known only now where any free one was wanted."""


def run_up(
    settings: Settings,
    stop: Stop,
    *,
    echo: Callable[[str], None],
    on_ready: Callable[[Running], None],
    environment: Mapping[str, str] = os.environ,
) -> None:
    """``ingest up``: the whole service as one supervised tree; ``on_ready`` is told where it is.

    Raises:
        Unavailable: a part could not be kept running; the rest was stopped in order.
        NeedsOperator: a part was refused something; the rest was stopped in order.
        Refused: another tree runs on the same data folder, or another process has the port of the API.
    """
    with ExitStack() as stack:
        server = None
        if settings.database_url is None:
            stack.enter_context(embedded.lock_data_dir(settings.data_dir))
        # Tried first: whoever has the port may well be a news-ingest, whose health would be taken for our own.
        # Where any free port is wanted it is chosen here: a part that starts again should be found where it was.
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
        given = child_environment(settings, environment, database=url)
        Supervisor(
            _parts(
                given,
                relayed=settings.log == "kafka",
                notified=settings.alert_webhook is not None,
                ready={"serve": _api_ready(api), "poll": _poller_ready(url)},
            ),
            stop=stop,
            echo=echo,
            database=server,
            on_ready=lambda: on_ready(Running(database=url, api=api)),
        ).run()


def child_environment(settings: Settings, environment: Mapping[str, str], *, database: str) -> dict[str, str]:
    """The environment of a part: ours, with every setting spelled out and no file to read again."""
    kept = {
        name: value
        for name, value in environment.items()
        if not name.startswith(PREFIX) or (name in NOT_SETTINGS and name != "INGEST_CONFIG")
    }
    for setting in fields(settings):
        said = spell(setting.name, getattr(settings, setting.name))
        if said is not None:
            kept[environment_name(setting.name)] = said
    return {**kept, environment_name("database_url"): database}


def _parts(
    environment: Mapping[str, str],
    *,
    relayed: bool,
    notified: bool,
    ready: Mapping[str, Callable[[], bool]],
) -> list[Process]:
    names = ["poll", "consume", *(["relay"] if relayed else []), *(["notify"] if notified else []), "serve"]
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


def _api_ready(api: str) -> Callable[[], bool]:
    here = api.replace("//0.0.0.0:", "//127.0.0.1:").replace("//[::]:", "//[::1]:")

    def ready() -> bool:
        try:
            with urlopen(f"{here}/healthz", timeout=1) as response:  # noqa: S310 - an address of our own
                return bool(response.status == 200)
        except (URLError, OSError):
            return False

    return ready


def _poller_ready(database: str) -> Callable[[], bool]:
    """Asks for a connection of its own each time: the database may be a new one by then."""

    def ready() -> bool:
        engine = open_engine(database, name="ingest up", pool_size=1, connect_timeout=ASKING)
        try:
            return poller_connected(engine, timeout=ASKING)
        except (IngestError, SQLAlchemyError):  # whatever it is: no poller can be seen
            return False
        finally:
            engine.dispose()

    return ready
