"""``ingest quarantine``: records that could not be processed."""

from __future__ import annotations

import base64
from typing import Any, Final

import click

from ingest import app, runtime
from ingest.cli.output import json_lines_option, json_option, print_json_line
from ingest.cli.render import clean, timestamp
from ingest.db import quarantine as stored
from ingest.errors import Refused
from ingest.jsonable import jsonable
from ingest.settings import Settings
from ingest.usecases.quarantine import choose_records, replay_records, require_record

NAME: Final = "ingest quarantine"
_NUMBER: Final = click.IntRange(min=1, max=2**63 - 1)


@click.group()
def quarantine() -> None:
    """List, replay and drop records that could not be processed.

    \b
    Examples:
      ingest quarantine list
      ingest quarantine replay --all
    """


@quarantine.command(name="list")
@click.option("--replayed", is_flag=True, help="List records that were replayed, too.")
@click.option(
    "--limit",
    type=click.IntRange(1, stored.MAX_RECORDS),
    default=100,
    show_default=True,
    help="Maximum number of records.",
)
@click.option("--before", type=_NUMBER, help="List records with lower numbers: continues an earlier list.")
@json_lines_option
@click.pass_obj
def list_records(
    settings: Settings, *, replayed: bool, limit: int, before: int | None, as_json: bool
) -> None:
    """List records in quarantine, newest first.

    Each is shown with its log position and the error.

    \b
    Example:
      ingest quarantine list --replayed --json
    """
    with app.open_database(settings, name=NAME) as engine:
        records = stored.list_records(engine, replayed=replayed, limit=limit, below=before)
    if as_json:
        for record in records:
            print_json_line(record)
        return
    for record in records:
        number = click.style(f"{record.id:6}", bold=True)
        position = f"{record.topic}/{record.partition}/{record.offset}"
        replay = f"  replayed {timestamp(record.replayed_at)}" if record.replayed_at else ""
        at = timestamp(record.quarantined_at)
        click.echo(f"{number}  {at}  {record.stage}  {position}  {record.size} bytes{replay}")
        click.echo(f"        {record.error}: {clean(record.detail)}")
    if not records:
        click.echo("quarantine is empty")
    elif len(records) == limit:
        click.echo(f"more records, if any: --before {records[-1].id}")


@quarantine.command(name="show")
@click.argument("number", type=_NUMBER)
@json_option
@click.option("--raw", is_flag=True, help="Print the original bytes only.")
@click.pass_obj
def show_record(settings: Settings, *, number: int, as_json: bool, raw: bool) -> None:
    """Show one record with its original bytes.

    In JSON, bytes that are not UTF-8 are encoded in base64.

    \b
    Example:
      ingest quarantine show 12 --raw > record.json
    """
    with app.open_database(settings, name=NAME) as engine:
        record = require_record(engine, number)
    if raw:
        click.echo(record.value, nl=False)
        return
    if as_json:
        print_json_line(_record_body(record))
        return
    title = click.style(f"number {record.id}", bold=True)
    click.echo(f"{title}, {timestamp(record.quarantined_at)}, by {record.stage}")
    click.echo(f"  position   {record.topic}/{record.partition}/{record.offset}, key {clean(record.key)}")
    click.echo(f"  error      {record.error}: {clean(record.detail)}")
    click.echo(f"  replayed   {timestamp(record.replayed_at)}")
    for name, value in record.headers.items():
        click.echo(f"  header     {clean(name)}: {clean(value)}")
    click.echo(f"  value      {len(record.value)} bytes")
    for line in record.value.decode("utf-8", "backslashreplace").splitlines():
        click.echo(f"    {clean(line)}")


def _record_body(record: stored.QuarantinedRecord) -> dict[str, Any]:
    try:
        value = {"text": record.value.decode()}
    except UnicodeDecodeError:
        value = {"base64": base64.b64encode(record.value).decode()}
    body: dict[str, Any] = {
        name: jsonable(getattr(record, name)) for name in record.__dataclass_fields__ if name != "value"
    }
    return {**body, "value": value}


@quarantine.command()
@click.argument("numbers", type=_NUMBER, nargs=-1)
@click.option(
    "--all",
    "everything",
    is_flag=True,
    help="Replay all records that were not replayed, oldest first; entries of feeds are left to the next poll.",
)
@click.pass_obj
def replay(settings: Settings, *, numbers: tuple[int, ...], everything: bool) -> None:
    """Append records to their log topic again, with the original bytes.

    Correct the cause of the failure first: a record that fails again returns to quarantine under a new number.

    \b
    Examples:
      ingest quarantine replay 12 13
      ingest quarantine replay --all
    """
    if bool(numbers) == everything:
        raise Refused("NUMBERS", list(numbers) or None, "the numbers of records, or --all")
    with (
        app.open_database(settings, name=NAME) as engine,
        app.open_article_log(settings, engine) as log,
    ):
        chosen = choose_records(engine, None if everything else numbers)
        for replayed in replay_records(engine, log, chosen, clock=runtime.now):
            if replayed.topic is None:
                click.echo(f"{replayed.number} was dropped meanwhile")
            else:
                click.echo(f"{replayed.number} replayed to {replayed.topic}")
        if not chosen:
            click.echo("nothing to replay")


@quarantine.command()
@click.argument("numbers", type=_NUMBER, nargs=-1, required=True)
@click.option("--yes", is_flag=True, help="Delete without confirmation.")
@click.pass_obj
def drop(settings: Settings, *, numbers: tuple[int, ...], yes: bool) -> None:
    """Delete records and their bytes for good.

    \b
    Example:
      ingest quarantine drop 12 --yes
    """
    with app.open_database(settings, name=NAME) as engine:
        for number in numbers:
            record = require_record(engine, number)
            position = f"{record.topic}/{record.partition}/{record.offset}"
            question = f"delete number {number} ({position}, {len(record.value)} bytes)?"
            if not yes and not click.confirm(question):
                continue
            stored.delete_record(engine, number)
            click.echo(f"{number} dropped")


commands: tuple[click.Command, ...] = (quarantine,)
