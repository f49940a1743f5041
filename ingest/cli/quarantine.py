"""Records that could not be handled: look at them, hand them in again, or drop them."""

from __future__ import annotations

import click
from sqlalchemy import Engine

from ingest import app, runtime
from ingest.cli.printing import heading, print_json, when
from ingest.db import quarantine as stored
from ingest.errors import Refused
from ingest.log.api import ARTICLES, Log
from ingest.runtime import crash_step
from ingest.settings import Settings
from ingest.types import Message

NAME = "ingest quarantine"
ACCEPTED = "the number of a record in quarantine (`ingest quarantine list`)"


@click.group()
def quarantine() -> None:
    """Records that could not be handled, kept whole.

    \b
    Examples:
      ingest quarantine list
      ingest quarantine replay --all
    """


@quarantine.command(name="list")
@click.option("--replayed", is_flag=True, help="Also those that were handed in again.")
@click.option(
    "--limit", type=click.IntRange(1, 1000), default=100, show_default=True, help="How many at most."
)
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@click.pass_obj
def list_command(settings: Settings, *, replayed: bool, limit: int, as_json: bool) -> None:
    """List what is in quarantine, newest first.

    \b
    Example:
      ingest quarantine list
    """
    with app.open_database(settings, name=NAME) as engine:
        lines = stored.listed(engine, replayed=replayed, limit=limit)
    if as_json:
        print_json(lines)
        return
    for line in lines:
        again = f", handed in again {when(line.replayed_at)}" if line.replayed_at else ""
        click.echo(
            f"{line.id:>6}  {when(line.quarantined_at)}  {line.stage:<9} {line.topic}/{line.partition}/{line.offset}"
            f"  {line.size} bytes{again}"
        )
        click.echo(f"        {line.error}: {line.detail[:300]}")
    if not lines:
        click.echo("quarantine is empty")


@quarantine.command()
@click.argument("number", type=int)
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@click.pass_obj
def show(settings: Settings, *, number: int, as_json: bool) -> None:
    """Show one record whole: where it came from, why it is here, and its bytes.

    \b
    Example:
      ingest quarantine show 7
    """
    with app.open_database(settings, name=NAME) as engine:
        record = _one(engine, number)
    if as_json:
        print_json(record)
        return
    heading(f"{record.id}: {record.error}")
    click.echo(record.detail)
    click.echo(
        f"stage {record.stage}, record {record.topic}/{record.partition}/{record.offset}, key {record.key}"
    )
    for name, value in record.headers.items():
        click.echo(f"header {name}: {value}")
    click.echo(record.value.decode("utf-8", "replace"))


@quarantine.command()
@click.argument("numbers", type=int, nargs=-1)
@click.option("--all", "everything", is_flag=True, help="All that were not handed in yet, oldest first.")
@click.pass_obj
def replay(settings: Settings, *, numbers: tuple[int, ...], everything: bool) -> None:
    """Hand records in again, as they were: after an upgrade that can read them, for instance.

    What is stored already is recognised: handing in twice changes nothing.

    \b
    Examples:
      ingest quarantine replay 7 8
      ingest quarantine replay --all
    """
    if bool(numbers) == everything:
        raise Refused(
            "NUMBERS", " ".join(map(str, numbers)) or "none", "numbers of records, or --all without any"
        )
    with app.open_database(settings, name=NAME) as engine, app.article_log(settings, engine) as log:
        wanted = stored.waiting(engine) if everything else numbers
        for record in [_one(engine, number) for number in wanted] if not everything else ():
            _refuse_entry(record)
        done = sum(_hand_in(engine, log, number, skip_entries=everything) for number in wanted)
    click.echo(f"handed in again: {done}")


def _hand_in(engine: Engine, log: Log, number: int, *, skip_entries: bool) -> bool:
    record = _one(engine, number)
    if record.topic != ARTICLES and skip_entries:
        return False
    headers = {**record.headers, "replayed": str(number)}
    log.append(record.topic, [Message(key=record.key, value=record.value, headers=headers)])
    crash_step("quarantine.appended")
    stored.mark_replayed(engine, number, now=runtime.now())
    crash_step("quarantine.marked")
    return True


def _refuse_entry(record: stored.Quarantined) -> None:
    if record.topic != ARTICLES:
        raise Refused(
            "NUMBERS",
            record.id,
            f"a record of {ARTICLES}; this is an entry of a feed ({record.topic}), which its next poll brings again",
        )


@quarantine.command()
@click.argument("number", type=int)
@click.option("--yes", is_flag=True, help="Really.")
@click.pass_obj
def drop(settings: Settings, *, number: int, yes: bool) -> None:
    """Delete one record for good.

    \b
    Example:
      ingest quarantine drop 7 --yes
    """
    if not yes:
        raise Refused("NUMBER", number, "--yes beside it, for its bytes are gone then")
    with app.open_database(settings, name=NAME) as engine:
        if not stored.drop(engine, number):
            raise Refused("NUMBER", number, ACCEPTED)
    click.echo(f"dropped: {number}")


def _one(engine: Engine, number: int) -> stored.Quarantined:
    record = stored.one(engine, number)
    if record is None:
        raise Refused("NUMBER", number, ACCEPTED)
    return record


commands: tuple[click.Command, ...] = (quarantine,)
