"""The hosts that are asked: how often, and which asked to be left alone."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import click

from ingest import app, runtime
from ingest.cli.render import clean, when
from ingest.db import hosts as known_hosts
from ingest.db.hosts import HostStatus
from ingest.errors import Refused
from ingest.jsonable import jsonable
from ingest.schedule import format_duration
from ingest.settings import Settings, read_spacing
from ingest.urls import is_loopback

NAME = "ingest hosts"


@click.group()
def hosts() -> None:
    """The hosts that feeds are on: what each may be asked, by all pollers together.

    \b
    Examples:
      ingest hosts list
      ingest hosts set www.example.org --spacing 10s
    """


@hosts.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def list_(settings: Settings, *, as_json: bool) -> None:
    """All hosts, those with most feeds first: feeds, time between two requests, and a pause with its reason.

    \b
    Examples:
      ingest hosts list
      ingest hosts list --json | jq '.[] | select(.paused_until != null)'
    """
    with app.open_database(settings, name=NAME) as engine:
        listed = known_hosts.list_hosts(engine)
    now = runtime.now()
    # What a server on this machine asks for holds for the feed that was told, and for no other.
    found = [
        replace(host, paused_until=None, pause_reason=None) if is_loopback(host.host) else host
        for host in listed
    ]
    if as_json:
        click.echo(json.dumps(jsonable(found), indent=2))
        return
    for host in found:
        if is_loopback(host.host):
            click.echo(f"{host.feeds:>6}  {'none':>6}  {host.host}  this machine: asked without bounds")
            continue
        line = f"{host.feeds:>6}  {format_duration(_pace(settings, host)):>6}  {host.host}"
        if host.crawl_delay is not None and host.spacing is None and host.crawl_delay > settings.host_spacing:
            line += "  as its robots.txt asks (Crawl-delay)"
        if host.pages:
            line += f"  {host.pages} pages waiting"
        if host.paused_until is not None and host.paused_until > now:
            line += f"  paused until {when(host.paused_until)}: {clean(host.pause_reason)}"
        click.echo(line)
    if not found:
        click.echo("no feeds yet; add one with `ingest feeds add URL`", err=True)


@hosts.command("set")
@click.argument("host")
@click.option("--spacing", required=True, help="Time between two polls, such as 10s; `default`: the setting.")
@click.pass_obj
def set_(settings: Settings, host: str, *, spacing: str) -> None:
    """Ask HOST more or less often than others.

    \b
    Examples:
      ingest hosts set www.example.org --spacing 10s
      ingest hosts set www.example.org --spacing default
    """
    wanted: timedelta | None = None if spacing == "default" else read_spacing("--spacing", spacing)
    with app.open_database(settings, name=NAME) as engine:
        found = _known(known_hosts.list_hosts(engine), host)
        known_hosts.set_spacing(engine, found.host, wanted, now=runtime.now())
    click.echo(f"{found.host}: once in {format_duration(_pace(settings, replace(found, spacing=wanted)))}")


@hosts.command()
@click.argument("host")
@click.pass_obj
def resume(settings: Settings, host: str) -> None:
    """Ask HOST again before its pause is over.

    \b
    Example:
      ingest hosts resume www.example.org
    """
    with app.open_database(settings, name=NAME) as engine:
        name = _known(known_hosts.list_hosts(engine), host).host
        ended = known_hosts.unpause(engine, name, now=runtime.now())
    click.echo(f"{name}: {'asked again from now on' if ended else 'it was not paused'}")


def _pace(settings: Settings, host: HostStatus) -> timedelta:
    if host.spacing is not None:
        return host.spacing
    return max(settings.host_spacing, host.crawl_delay or timedelta(0))


commands: tuple[click.Command, ...] = (hosts,)


def _known(found: list[HostStatus], host: str) -> HostStatus:
    """
    Raises:
        Refused: no feed is there, or it has no budget.
    """
    folded = host.strip().lower()
    named = next((each for each in found if each.host == folded), None)
    if named is None:
        raise Refused("host", host, "one that a feed is on, without port; `ingest hosts list` shows them")
    if is_loopback(named.host):
        raise Refused("host", host, "another machine: loopback addresses are asked without bounds")
    return named
