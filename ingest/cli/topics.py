"""``ingest topics`` and ``ingest schema``."""

from __future__ import annotations

from pathlib import Path

import click

from ingest import app, runtime, wire
from ingest.alerts import alert_schema
from ingest.classify import write_topics
from ingest.cli import render
from ingest.cli.output import json_lines_option, json_option, print_json, print_json_line
from ingest.db import topics as stored
from ingest.errors import Refused
from ingest.response_bodies import topic_body
from ingest.settings import Settings
from ingest.streams import event_schema
from ingest.usecases.topics import read_topics_file, require_topic

NAME = "ingest topics"


@click.group()
def topics() -> None:
    """List, check and load topics.

    A topic is a subject with a rule; people and programs follow its stream.

    \b
    Examples:
      ingest topics list
      ingest topics export topics.yaml
      ingest topics check topics.yaml && ingest topics load topics.yaml
    """


@topics.command(name="list")
@json_lines_option
@click.pass_obj
def list_topics(settings: Settings, *, as_json: bool) -> None:
    """List topics with the last cursors of their streams.

    \b
    Example:
      ingest topics list --json
    """
    with app.open_database(settings, name=NAME) as engine:
        listed = stored.list_topics(engine)
    if as_json:
        for topic in listed:
            print_json_line(topic_body(topic))
        return
    rows = [
        (
            each.topic.slug,
            render.clean(each.topic.title) + (" (retired)" if each.retired else ""),
            str(each.articles),
            str(each.cursor),
            str(each.first_cursor),
        )
        for each in listed
    ]
    for line in render.table(rows, ("topic", "title", "articles", "cursor", "first cursor")):
        click.echo(line)


@topics.command(name="show")
@click.argument("slug")
@json_option
@click.pass_obj
def show_topic(settings: Settings, *, slug: str, as_json: bool) -> None:
    """Show one topic, as a file that `ingest topics load` accepts.

    \b
    Example:
      ingest topics show russia-north-korea
    """
    with app.open_database(settings, name=NAME) as engine:
        topic = require_topic(engine, slug)
    if as_json:
        print_json_line(topic_body(topic))
        return
    if topic.retired:
        click.echo("# retired: no new article matches it")
    click.echo(f"# changed {render.timestamp(topic.changed_at)}; {topic.articles} articles match")
    click.echo(f"# stream: cursor {topic.cursor}, first available {topic.first_cursor}")
    click.echo(write_topics([topic.topic]), nl=False)


@topics.command()
@click.argument("file", metavar="[FILE]", type=click.Path(path_type=Path), required=False)
@click.pass_obj
def export(settings: Settings, *, file: Path | None) -> None:
    """Write the active topics to FILE or standard output.

    `ingest topics load` accepts the file.

    \b
    Example:
      ingest topics export my-topics.yaml
    """
    with app.open_database(settings, name=NAME) as engine:
        active = stored.list_topics(engine, retired=False)
    document = write_topics([each.topic for each in active])
    if file is None:
        click.echo(document, nl=False)
        return
    try:
        file.write_text(document, "utf-8")
    except OSError as error:
        raise Refused("FILE", str(file), f"a writable file ({error.strerror})") from None
    click.echo(f"{len(active)} topics written to {file}", err=True)


@topics.command()
@click.argument("file", type=click.Path(path_type=Path))
def check(*, file: Path) -> None:
    """Check the topics and rules of FILE, without loading them.

    \b
    Example:
      ingest topics check topics.yaml
    """
    checked = read_topics_file(file)
    click.echo(f"{file}: {len(checked)} topics: {', '.join(topic.slug for topic in checked)}")


@topics.command()
@click.argument("file", type=click.Path(path_type=Path))
@json_option
@click.pass_obj
def load(settings: Settings, *, file: Path, as_json: bool) -> None:
    """Load the topics of FILE, and retire all others.

    A retired topic matches no new article; its stream and cursors stay. Begin with the active topics to keep them:
    `ingest topics export FILE`.

    \b
    Example:
      ingest topics load topics.yaml
    """
    new_topics = read_topics_file(file)
    with app.open_database(settings, name=NAME) as engine:
        loaded = stored.load(engine, new_topics, now=runtime.now())
    if as_json:
        print_json_line(loaded)
        return
    for effect in ("added", "changed", "unchanged", "retired"):
        slugs = getattr(loaded, effect)
        if slugs:
            click.echo(f"{effect:9}  {', '.join(slugs)}")


@click.command()
@click.option("--of", type=click.Choice(["article", "event", "alert"]), help="Print only this schema.")
def schema(*, of: str | None) -> None:
    """Print JSON Schemas of articles, events and alerts.

    Articles are records of the log topic news.articles; events and alerts are items of streams.

    \b
    Example:
      ingest schema --of event > event.schema.json
    """
    schemas = {"article": wire.json_schema(), "event": event_schema(), "alert": alert_schema()}
    print_json(schemas if of is None else schemas[of])


commands: tuple[click.Command, ...] = (topics, schema)
