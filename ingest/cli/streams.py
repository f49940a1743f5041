"""Topics, and following their streams."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from threading import Event
from typing import Any, Final

import click
from sqlalchemy import Engine

from ingest import app, runtime, streams
from ingest.classify import read_topics
from ingest.cli.printing import heading, plain, print_json, when
from ingest.db import topics as stored
from ingest.errors import Refused, Unavailable
from ingest.log.api import stream_topic
from ingest.log.postgres import PostgresLog, listen
from ingest.runtime import Stop
from ingest.settings import Settings
from ingest.types import Record, Topic

PAGE: Final = 200
_COLOURS: Final = {"created": "green", "updated": "yellow", "merged": "cyan", "reclassified": "magenta"}


@click.command()
@click.argument("topic")
@click.option(
    "--from",
    "start",
    metavar="CURSOR",
    help="Go on behind this event; 0: from the beginning. Else: what comes from now on.",
)
@click.option("--count", type=click.IntRange(min=1), help="Stop after so many events.")
@click.option("--follow/--no-follow", default=True, show_default=True, help="Wait for new events at the end.")
@click.option("--json", "as_json", is_flag=True, help="One event a line, as JSON.")
@click.pass_obj
def tail(
    settings: Settings, *, topic: str, start: str | None, count: int | None, follow: bool, as_json: bool
) -> None:
    """Follow the stream of TOPIC. Each event has a cursor: give the last one you have to --from, and go on behind it.

    \b
    Examples:
      ingest tail russia-north-korea
      ingest tail russia-north-korea --from 0 --no-follow
      ingest tail russia-north-korea --from 41 --json | jq .article.title
    """
    stop = Stop()
    stop.on_signals()
    cursor = None if start is None else streams.read_cursor("--from", start)
    with app.open_database(settings, name="ingest tail") as engine:
        _require(engine, topic)
        log = PostgresLog(engine)
        beginning = streams.begin(log, topic, cursor, thing="--from")
        if beginning.gap is not None:
            _show_gap(beginning.gap, as_json=as_json)
        left = count
        for record in _records(
            engine, log, topic, after=beginning.cursor, follow=follow, stop=stop, as_json=as_json
        ):
            _show_event(record, as_json=as_json)
            left = None if left is None else left - 1
            if left == 0:
                return


def _records(
    engine: Engine, log: PostgresLog, topic: str, *, after: int, follow: bool, stop: Stop, as_json: bool
) -> Iterator[Record]:
    """The stream's records behind ``after``, and (``follow``) those that come, until a stop."""
    grown, failures = Event(), list[Unavailable]()
    stop.on_request(grown.set)

    def on_failure(failure: Unavailable) -> None:
        failures.append(failure)
        grown.set()

    with listen(engine, on_growth=lambda _topic: grown.set(), on_failure=on_failure):
        while not stop.requested:
            grown.clear()
            records = log.read(stream_topic(topic), after=after, limit=PAGE)
            if gap := streams.missing(topic, records, after=after):
                _show_gap(gap, as_json=as_json)
            for record in records:
                after = record.offset
                yield record
            if records:
                continue
            if not follow:
                return
            if failures:
                raise failures[0]
            grown.wait()


def _show_event(record: Record, *, as_json: bool) -> None:
    if as_json:
        click.echo(streams.served(record))
        return
    event: dict[str, Any] = json.loads(record.value)
    article = event["article"]
    kind = click.style(f"{event['kind']:<12}", fg=_COLOURS.get(event["kind"]))
    at = f"{record.appended_at:%m-%d %H:%M:%S}"
    click.echo(f"{record.offset:>6}  {at}  {kind} {click.style(article['title'], bold=True)}")
    by = article["publisher"] or article["source"]
    click.echo(f"        {by}  {click.style(article['url'] or '', dim=True)}")
    if event.get("match") and event["match"]["found"]:
        found = ", ".join(
            dict.fromkeys(f"“{one['phrase']}” in the {one['where']}" for one in event["match"]["found"])
        )
        click.echo(click.style(f"        because {found}", dim=True))


def _show_gap(gap: streams.Gap, *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(gap.body()))
    else:
        lost = f"{gap.lost} events behind cursor {gap.after} are past retention"
        said = f"{lost}; the stream goes on at {gap.first_cursor}"
        click.secho(f"   gap  {said}", fg="red")


def _require(engine: Engine, slug: str) -> None:
    if not stored.exists(engine, slug):
        known = (
            ", ".join(listed.topic.slug for listed in stored.list_topics(engine)) or "none: load some first"
        )
        raise Refused("TOPIC", slug, f"one of the topics ({known})")


@click.group()
def topics() -> None:
    """The subjects articles are classified by, as rules in a file.

    \b
    Examples:
      ingest topics list
      ingest topics check my-topics.yaml
    """


@topics.command(name="list")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@click.pass_obj
def list_command(settings: Settings, *, as_json: bool) -> None:
    """List the topics and how far their streams are.

    \b
    Example:
      ingest topics list
    """
    with app.open_database(settings, name="ingest topics") as engine:
        listed = stored.list_topics(engine)
    if as_json:
        print_json(listed)
        return
    for one in listed:
        retired = click.style(" (retired)", fg="red") if one.retired else ""
        click.echo(
            f"{click.style(one.topic.slug, bold=True):<40} {one.articles:>7} articles, cursor {one.cursor:>7}"
            f"  {one.topic.title}{retired}"
        )


@topics.command()
@click.argument("topic")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@click.pass_obj
def show(settings: Settings, *, topic: str, as_json: bool) -> None:
    """Show one topic with its rule.

    \b
    Example:
      ingest topics show russia-north-korea
    """
    with app.open_database(settings, name="ingest topics") as engine:
        _require(engine, topic)
        found = stored.find_topic(engine, topic)
    if found is None:  # it was there a moment ago
        raise Refused("TOPIC", topic, "one of the topics (`ingest topics list`)")
    if as_json:
        print_json(found)
        return
    heading(f"{found.topic.slug}: {found.topic.title}")
    click.echo(found.topic.description)
    click.echo(f"changed {when(found.changed_at)}, {found.articles} articles, cursor {found.cursor}")
    click.echo(json.dumps(plain(found.topic.rule), ensure_ascii=False, indent=2))


def _read_file(path: Path) -> tuple[Topic, ...]:
    try:
        return read_topics(path.read_text("utf-8"), name=str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise Refused("FILE", str(path), f"a readable YAML file in UTF-8 ({error})") from None


@topics.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.pass_obj
def check(_settings: Settings, *, file: Path) -> None:
    """Check a topics file without loading it.

    \b
    Example:
      ingest topics check my-topics.yaml
    """
    for topic in _read_file(file):
        click.echo(f"{topic.slug}: {topic.title}")
    click.echo("the file can be loaded")


@topics.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@click.pass_obj
def load(settings: Settings, *, file: Path, as_json: bool) -> None:
    """Make the topics of a file the ones in force; those that are not in it are retired.

    \b
    Example:
      ingest topics load my-topics.yaml
    """
    wanted = _read_file(file)
    with app.open_database(settings, name="ingest topics") as engine:
        loaded = stored.load(engine, wanted, now=runtime.now())
    if as_json:
        print_json(loaded)
        return
    for effect, slugs in plain(loaded).items():
        if slugs:
            click.echo(f"{effect}: {', '.join(slugs)}")


commands: tuple[click.Command, ...] = (tail, topics)
