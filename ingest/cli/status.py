"""How the service stands."""

from __future__ import annotations

from datetime import timedelta

import click

from ingest import app
from ingest.cli import render
from ingest.jsonable import json_line
from ingest.response_bodies import status_body
from ingest.settings import Settings


@click.command()
@click.option("--json", "as_json", is_flag=True, help="As one JSON object.")
@click.pass_obj
def status(settings: Settings, *, as_json: bool) -> None:
    """How the service stands: feeds, polls, articles, streams, lags, quarantine.

    \b
    Example:
      ingest status --json
    """
    with app.open_database(settings, name="ingest status") as engine:
        found = app.service_status(settings, engine, timeout=timedelta(seconds=30))
    if as_json:
        click.echo(json_line(status_body(found)))
        return
    feeds = ", ".join(f"{count} {state}" for state, count in found.feeds.items() if count) or "none"
    polls = ", ".join(f"{count} {result}" for result, count in found.polls.items() if count) or "none"
    click.echo(f"feeds       {feeds}")
    click.echo(f"  due       {found.feeds_due}, the longest for {_seconds(found.due_lag)}")
    if found.feeds_failing:
        click.echo(click.style(f"  failing   {found.feeds_failing}", fg="yellow"))
    click.echo(f"polls       in the last hour: {polls}; the last {render.when(found.last_poll_at)}")
    if any(found.subscriptions.values()):
        hubs = ", ".join(f"{count} {state}" for state, count in found.subscriptions.items() if count)
        click.echo(f"hubs        {hubs}; {found.pushes_waiting} pushes waiting")
    click.echo(f"articles    {found.articles} in {found.revisions} revisions")
    if found.pages_waiting or any(found.pages.values()):
        ended = ", ".join(f"{count} {result}" for result, count in found.pages.items() if count) or "none"
        click.echo(f"pages       {found.pages_waiting} waiting; in the last hour: {ended}")
    for stream in found.streams:
        click.echo(f"stream      {stream.topic}: cursor {stream.cursor}, held from {stream.first_cursor}")
    for group in found.groups:
        click.echo(f"log         {group.topic}: {group.group} has {group.lag} records before it")
    colour = "red" if found.quarantine else None
    said = f"{found.quarantine} records waiting, {found.quarantine_entries} entries of feeds"
    click.echo(click.style(f"quarantine  {said}", fg=colour))


def _seconds(duration: timedelta) -> str:
    return str(timedelta(seconds=round(duration.total_seconds())))


commands: tuple[click.Command, ...] = (status,)
