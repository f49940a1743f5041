"""Declarations of all settings: default, reader, accepted values and meaning."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from ingest.settings.value_readers import (
    read_bootstrap,
    read_count,
    read_database_url,
    read_duration,
    read_one_of,
    read_path,
    read_port,
    read_public_url,
    read_size,
    read_spacing,
    read_switch,
    read_text,
    read_text_or_nothing,
    read_web_address,
)

DURATION: Final = "a duration such as 500ms, 30s, 15m, 6h or 1d, longer than zero"
SPACING: Final = "a duration such as 500ms, 30s or 5m, or 0s"
SIZE: Final = "a size such as 512k, 16m or 1g"
COUNT: Final = "a whole number of at least 1"
PATH: Final = "a path, not empty"
SECURITY_PROTOCOLS: Final = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
SASL_MECHANISMS: Final = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")


def _setting(
    default: Any, read: Callable[[str], Any], accepted: str, about: str, *, secret: bool = False
) -> Any:
    metadata = {"read": read, "accepted": accepted, "about": about, "secret": secret}
    return field(default=default, metadata=metadata, repr=not secret)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All settings with their defaults."""

    data_dir: Path = _setting(
        Path("data"), read_path, PATH, "folder of the embedded PostgreSQL; created when missing"
    )
    database_url: str | None = _setting(
        None,
        read_database_url,
        "postgresql://user:password@host:port/database",
        "an external PostgreSQL, 15 or newer; default: the service starts its own in data_dir",
        secret=True,
    )
    log: str = _setting(
        "postgres",
        read_one_of("postgres", "kafka"),
        "postgres or kafka",
        "the log between the stages: tables in the database, or Apache Kafka",
    )
    kafka_bootstrap: str | None = _setting(
        None, read_bootstrap, "host:port[,host:port…]", "the Kafka brokers; required where log is kafka"
    )
    kafka_partitions: int = _setting(
        6, read_count, COUNT, "partitions of news.articles, when the service creates it"
    )
    kafka_replication: int = _setting(
        1, read_count, COUNT, "replicas of the log topics that the service creates"
    )
    kafka_session_timeout: timedelta = _setting(
        timedelta(seconds=10),
        read_duration,
        DURATION,
        "time after which the partitions of a consumer that died are reassigned (brokers accept 6s to 30m)",
    )
    kafka_security_protocol: str = _setting(
        "PLAINTEXT",
        read_one_of(*SECURITY_PROTOCOLS),
        f"one of {', '.join(SECURITY_PROTOCOLS)}",
        "protocol of the brokers: encryption (SSL), authentication (SASL), both or neither",
    )
    kafka_sasl_mechanism: str | None = _setting(
        None,
        read_one_of(*SASL_MECHANISMS),
        f"one of {', '.join(SASL_MECHANISMS)}",
        "authentication at the brokers; PLAIN sends the password itself",
    )
    kafka_sasl_username: str | None = _setting(
        None, read_text, "one line of text", "user name at the brokers"
    )
    kafka_sasl_password: str | None = _setting(
        None, read_text, "one line of text", "password at the brokers", secret=True
    )
    kafka_ssl_cafile: Path | None = _setting(
        None,
        read_path,
        "a path of a PEM file, not empty",
        "CA certificates for the brokers; default: the certificates that this machine trusts",
    )
    topics_file: Path | None = _setting(
        None,
        read_path,
        "a path of a YAML file, not empty",
        "topics to load at start; default: the built-in topics",
    )
    api_host: str = _setting("127.0.0.1", read_text, "an address", "address that the API listens on")
    api_port: int = _setting(
        8080, read_port, "a port from 0 (any free one) to 65535", "port that the API listens on"
    )
    public_url: str | None = _setting(
        None,
        read_public_url,
        "an address such as https://news.example.org, without ? and #",
        "address at which hubs on the internet reach the API; without it no hub is used",
    )
    poll_concurrency: int = _setting(
        100, read_count, COUNT, "number of feeds that one poller fetches concurrently"
    )
    poll_interval: timedelta = _setting(
        timedelta(minutes=15),
        read_duration,
        DURATION,
        "time between two polls of a feed with one entry per hour",
    )
    poll_adaptive: bool = _setting(
        True,
        read_switch,
        "true or false",
        "adapt the interval to the publish rate of each feed; false: always poll_interval",
    )
    poll_interval_min: timedelta = _setting(
        timedelta(minutes=1),
        read_duration,
        DURATION,
        "shortest time between two polls, whatever the feed declares",
    )
    poll_interval_max: timedelta = _setting(
        timedelta(days=1),
        read_duration,
        DURATION,
        "longest time between two polls, whatever the feed declares and however often it failed",
    )
    sitemap_max_children: int = _setting(
        50, read_count, COUNT, "maximum number of sitemaps of one index that are polled, the latest first"
    )
    sitemap_stagger: timedelta = _setting(
        timedelta(minutes=1),
        read_spacing,
        SPACING,
        "time between the first polls of two sitemaps of one index",
    )
    poll_interval_with_hub: timedelta = _setting(
        timedelta(days=1),
        read_duration,
        DURATION,
        "time between two polls of a feed whose hub is trusted to push new entries",
    )
    host_concurrency: int = _setting(
        2, read_count, COUNT, "number of concurrent polls of one host, by all pollers together"
    )
    host_spacing: timedelta = _setting(
        timedelta(seconds=1),
        read_spacing,
        SPACING,
        "average time between two polls of one host; `ingest hosts set` changes it for one host",
    )
    poll_lease: timedelta = _setting(
        timedelta(minutes=5),
        read_duration,
        DURATION,
        "time after which another poller takes over a poll that was not recorded",
    )
    fetch_deadline: timedelta = _setting(
        timedelta(seconds=60),
        read_duration,
        DURATION,
        "time limit of one fetch, including redirects and body",
    )
    fetch_max_bytes: int = _setting(
        16 * 1024**2, read_size, SIZE, "largest body of a feed, after decompression"
    )
    fetch_max_redirects: int = _setting(
        10, read_count, COUNT, "maximum number of redirects that one fetch follows"
    )
    alert_webhook: str | None = _setting(
        None,
        read_web_address,
        "an http or https address",
        "address that alerts are delivered to, each as JSON in a POST, in order and at least once",
        secret=True,
    )
    alert_webhook_secret: str | None = _setting(
        None,
        read_text,
        "one line of text, not empty",
        "key that signs deliveries to the webhook (HMAC with SHA-256)",
        secret=True,
    )
    alert_webhook_private: bool = _setting(
        False, read_switch, "true or false", "allow a loopback, private or link-local address of the webhook"
    )
    allow_private_addresses: bool = _setting(
        False, read_switch, "true or false", "fetch from loopback, private and link-local addresses, too"
    )
    user_agent: str = _setting(
        "news-ingest/0.1 (+https://github.com/news-ingest/news-ingest)",
        read_text,
        "one line of text",
        "user agent of all requests; name yourself and a contact",
    )
    fallback_user_agent: str = _setting(
        "Mozilla/5.0 (compatible; news-ingest/0.1; +https://github.com/news-ingest/news-ingest)",
        read_text_or_nothing,
        "one line of text, or nothing",
        "user agent for a feed that refuses user_agent; name the same contact; empty: none",
    )
    parse_workers: int = _setting(
        os.cpu_count() or 1,
        read_count,
        COUNT,
        "number of parser processes of one poller; default: number of cores",
    )
    parse_deadline: timedelta = _setting(
        timedelta(seconds=30),
        read_duration,
        DURATION,
        "time after which a parser process is killed and replaced",
    )
    parse_memory: int = _setting(
        1024**3,
        read_size,
        SIZE,
        "memory limit of a parser process; exceeding it fails one feed",
    )
    consume_batch: int = _setting(500, read_count, COUNT, "maximum number of records in one transaction")
    prune_interval: timedelta = _setting(
        timedelta(minutes=10),
        read_duration,
        DURATION,
        "time between two deletions of expired rows",
    )
    retention_polls: timedelta = _setting(
        timedelta(days=30), read_duration, DURATION, "retention of the history of polls"
    )
    retention_log: timedelta = _setting(
        timedelta(days=7),
        read_duration,
        DURATION,
        "retention of records of the embedded log that every group has read",
    )
    retention_streams: timedelta = _setting(
        timedelta(days=90),
        read_duration,
        DURATION,
        "retention of streams; older cursors get a gap",
    )
