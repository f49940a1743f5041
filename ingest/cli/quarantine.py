"""What could not be handled."""

from __future__ import annotations

import base64
from typing import Any

import click

from ingest import app, runtime
from ingest.cli import render
from ingest.db import quarantine as stored
from ingest.errors import Refused
from ingest.jsonable import json_line, jsonable
from ingest.log.api import ARTICLES
from ingest.runtime import failpoint
from ingest.settings import Settings

_NUMBERS = click.IntRange(min=1, max=2**63 - 1)


@click.group()
def quarantine() -> None:
    """Records that could not be handled: look at them, hand them in again, drop them.

    \b
    Examples:
      ingest quarantine list
      ingest quarantine replay --all
    """


@quarantine.command(name="list")
@click.option("--replayed", is_flag=True, help="Those that were replayed too.")
@click.option(
    "--limit",
    type=click.IntRange(1, stored.MAX_RECORDS),
    default=100,
    show_default=True,
    help="At most so many.",
)
@click.option("--before", type=_NUMBERS, help="Numbers below this one: go on behind an earlier list.")
@click.option("--json", "as_json", is_flag=True, help="A record a line, as JSON.")
@click.pass_obj
def list_records(
    settings: Settings, *, replayed: bool, limit: int, before: int | None, as_json: bool
) -> None:
    """Records in quarantine, newest first: where they came from and what was wrong.

    \b
    Example:
      ingest quarantine list --replayed --json
    """
    with app.open_database(settings, name="ingest quarantine") as engine:
        found = stored.list_records(engine, replayed=replayed, limit=limit, below=before)
    if as_json:
        for one in found:
            click.echo(json_line(one))
        return
    for one in found:
        place = f"{one.topic}/{one.partition}/{one.offset}"
        replay_said = f"  replayed {render.when(one.replayed_at)}" if one.replayed_at else ""
        number = click.style(f"{one.id:6}", bold=True)
        click.echo(
            f"{number}  {render.when(one.quarantined_at)}  {one.stage}  {place}  {one.size} bytes{replay_said}"
        )
        click.echo(f"        {one.error}: {render.clean(one.detail)}")
    if not found:
        click.echo("quarantine is empty")
    elif len(found) == limit:
        click.echo(f"there may be more: --before {found[-1].id}")


@quarantine.command(name="show")
@click.argument("number", type=_NUMBERS)
@click.option("--json", "as_json", is_flag=True, help="As one JSON object; bytes that are no text as base64.")
@click.option("--raw", is_flag=True, help="The original bytes, nothing else.")
@click.pass_obj
def show_record(settings: Settings, *, number: int, as_json: bool, raw: bool) -> None:
    """One record with its original bytes.

    \b
    Example:
      ingest quarantine show 12 --raw > record.json
    """
    with app.open_database(settings, name="ingest quarantine") as engine:
        one = _require(stored.find_record(engine, number), number)
    if raw:
        click.echo(one.value, nl=False)
        return
    if as_json:
        click.echo(json_line(_record_body(one)))
        return
    click.echo(
        click.style(f"number {one.id}", bold=True) + f", {render.when(one.quarantined_at)}, by {one.stage}"
    )
    click.echo(f"  place      {one.topic}/{one.partition}/{one.offset}, key {render.clean(one.key)}")
    click.echo(f"  error      {one.error}: {render.clean(one.detail)}")
    click.echo(f"  replayed   {render.when(one.replayed_at)}")
    for name, value in one.headers.items():
        click.echo(f"  header     {render.clean(name)}: {render.clean(value)}")
    click.echo(f"  value      {len(one.value)} bytes")
    for text in one.value.decode("utf-8", "backslashreplace").splitlines():
        click.echo(f"    {render.clean(text)}")


def _record_body(one: stored.QuarantinedRecord) -> dict[str, Any]:
    try:
        value = {"text": one.value.decode()}
    except UnicodeDecodeError:
        value = {"base64": base64.b64encode(one.value).decode()}
    body: dict[str, Any] = {
        name: jsonable(getattr(one, name)) for name in one.__dataclass_fields__ if name != "value"
    }
    return {**body, "value": value}


@quarantine.command()
@click.argument("numbers", type=_NUMBERS, nargs=-1)
@click.option(
    "--all",
    "every",
    is_flag=True,
    help="All that were not replayed yet, oldest first; entries of feeds are left: polls bring them again.",
)
@click.pass_obj
def replay(settings: Settings, *, numbers: tuple[int, ...], every: bool) -> None:
    """Hand records in again: the original bytes, to the log topic they came from.

    What made them fail should be mended first; one that fails again comes back under a new number.

    \b
    Examples:
      ingest quarantine replay 12 13
      ingest quarantine replay --all
    """
    if bool(numbers) == every:
        raise Refused("NUMBERS", list(numbers) or None, "the numbers of records, or --all")
    with (
        app.open_database(settings, name="ingest quarantine") as engine,
        app.article_log(settings, engine) as log,
    ):
        chosen = stored.replayable_ids(engine) if every else tuple(dict.fromkeys(numbers))
        if not every:
            # All of them or none: a mistyped number should not be found after half of the work.
            for number in chosen:
                _require_replayable(_require(stored.find_record(engine, number), number))
        for number in chosen:
            one = stored.find_record(engine, number)
            if one is None:
                click.echo(f"{number} was dropped meanwhile")
                continue
            log.append(one.topic, [one.message()])
            failpoint("quarantine.appended")
            stored.mark_replayed(engine, number, now=runtime.now())
            failpoint("quarantine.marked")
            click.echo(f"{number} replayed to {one.topic}")
        if not chosen:
            click.echo("nothing to replay")


@quarantine.command()
@click.argument("numbers", type=_NUMBERS, nargs=-1, required=True)
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def drop(settings: Settings, *, numbers: tuple[int, ...], yes: bool) -> None:
    """Delete records for good, with their bytes.

    \b
    Example:
      ingest quarantine drop 12 --yes
    """
    with app.open_database(settings, name="ingest quarantine") as engine:
        for number in numbers:
            one = _require(stored.find_record(engine, number), number)
            place = f"{one.topic}/{one.partition}/{one.offset}"
            if not yes and not click.confirm(f"delete number {number} ({place}, {len(one.value)} bytes)?"):
                continue
            stored.delete_record(engine, number)
            click.echo(f"{number} dropped")


def _require(found: stored.QuarantinedRecord | None, number: int) -> stored.QuarantinedRecord:
    if found is None:
        raise Refused("number", number, "the number of a record in `ingest quarantine list --replayed`")
    return found


def _require_replayable(found: stored.QuarantinedRecord) -> None:
    if not found.replayable:
        raise Refused(
            "number",
            found.id,
            f"a record of {ARTICLES}; this is an entry of {found.topic}, which polls bring again",
        )


commands: tuple[click.Command, ...] = (quarantine,)
