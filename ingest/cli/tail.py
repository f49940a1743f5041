"""``ingest tail`` and ``ingest alerts``: follow a stream in the terminal."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Any, Final, TypeVar

import click

from ingest import app, runtime
from ingest.cli import render
from ingest.cli.output import json_lines_option, print_json_line
from ingest.db.engine import Engine
from ingest.db.status import poller_runs
from ingest.errors import Unavailable
from ingest.log.api import ALERTS_STREAM
from ingest.settings import Settings
from ingest.streams import Gap, event_line, gap_body, read_cursor
from ingest.types import AlertKind, FeedState, Record
from ingest.usecases.follow import Wakeup, begin_stream, follow_stream
from ingest.usecases.topics import require_topic

LAST_EVENTS: Final = 10
CURSOR_OPTION: Final = "--from"
_Command = TypeVar("_Command", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True, kw_only=True)
class _Follow:
    """A stream to follow, and the options of the command that follows it."""

    stream: str
    command: str
    """The command line that resumes, without its cursor."""
    show: Callable[[Record], None]
    cursor: int | None
    count: int | None
    waits: bool
    as_json: bool


def _follow_options(command: _Command) -> _Command:
    """Decorate a command with the options of every stream."""
    options = (
        click.option(
            CURSOR_OPTION,
            "cursor",
            metavar="CURSOR",
            help=f"Start after this cursor; 0: at the beginning. Default: the last {LAST_EVENTS} events.",
        ),
        click.option("--count", type=click.IntRange(min=1), help="Stop after this number of events."),
        click.option(
            "--follow/--no-follow", default=True, show_default=True, help="Wait for new events until Ctrl-C."
        ),
        json_lines_option,
    )
    for option in reversed(options):
        command = option(command)
    return command


@click.command()
@click.argument("topic")
@_follow_options
@click.pass_obj
def tail(
    settings: Settings, *, topic: str, cursor: str | None, count: int | None, follow: bool, as_json: bool
) -> None:
    """Follow the stream of TOPIC.

    Each line shows cursor, time, kind, title, source, and why the article matched. A cursor is the number of the last
    event that was received: a command that resumes from it misses nothing and repeats nothing.

    \b
    Examples:
      ingest tail russia-north-korea
      ingest tail russia-north-korea --from 1042 --json
      ingest tail russia-north-korea --from 0 --no-follow
    """
    start = None if cursor is None else read_cursor(CURSOR_OPTION, cursor)
    with app.open_database(settings, name="ingest tail") as engine:
        require_topic(engine, topic)
        command = f"ingest tail {topic}"
        _tail(
            engine,
            _Follow(
                stream=topic,
                command=command,
                show=_show_event,
                cursor=start,
                count=count,
                waits=follow,
                as_json=as_json,
            ),
        )


@click.command()
@_follow_options
@click.pass_obj
def alerts(settings: Settings, *, cursor: str | None, count: int | None, follow: bool, as_json: bool) -> None:
    """Follow the alerts about feeds.

    Each line shows cursor, time, new state or kind, feed and reason. An alert is appended when a feed changes its state
    (`ingest feeds list --help` explains all states), its site or its address, or lost entries between two polls.

    \b
    Examples:
      ingest alerts
      ingest alerts --from 0 --no-follow --json
    """
    start = None if cursor is None else read_cursor(CURSOR_OPTION, cursor)
    with app.open_database(settings, name="ingest alerts") as engine:
        _tail(
            engine,
            _Follow(
                stream=ALERTS_STREAM,
                command="ingest alerts",
                show=_show_alert,
                cursor=start,
                count=count,
                waits=follow,
                as_json=as_json,
            ),
        )


def _tail(engine: Engine, follow: _Follow) -> None:
    log = app.open_database_log(engine)
    beginning = begin_stream(log, follow.stream, follow.cursor, last=LAST_EVENTS, parameter=CURSOR_OPTION)
    if beginning.gap is not None:
        _show_gap(beginning.gap, as_json=follow.as_json)
    shown = beginning.cursor
    remaining = follow.count
    wakeup = Wakeup()

    def show_waiting(cursor: int) -> None:
        runs = poller_runs(engine, now=runtime.now())
        hint = "" if runs else ". No poller is running; start one with `ingest up` or `ingest poll`"
        click.echo(f"waiting for events after cursor {cursor}; Ctrl-C ends{hint}", err=True)

    try:
        with (
            _interruptible() as signals,
            app.listen_to_log(engine, on_growth=wakeup.on_growth, on_failure=wakeup.on_failure),
        ):
            for item in follow_stream(
                log,
                follow.stream,
                after=shown,
                wakeup=wakeup,
                stopped=lambda: bool(signals),
                on_waiting=show_waiting if follow.waits else None,
            ):
                if isinstance(item, Gap):
                    _show_gap(item, as_json=follow.as_json)
                    continue
                if follow.as_json:
                    click.echo(event_line(item))
                else:
                    follow.show(item)
                shown = item.offset
                if remaining is not None:
                    remaining -= 1
                    if remaining == 0:
                        return
    except Unavailable:
        _show_resume(follow, shown)
        raise
    if follow.waits:
        _show_resume(follow, shown)


@contextmanager
def _interruptible() -> Iterator[list[int]]:
    """Collect SIGINT and SIGTERM in a list, so that the block can end between two events.

    A second signal has its usual effect. The signals are kept in a list, because a handler must not take the lock of an
    ``Event``.
    """
    received: list[int] = []
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def handle(number: int, _frame: FrameType | None) -> None:
        received.append(number)
        signal.signal(number, handlers[signal.Signals(number)])

    for number in handlers:
        signal.signal(number, handle)
    try:
        yield received
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


def _show_resume(follow: _Follow, cursor: int) -> None:
    click.echo(f"resume with: {follow.command} {CURSOR_OPTION} {cursor}", err=True)


def _show_gap(gap: Gap, *, as_json: bool) -> None:
    if as_json:
        print_json_line(gap_body(gap))
        return
    resumed = f"resuming at {gap.first_cursor}"
    text = f"gap: {gap.lost} events after cursor {gap.after} were deleted by retention; {resumed}"
    click.echo(click.style(text, fg="red"))


def _show_alert(record: Record) -> None:
    alert: dict[str, Any] = json.loads(record.value)
    feed = alert.get("feed")
    kind, state = str(alert.get("kind", "alert")), str(alert.get("after", ""))
    label = state if kind == AlertKind.STATE else kind
    colour = "green" if state == FeedState.HEALTHY else "yellow"
    subject = "" if not feed else f"feed {feed.get('id')}  {render.clean(feed.get('url'))}: "
    click.echo(
        f"{render.event_line(record.offset, alert.get('at'), label, colour)}  "
        f"{subject}{render.clean(alert.get('reason'))}"
    )


def _show_event(record: Record) -> None:
    event: dict[str, Any] = json.loads(record.value)
    article = event.get("article", {})
    kind = str(event.get("kind", "event"))
    matched = render.match_summary(event.get("match"))
    click.echo(
        f"{render.event_line(record.offset, event.get('at'), kind, render.KIND_COLOURS.get(kind))}  "
        f"{click.style(render.clean(article.get('title')) or '(no title)', bold=True)}  "
        f"{render.clean(article.get('publisher') or article.get('source'))}"
        + (click.style(f"  ({matched})", dim=True) if matched else "")
    )


commands: tuple[click.Command, ...] = (tail, alerts)
