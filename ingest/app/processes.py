"""The processes of the service: each function opens its adapters and runs until a stop is requested."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from ingest import relay, runtime
from ingest.app.database import open_database
from ingest.app.logs import kafka_security, open_article_log, open_database_log
from ingest.consume import consume
from ingest.db.engine import Engine
from ingest.db.hosts import prune_hosts
from ingest.db.polls import prune_polls
from ingest.db.robots import prune_robots
from ingest.db.status import POLLER
from ingest.deliver import deliver_alerts
from ingest.discovery import Discoverer, Discovery
from ingest.errors import Refused
from ingest.fetch import Fetcher, Limits
from ingest.log.api import Log
from ingest.log.postgres import PostgresStreamSource
from ingest.parse_pool import ParserPool
from ingest.persist import Persister
from ingest.poll import PollSettings
from ingest.poll_process import PollProcess
from ingest.reindex import Reindexing
from ingest.retention import Retention
from ingest.runtime import Stop
from ingest.schedule import Policy
from ingest.schedule.rate_limit import HostLimits
from ingest.schedule.stored_times import TimeLimits
from ingest.settings import Settings, environment_name
from ingest.types import DEFAULT_REQUEST, Failed, PostResponse, RequestOptions

RELAY_TIMEOUT: Final = timedelta(seconds=15)
"""The relay waits this long for a broker. It is shorter than the other processes' timeout: a transactional producer
that lost its coordinator between two transactions does not recover (kafka-python 3.0, broker killed and restarted);
a new producer recovers at once."""
RELAY_STALL_LIMIT: Final = timedelta(seconds=120)
"""A relay without progress for this long is stuck, and its watchdog ends it. The relay's own waits end after
RELAY_TIMEOUT, but its client (kafka-python 3.0) has waits without an end, and more may exist than were found."""


def run_poller(settings: Settings, stop: Stop) -> None:
    """Poll feeds, fetch pages and subscribe at hubs (``ingest poll``)."""
    with (
        open_database(settings, name=POLLER) as engine,
        open_article_log(settings, engine) as log,
        open_poll_process(settings, engine, log) as process,
    ):
        runtime.tune_gc()
        process.run(stop)


def open_poll_process(settings: Settings, engine: Engine, log: Log) -> PollProcess:
    """Return the stages of ``ingest poll`` with these settings: a context manager."""
    return PollProcess(
        engine,
        log,
        open_database_log(engine),
        PollSettings(
            policy=_policy(settings),
            host_limits=host_limits(settings),
            lease=settings.poll_lease,
            concurrency=settings.poll_concurrency,
        ),
        user_agent=settings.user_agent,
        limits=_fetch_limits(settings),
        allow_private_addresses=settings.allow_private_addresses,
        parse_workers=settings.parse_workers,
        parse_deadline=settings.parse_deadline,
        parse_memory=settings.parse_memory,
        public_url=settings.public_url,
        interval_with_hub=settings.poll_interval_with_hub,
    )


def time_limits(settings: Settings) -> TimeLimits:
    """Return the settings that bound stored times."""
    return TimeLimits(
        policy=_policy(settings),
        lease=settings.poll_lease,
        interval_with_hub=settings.poll_interval_with_hub,
        spacing=settings.host_spacing,
    )


def _policy(settings: Settings) -> Policy:
    return Policy(
        interval=settings.poll_interval,
        minimum=settings.poll_interval_min,
        maximum=settings.poll_interval_max,
        adaptive=settings.poll_adaptive,
        fallback_user_agent=settings.fallback_user_agent or None,
        max_children=settings.sitemap_max_children,
        child_stagger=settings.sitemap_stagger,
    )


def host_limits(settings: Settings) -> HostLimits:
    """Return the rate limit that holds for every host."""
    return HostLimits(concurrency=settings.host_concurrency, spacing=settings.host_spacing)


def _fetch_limits(settings: Settings) -> Limits:
    return Limits(
        deadline=settings.fetch_deadline,
        max_bytes=settings.fetch_max_bytes,
        max_redirects=settings.fetch_max_redirects,
    )


def discover_feeds(settings: Settings, url: str, *, request: RequestOptions = DEFAULT_REQUEST) -> Discovery:
    """Discover the feeds of a site now, within the limits and address checks of a poll.

    Raises:
        Unavailable: no parser process can be started.
    """

    async def discover() -> Discovery:
        fetcher = Fetcher(
            user_agent=settings.user_agent,
            limits=_fetch_limits(settings),
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
    """Store the records of the log, and index articles without a search row (``ingest consume``)."""
    with (
        open_database(settings, name="ingest consume") as engine,
        open_article_log(settings, engine) as log,
    ):
        persister = Persister(engine, open_database_log(engine))
        runtime.tune_gc()
        with Reindexing(engine, stop) as reindexing:
            consume(log, persister, stop, batch=settings.consume_batch)
        reindexing.check()


def run_relay(settings: Settings, stop: Stop) -> None:
    """Copy every stream to its Kafka log topic, exactly once (``ingest relay``).

    Raises:
        Refused: the log is not Kafka, so there is no target.
    """
    if settings.log != "kafka":
        raise Refused(
            environment_name("log"), settings.log, "kafka, because the relay copies streams to Kafka"
        )
    from ingest.log.kafka import KafkaStreamTarget  # slow to import, and not needed on the embedded log

    assert settings.kafka_bootstrap is not None
    with (
        runtime.Watchdog(RELAY_STALL_LIMIT, activity="relaying") as watchdog,
        open_database(settings, name="ingest relay") as engine,
        PostgresStreamSource(engine) as source,
        KafkaStreamTarget(
            settings.kafka_bootstrap,
            replication=settings.kafka_replication,
            timeout=RELAY_TIMEOUT,
            retention=settings.retention_streams,
            security=kafka_security(settings),
        ) as target,
    ):
        relay.run(source, target, stop, heartbeat=watchdog.heartbeat)


def run_deliver(settings: Settings, stop: Stop) -> None:
    """Deliver alerts to the webhook (``ingest deliver``).

    Raises:
        Refused: no webhook is set.
    """
    url = settings.alert_webhook
    if url is None:
        accepted = "an address, because this process delivers alerts to it"
        raise Refused(environment_name("alert_webhook"), None, accepted)
    with open_database(settings, name="ingest deliver") as engine, asyncio.Runner() as runner:
        fetcher = Fetcher(
            user_agent=settings.user_agent,
            limits=_fetch_limits(settings),
            allow_private_addresses=settings.allow_private_addresses or settings.alert_webhook_private,
            connections=1,
        )
        runner.run(fetcher.__aenter__())

        def post(body: bytes, headers: Mapping[str, str]) -> PostResponse | Failed:
            return runner.run(fetcher.deliver(url, body=body, headers=headers, now=runtime.now()))

        try:
            deliver_alerts(open_database_log(engine), post, stop, secret=settings.alert_webhook_secret)
        finally:
            runner.run(fetcher.__aexit__(None, None, None))


def open_retention(settings: Settings, engine: Engine, stop: Stop) -> Retention:
    """Return the deletion of expired rows with these settings: a context manager."""
    return Retention(
        open_database_log(engine),
        lambda before: sum(
            prune(engine, before=before) for prune in (prune_polls, prune_robots, prune_hosts)
        ),
        retention_polls=settings.retention_polls,
        retention_log=settings.retention_log,
        retention_streams=settings.retention_streams,
        stop=stop,
        every=settings.prune_interval,
    )
