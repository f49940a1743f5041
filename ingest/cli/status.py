"""``ingest status``: counts and lags of the service."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta

import click

from ingest import app
from ingest.cli.output import json_option, print_json_line
from ingest.cli.render import timestamp
from ingest.db.status import Status
from ingest.response_bodies import status_body
from ingest.settings import Settings

TIMEOUT = timedelta(seconds=30)


@click.command()
@json_option
@click.pass_obj
def status(settings: Settings, *, as_json: bool) -> None:
    """Show counts and lags of the service.

    Feeds, polls, hubs, articles, pages, streams, consumer lag and quarantine.

    \b
    Example:
      ingest status --json
    """
    with app.open_database(settings, name="ingest status") as engine:
        current = app.service_status(settings, engine, timeout=TIMEOUT)
    if as_json:
        print_json_line(status_body(current))
        return
    for line in _describe(current):
        click.echo(line)


def _describe(current: Status) -> Iterator[str]:
    due_lag = timedelta(seconds=round(current.due_lag.total_seconds()))
    yield f"feeds       {_counts(current.feeds)}"
    yield f"  due       {current.feeds_due}, the longest for {due_lag}"
    if current.feeds_failing:
        yield click.style(f"  failing   {current.feeds_failing}", fg="yellow")
    yield f"polls       in the last hour: {_counts(current.polls)}; the last {timestamp(current.last_poll_at)}"
    if any(current.websub_subscriptions.values()):
        yield f"hubs        {_counts(current.websub_subscriptions)}; {current.websub_pushes_waiting} pushes waiting"
    yield f"articles    {current.articles} in {current.revisions} revisions"
    if current.articles_unindexed:
        yield click.style(
            f"  search    {current.articles_unindexed} articles are not indexed yet", fg="yellow"
        )
    if current.pages_waiting or any(current.pages.values()):
        yield f"pages       {current.pages_waiting} waiting; in the last hour: {_counts(current.pages)}"
    for stream in current.streams:
        yield f"stream      {stream.topic}: cursor {stream.cursor}, first available {stream.first_cursor}"
    for group in current.groups:
        yield f"log         {group.topic}: group {group.group} lags {group.lag} records"
    quarantine = f"{current.quarantine} records waiting, {current.quarantine_entries} entries of feeds"
    yield click.style(f"quarantine  {quarantine}", fg="red" if current.quarantine else None)


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.items() if count) or "none"


commands: tuple[click.Command, ...] = (status,)
