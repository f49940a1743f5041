"""``ingest hosts``: rate limits and pauses of the hosts that feeds are on."""

from __future__ import annotations

from datetime import datetime, timedelta

import click

from ingest import app, runtime
from ingest.cli.output import json_option, print_json
from ingest.cli.render import clean, timestamp
from ingest.db.hosts import HostStatus
from ingest.schedule import format_duration
from ingest.settings import Settings, parse_spacing
from ingest.urls import is_loopback
from ingest.usecases import hosts as usecases

NAME = "ingest hosts"


@click.group()
def hosts() -> None:
    """List hosts and change their rate limits.

    A rate limit holds for all pollers together.

    \b
    Examples:
      ingest hosts list
      ingest hosts set www.example.org --spacing 10s
    """


@hosts.command("list")
@json_option
@click.pass_obj
def list_(settings: Settings, *, as_json: bool) -> None:
    """List hosts: feeds, time between two requests, pause.

    Hosts with most feeds come first.

    \b
    Examples:
      ingest hosts list
      ingest hosts list --json | jq '.[] | select(.paused_until != null)'
    """
    with app.open_database(settings, name=NAME) as engine:
        listed = usecases.list_hosts(engine)
    if as_json:
        print_json(listed)
        return
    now = runtime.now()
    for host in listed:
        click.echo(_line(host, default=settings.host_spacing, now=now))
    if not listed:
        click.echo("no feeds yet; add one with `ingest feeds add URL`", err=True)


def _line(host: HostStatus, *, default: timedelta, now: datetime) -> str:
    if is_loopback(host.host):
        return f"{host.feeds:>6}  {'none':>6}  {host.host}  loopback address: no rate limit"
    spacing = usecases.effective_spacing(host, default=default)
    line = f"{host.feeds:>6}  {format_duration(spacing):>6}  {host.host}"
    if host.crawl_delay is not None and host.spacing is None and host.crawl_delay > default:
        line += "  Crawl-delay of its robots.txt"
    if host.pages:
        line += f"  {host.pages} pages waiting"
    if host.paused_until is not None and host.paused_until > now:
        line += f"  paused until {timestamp(host.paused_until)}: {clean(host.pause_reason)}"
    return line


@hosts.command("set")
@click.argument("host")
@click.option(
    "--spacing", required=True, help="Time between two requests, such as 10s; `default`: INGEST_HOST_SPACING."
)
@click.pass_obj
def set_(settings: Settings, host: str, *, spacing: str) -> None:
    """Set the time between two requests to HOST.

    \b
    Examples:
      ingest hosts set www.example.org --spacing 10s
      ingest hosts set www.example.org --spacing default
    """
    new_spacing = None if spacing == "default" else parse_spacing("--spacing", spacing)
    with app.open_database(settings, name=NAME) as engine:
        changed = usecases.set_spacing(engine, host, new_spacing, now=runtime.now())
    effective = usecases.effective_spacing(changed, default=settings.host_spacing)
    click.echo(f"{changed.host}: one request every {format_duration(effective)}")


@hosts.command()
@click.argument("host")
@click.pass_obj
def unpause(settings: Settings, host: str) -> None:
    """End the pause of HOST now.

    \b
    Example:
      ingest hosts unpause www.example.org
    """
    with app.open_database(settings, name=NAME) as engine:
        changed, was_paused = usecases.unpause(engine, host, now=runtime.now())
    click.echo(f"{changed.host}: {'unpaused' if was_paused else 'not paused'}")


commands: tuple[click.Command, ...] = (hosts,)
