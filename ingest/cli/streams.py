"""Topics, and following their streams."""

from __future__ import annotations

import json
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, Final, TypeVar

import click

from ingest import app, runtime, wire
from ingest.alerts import alert_schema
from ingest.classify import compile_topics, read_topics, write_topics
from ingest.cli import render
from ingest.db import topics as stored
from ingest.db.engine import Engine
from ingest.db.status import poller_runs
from ingest.errors import Refused, Unavailable
from ingest.jsonable import json_line
from ingest.log.api import ALERTS_STREAM, stream_topic
from ingest.log.postgres import PostgresLog, listen
from ingest.response_bodies import topic_body
from ingest.settings import Settings
from ingest.streams import Gap, event_line, event_schema, find_gap, gap_body, read_cursor, start_reading
from ingest.types import AlertKind, FeedState, Record, Topic

LAST_EVENTS: Final = 10
BATCH: Final = 200
WAKE_SECONDS: Final = 0.25
_Command = TypeVar("_Command", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shown:
    """A stream as a command shows it."""

    name: str
    command: str
    """That goes on with it."""
    show: Callable[[Record], None]


def _following(command: _Command) -> _Command:
    """The options that both streams of topics and that of the alerts take."""
    options = (
        click.option(
            "--from",
            "cursor",
            metavar="CURSOR",
            help="Events behind this cursor; 0: from the beginning. Default: the last 10.",
        ),
        click.option("--count", type=click.IntRange(min=1), help="End after so many events."),
        click.option(
            "--follow/--no-follow", default=True, show_default=True, help="Wait for what comes; Ctrl-C ends."
        ),
        click.option("--json", "as_json", is_flag=True, help="An event a line, as JSON."),
    )
    for option in reversed(options):
        command = option(command)
    return command


@click.command()
@click.argument("topic")
@_following
@click.pass_obj
def tail(
    settings: Settings, *, topic: str, cursor: str | None, count: int | None, follow: bool, as_json: bool
) -> None:
    """Follow the stream of TOPIC: cursor, time, kind, title, source, and why it matched.

    A cursor is the number of the last event you have: going on from it misses nothing and repeats nothing.

    \b
    Examples:
      ingest tail russia-north-korea
      ingest tail russia-north-korea --from 1042 --json
      ingest tail russia-north-korea --from 0 --no-follow
    """
    after = None if cursor is None else read_cursor("--from", cursor)
    with app.open_database(settings, name="ingest tail") as engine:
        _require(stored.find_topic(engine, topic), topic, stored.list_topics(engine, retired=False))
        stream = _Shown(name=topic, command=f"ingest tail {topic}", show=_show_event)
        _tail(engine, stream, after=after, count=count, follow=follow, as_json=as_json)


@click.command()
@_following
@click.pass_obj
def alerts(settings: Settings, *, cursor: str | None, count: int | None, follow: bool, as_json: bool) -> None:
    """Follow what there is to tell of the feeds: cursor, time, feed, how it stands now, and why.

    A feed that stands otherwise than before (`ingest feeds list` tells all states), has become another site's, has
    another address, or lost entries between two polls.

    \b
    Examples:
      ingest alerts
      ingest alerts --from 0 --no-follow --json
    """
    after = None if cursor is None else read_cursor("--from", cursor)
    with app.open_database(settings, name="ingest alerts") as engine:
        stream = _Shown(name=ALERTS_STREAM, command="ingest alerts", show=_show_alert)
        _tail(engine, stream, after=after, count=count, follow=follow, as_json=as_json)


def _tail(
    engine: Engine, stream: _Shown, *, after: int | None, count: int | None, follow: bool, as_json: bool
) -> None:
    """Show the events behind ``after`` (None: the last ones), and unless told otherwise what comes."""
    log = PostgresLog(engine)
    first, following = log.bounds(stream_topic(stream.name))
    if after is None:
        after = max(first - 1, following - 1 - LAST_EVENTS)
    beginning = start_reading(log, stream.name, after, parameter="--from")
    if beginning.gap is not None:
        _show_gap(beginning.gap, as_json=as_json)
    shown = beginning.cursor
    wake = threading.Event()
    failures: list[Unavailable] = []

    def tell_waiting(cursor: int) -> None:
        runs = poller_runs(engine, now=runtime.now())
        also = "" if runs else ". No poller runs: `ingest up` (or `ingest poll`) brings some"
        click.echo(f"waiting for events behind cursor {cursor}; Ctrl-C ends{also}", err=True)

    try:
        with (
            _interruptible() as interrupted,
            listen(engine, on_growth=lambda _topic: wake.set(), on_failure=failures.append),
        ):
            on_waiting = tell_waiting if follow else None
            for found in _follow(log, stream.name, shown, wake, failures, interrupted, on_waiting=on_waiting):
                if isinstance(found, Gap):
                    _show_gap(found, as_json=as_json)
                    continue
                if as_json:
                    click.echo(event_line(found))
                else:
                    stream.show(found)
                shown = found.offset
                if count is not None:
                    count -= 1
                    if count == 0:
                        return
    except Unavailable:
        _tell_resume(stream, shown)
        raise
    if follow:
        _tell_resume(stream, shown)


def _follow(
    log: PostgresLog,
    topic: str,
    after: int,
    wake: threading.Event,
    failures: list[Unavailable],
    interrupted: list[int],
    *,
    on_waiting: Callable[[int], None] | None,
) -> Iterator[Gap | Record]:
    """Events behind ``after``, as they come; where retention was faster, the gap first.

    ``on_waiting`` gets the last cursor the first time there is nothing to show; without it, that is the end.
    """
    waited = False
    while not interrupted:
        wake.clear()
        records = log.read(stream_topic(topic), after=after, limit=BATCH)
        gap = find_gap(topic, records, after=after)
        if gap is not None:
            yield gap
        for record in records:
            yield record
            if interrupted:
                return
        if records:
            after = records[-1].offset
        elif on_waiting is None:
            return
        elif failures:
            raise failures[0]
        else:
            if not waited:
                waited = True
                on_waiting(after)
            wake.wait(WAKE_SECONDS)


@contextmanager
def _interruptible() -> Iterator[list[int]]:
    """Ctrl-C and SIGTERM end what runs in the block between two events: the signals that came are in the list.

    A second one does what it always did. A list, because a handler may not take the lock of an ``Event``.
    """
    came: list[int] = []
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def handle(number: int, _frame: FrameType | None) -> None:
        came.append(number)
        signal.signal(number, before[signal.Signals(number)])

    for number in before:
        signal.signal(number, handle)
    try:
        yield came
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _tell_resume(stream: _Shown, cursor: int) -> None:
    click.echo(f"go on with: {stream.command} --from {cursor}", err=True)


def _show_gap(gap: Gap, *, as_json: bool) -> None:
    if as_json:
        click.echo(json_line(gap_body(gap)))
        return
    text = f"gap: the {gap.lost} events behind cursor {gap.after} are no longer held; going on with {gap.first_cursor}"
    click.echo(click.style(text, fg="red"))


def _show_alert(record: Record) -> None:
    alert: dict[str, Any] = json.loads(record.value)
    feed = alert.get("feed", {})
    kind, after = str(alert.get("kind", "alert")), str(alert.get("after", ""))
    at = str(alert.get("at", ""))[:19].replace("T", " ")
    said = after if kind == AlertKind.STATE else kind
    click.echo(
        f"{click.style(str(record.offset).rjust(6), dim=True)}  {at}Z  "
        f"{click.style(said.ljust(12), fg='green' if after == FeedState.HEALTHY else 'yellow')}  "
        f"feed {feed.get('id')}  {render.clean(feed.get('url'))}: {render.clean(alert.get('reason'))}"
    )


def _show_event(record: Record) -> None:
    event: dict[str, Any] = json.loads(record.value)
    article = event.get("article", {})
    kind = str(event.get("kind", "event"))
    at = str(event.get("at", ""))[:19].replace("T", " ")
    matched = render.why(event.get("match"))
    click.echo(
        f"{click.style(str(record.offset).rjust(6), dim=True)}  {at}Z  "
        f"{click.style(kind.ljust(12), fg=render.KIND_COLOURS.get(kind))}  "
        f"{click.style(render.clean(article.get('title')) or '(no title)', bold=True)}  "
        f"{render.clean(article.get('publisher') or article.get('source'))}"
        + (click.style(f"  ({matched})", dim=True) if matched else "")
    )


@click.group()
def topics() -> None:
    """Topics: the subjects people subscribe to.

    \b
    Examples:
      ingest topics list
      ingest topics export topics.yaml
      ingest topics check topics.yaml && ingest topics load topics.yaml
    """


@topics.command(name="list")
@click.option("--json", "as_json", is_flag=True, help="A topic a line, as JSON.")
@click.pass_obj
def list_topics(settings: Settings, *, as_json: bool) -> None:
    """All topics with the last cursor of their streams.

    \b
    Example:
      ingest topics list --json
    """
    with app.open_database(settings, name="ingest topics") as engine:
        found = stored.list_topics(engine)
    if as_json:
        for one in found:
            click.echo(json_line(topic_body(one)))
        return
    rows = [
        (
            one.topic.slug,
            render.clean(one.topic.title) + (" (retired)" if one.retired else ""),
            str(one.articles),
            str(one.cursor),
            str(one.first_cursor),
        )
        for one in found
    ]
    for text in render.table(rows, ("topic", "title", "articles", "cursor", "held from")):
        click.echo(text)


@topics.command(name="show")
@click.argument("slug")
@click.option("--json", "as_json", is_flag=True, help="As one JSON object.")
@click.pass_obj
def show_topic(settings: Settings, *, slug: str, as_json: bool) -> None:
    """One topic with its rule, as a file that `ingest topics load` takes.

    \b
    Example:
      ingest topics show russia-north-korea
    """
    with app.open_database(settings, name="ingest topics") as engine:
        found = stored.find_topic(engine, slug)
        one = _require(found, slug, () if found else stored.list_topics(engine, retired=False))
    if as_json:
        click.echo(json_line(topic_body(one)))
        return
    if one.retired:
        click.echo("# retired: no topic in force, nothing new matches it")
    click.echo(f"# changed {render.when(one.changed_at)}; {one.articles} articles match")
    click.echo(f"# stream: cursor {one.cursor}, held from {one.first_cursor}")
    click.echo(write_topics([one.topic]), nl=False)


@topics.command()
@click.argument("file", metavar="[FILE]", type=click.Path(path_type=Path), required=False)
@click.pass_obj
def export(settings: Settings, *, file: Path | None) -> None:
    """Write the topics in force, to FILE or standard output, as a file that `ingest topics load` takes.

    \b
    Example:
      ingest topics export my-topics.yaml
    """
    with app.open_database(settings, name="ingest topics") as engine:
        found = stored.list_topics(engine, retired=False)
    document = write_topics([one.topic for one in found])
    if file is None:
        click.echo(document, nl=False)
        return
    try:
        file.write_text(document, "utf-8")
    except OSError as error:
        raise Refused("FILE", str(file), f"a file we may write ({error.strerror})") from None
    click.echo(f"{len(found)} topics written to {file}", err=True)


@topics.command()
@click.argument("file", type=click.Path(path_type=Path))
def check(*, file: Path) -> None:
    """See that FILE is a topics file with rules that can be read; change nothing.

    \b
    Example:
      ingest topics check topics.yaml
    """
    found = _read(file)
    click.echo(f"{file}: {len(found)} topics: {', '.join(topic.slug for topic in found)}")


@topics.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="What changed, as one JSON object.")
@click.pass_obj
def load(settings: Settings, *, file: Path, as_json: bool) -> None:
    """Make the topics of FILE the ones in force.

    A topic that is no longer in the file is retired: it matches nothing more, its stream and cursors stay. To
    keep those in force, begin with them: `ingest topics export FILE`.

    \b
    Example:
      ingest topics load topics.yaml
    """
    wanted = _read(file)
    with app.open_database(settings, name="ingest topics") as engine:
        loaded = stored.load(engine, wanted, now=runtime.now())
    if as_json:
        click.echo(json_line(loaded))
        return
    for what in ("added", "changed", "unchanged", "retired"):
        slugs = getattr(loaded, what)
        if slugs:
            click.echo(f"{what:9}  {', '.join(slugs)}")


def _read(file: Path) -> tuple[Topic, ...]:
    """
    Raises:
        Refused: not a readable file, not a topics file, or a rule in it that is none.
    """
    try:
        found = read_topics(file.read_text("utf-8"), name=str(file))
    except OSError as error:
        raise Refused("FILE", str(file), f"a readable topics file ({error.strerror})") from None
    except UnicodeDecodeError as error:
        raise Refused(
            "FILE", str(file), f"a topics file in UTF-8 ({error.reason} at byte {error.start})"
        ) from None
    compile_topics(found)
    return found


def _require(
    found: stored.ListedTopic | None, slug: str, known: tuple[stored.ListedTopic, ...]
) -> stored.ListedTopic:
    if found is None:
        slugs = ", ".join(one.topic.slug for one in known)
        raise Refused(
            "topic", slug, f"one of {slugs}" if slugs else "a topic; `ingest topics load FILE` brings some"
        )
    return found


@click.command()
@click.option("--of", type=click.Choice(["article", "event", "alert"]), help="Only this one.")
def schema(*, of: str | None) -> None:
    """JSON Schemas: of articles as they travel on news.articles, of events and alerts as streams have them.

    \b
    Example:
      ingest schema --of event > event.schema.json
    """
    schemas = {"article": wire.json_schema(), "event": event_schema(), "alert": alert_schema()}
    click.echo(json.dumps(schemas if of is None else schemas[of], indent=2, ensure_ascii=False))


commands: tuple[click.Command, ...] = (tail, topics, alerts, schema)
