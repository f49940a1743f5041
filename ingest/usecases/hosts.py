"""Hosts of feeds: their rate limits and pauses."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from ingest.db import hosts
from ingest.db.engine import Engine
from ingest.db.hosts import HostStatus
from ingest.errors import Refused
from ingest.urls import is_loopback


def list_hosts(engine: Engine) -> list[HostStatus]:
    """Return all hosts, those with most feeds first.

    A loopback address is shown without a pause: a server there pauses only the feed that it answered for.
    """
    return [
        replace(host, paused_until=None, pause_reason=None) if is_loopback(host.host) else host
        for host in hosts.list_hosts(engine)
    ]


def effective_spacing(host: HostStatus, *, default: timedelta) -> timedelta:
    """Return the time between two requests: the operator's, else the longer of the default and Crawl-delay."""
    if host.spacing is not None:
        return host.spacing
    return max(default, host.crawl_delay or timedelta(0))


def set_spacing(engine: Engine, name: str, spacing: timedelta | None, *, now: datetime) -> HostStatus:
    """Set the time between two requests of a host (None: the default); return the host as it is now.

    Raises:
        Refused: no feed is on this host, or it has no rate limit.
    """
    host = _require_limited_host(engine, name)
    hosts.set_spacing(engine, host.host, spacing, now=now)
    return replace(host, spacing=spacing)


def unpause(engine: Engine, name: str, *, now: datetime) -> tuple[HostStatus, bool]:
    """End the pause of a host; return the host and whether it was paused.

    Raises:
        Refused: no feed is on this host, or it has no rate limit.
    """
    host = _require_limited_host(engine, name)
    return host, hosts.unpause(engine, host.host, now=now)


def _require_limited_host(engine: Engine, name: str) -> HostStatus:
    folded = name.strip().lower()
    host = next((host for host in hosts.list_hosts(engine) if host.host == folded), None)
    if host is None:
        raise Refused("host", name, "a host of a feed, without port; `ingest hosts list` shows all of them")
    if is_loopback(host.host):
        raise Refused("host", name, "another machine: loopback addresses have no rate limit")
    return host
