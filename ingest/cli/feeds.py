"""The registry of feeds: add, remove, look, and exchange with other readers as OPML."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import click

from ingest import app, runtime
from ingest.alerts import append_alerts
from ingest.cli.lookup import named_feed
from ingest.cli.render import clean, in_a_row, stands, table, when
from ingest.cli.request_flags import CLEARED, describe_request, read_change, request_options
from ingest.db import feeds as registry
from ingest.db import hosts as known_hosts
from ingest.db.engine import Engine
from ingest.db.feed_codecs import FEED_STATES
from ingest.db.feed_requests import set_request_options
from ingest.db.hosts import BusyHost
from ingest.db.polls import Poll, history
from ingest.db.read_transaction import read_transaction
from ingest.db.status import poller_runs
from ingest.db.websub.subscriptions import subscription_view
from ingest.errors import Refused
from ingest.jsonable import jsonable
from ingest.log.postgres import PostgresLog
from ingest.opml import USER_AGENT, Outline, read_opml, write_opml
from ingest.request_options import NOTHING_SHOWN, read_user_agent, scoped_to
from ingest.schedule.publish_rate import format_rate
from ingest.schedule.silence import expected_by
from ingest.settings import Settings
from ingest.types import DEFAULT_REQUEST, Feed, FeedState, RequestOptions
from ingest.urls import feed_url, host_in, is_home

NAME = "ingest feeds"
HEADS = ("id", "state", "failure", "next poll", "title and URL")

_as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group()
def feeds() -> None:
    """The feeds that are polled.

    \b
    Examples:
      ingest feeds add https://example.org/news.xml
      ingest feeds import subscriptions.opml
      ingest feeds show 1
    """


@feeds.command()
@click.argument("urls", metavar="URL...", nargs=-1, required=True)
@click.option("--title", help="What to call it; without this, what it calls itself.")
@click.option("--first", is_flag=True, help="Of several feeds that a page names, take the likeliest.")
@click.option("--as-given", is_flag=True, help="Do not look for the feeds of a front page.")
@request_options
@_as_json
@click.pass_obj
def add(
    settings: Settings,
    /,
    urls: tuple[str, ...],
    *,
    title: str | None,
    first: bool,
    as_given: bool,
    as_json: bool,
    **request: Any,
) -> None:
    """Have feeds polled, beginning at once. Adding one that is there changes nothing.

    The front page of a site (an address without a path) is looked at now, and the feed that it names is added in its
    place; of several none is, unless with --first. Any other address is taken as it is.

    \b
    Examples:
      ingest feeds add https://example.org/news.xml
      ingest feeds add https://example.org/rss --title "The Example"
      ingest feeds add https://example.org/ --first
      ingest feeds add https://example.org/members.xml --headers-from token.txt
    """
    asked_with = read_change(**request)(DEFAULT_REQUEST)
    if first and as_given:
        raise Refused("--first", "with --as-given", "one of them: what is taken as given is not looked at")
    wanted = [feed_url(url) for url in urls]
    if title is not None and len(wanted) != 1:
        raise Refused("--title", title, "one URL beside it: a title belongs to one feed")
    if title is not None and (not title.strip() or not title.isprintable()):
        raise Refused("--title", title, "one line of text")
    if not as_given:
        wanted = [
            _looked_for(settings, url, first=first, request=asked_with) if is_home(url) else url
            for url in wanted
        ]
    with app.open_database(settings, name=NAME) as engine:
        added = [
            registry.add_feed(
                engine,
                url,
                title=title,
                request=asked_with,
                now=runtime.now(),
                interval=settings.poll_interval,
            )
            for url in dict.fromkeys(wanted)
        ]
        _say_if_unpolled(engine)
    if as_json:
        _print_json([{**jsonable(feed), "added": new} for feed, new in added])
        return
    for feed, new in added:
        click.echo(f"{'added' if new else 'already there'}: {feed.id} {feed.url}")
        if not new and asked_with != DEFAULT_REQUEST:
            click.echo(f"it is asked as before; `ingest feeds set {feed.id}` changes that", err=True)


@feeds.command("set")
@click.argument("names", metavar="URL|ID...", nargs=-1, required=True)
@request_options
@click.option(
    "--clear", multiple=True, type=click.Choice(CLEARED), help="Take this away first, then set what is given."
)
@_as_json
@click.pass_obj
def set_(settings: Settings, /, names: tuple[str, ...], *, as_json: bool, **request: Any) -> None:
    """Have feeds asked in another way: under another name, with headers, through a proxy, with exceptions from TLS.

    What is not named stays. Values of headers and passwords are stored, and never shown again.

    \b
    Examples:
      ingest feeds set 12 --user-agent "Example reader (ops@example.org)"
      ingest feeds set https://example.org/members.xml --headers-from token.txt
      ingest feeds set 12 --header "Accept-Language: ko" --proxy http://proxy.example.org:3128
      ingest feeds set 12 --ca-file intermediate.pem
      ingest feeds set 12 --clear all
    """
    change = read_change(**request)
    if change.changes_nothing:
        raise Refused("what to set", None, "at least one option; `ingest feeds set --help` shows them")
    with app.open_database(settings, name=NAME) as engine:
        found = [named_feed(engine, name) for name in names]
        for feed in found:
            set_request_options(engine, feed.id, change)
        changed = [each for feed in found if (each := registry.find_feed(engine, feed_id=feed.id))]
    if as_json:
        _print_json(changed)
        return
    for feed in changed:
        click.echo(f"set: {feed.id} {feed.url}")
        for line in describe_request(feed.request_options, feed.user_agent_trial) or ["asked as all are"]:
            click.echo(f"  {clean(line)}")


def _looked_for(settings: Settings, url: str, *, first: bool, request: RequestOptions) -> str:
    """The feed that the front page at ``url`` names; ``url`` where nothing better is known.

    Raises:
        Refused: it names several, or one at a server that ``request`` was not meant for.
    """
    found = app.discover_feeds(settings, url, request=request)
    if found.is_feed:
        return url
    if found.failed is not None or not found.likely:
        why = "it names no feed" if found.failed is None else clean(found.failed.detail)
        click.echo(f"{url} is added as it is: {why}", err=True)
        return url
    if len(found.likely) > 1 and not first:
        named = ", ".join(f"{feed.url} ({clean(feed.title) or 'no title'})" for feed in found.likely)
        raise Refused("feed URL", url, f"one feed, where this page names {named}; --first takes the first")
    chosen = found.likely[0].url
    if scoped_to(request, chosen, was=url) != request:
        accepted = (
            f"{chosen} itself: headers and exceptions from TLS are for one server, and it is at another"
        )
        raise Refused("feed URL", url, accepted)
    return chosen


@feeds.command()
@click.argument("url", metavar="URL")
@_as_json
@click.pass_obj
def discover(settings: Settings, url: str, *, as_json: bool) -> None:
    """Which feeds a page has: those it names, else those in the usual places. Nothing is added.

    Each is asked for, and shown with its number of entries if it answers as a feed; those of readers' comments last.

    \b
    Examples:
      ingest feeds discover https://example.org/
      ingest feeds discover https://example.org/world --json | jq -r '.feeds[].url'
    """
    found = app.discover_feeds(settings, feed_url(url))
    if found.failed is not None:
        raise Refused("URL", found.url, f"a page or feed that answers ({clean(found.failed.detail)})")
    if as_json:
        _print_json(found)
        return
    if not found.feeds:
        click.echo("no feeds: the page names none, and the usual places have none", err=True)
        return
    rows = [
        (
            feed.url,
            f"{feed.entries} {'entry' if feed.entries == 1 else 'entries'}",
            clean(feed.title) + (" (comments)" if feed.about_comments else ""),
        )
        for feed in found.feeds
    ]
    for text in table(rows, ("URL", "entries", "title") if sys.stdout.isatty() else ()):
        click.echo(text)


@feeds.command()
@click.argument("names", metavar="URL|ID...", nargs=-1, required=True)
@click.pass_obj
def remove(settings: Settings, names: tuple[str, ...]) -> None:
    """Stop polling feeds, for good. Their articles stay.

    \b
    Examples:
      ingest feeds remove 12
      ingest feeds remove https://example.org/news.xml
    """
    with app.open_database(settings, name=NAME) as engine:
        for feed in [named_feed(engine, name) for name in names]:
            if registry.remove_feed(engine, feed.id):
                click.echo(f"removed: {feed.id} {feed.url}")


@feeds.command()
@click.argument("names", metavar="URL|ID...", nargs=-1, required=True)
@click.pass_obj
def mute(settings: Settings, names: tuple[str, ...]) -> None:
    """Do not poll feeds for now, nor the sitemaps that one of them names. What was seen of them is kept.

    \b
    Example:
      ingest feeds mute 12
    """
    _enable(settings, names, enabled=False)


@feeds.command()
@click.argument("names", metavar="URL|ID...", nargs=-1, required=True)
@click.pass_obj
def resume(settings: Settings, names: tuple[str, ...]) -> None:
    """Poll feeds again that were muted, at once and from where they were; with an index the sitemaps muted with it.

    \b
    Example:
      ingest feeds resume 12
    """
    _enable(settings, names, enabled=True)


@feeds.command("full-text")
@click.argument("wanted", metavar="on|off", type=click.Choice(["on", "off"]))
@click.argument("names", metavar="URL|ID...", nargs=-1, required=True)
@click.pass_obj
def full_text(settings: Settings, wanted: str, names: tuple[str, ...]) -> None:
    """Fetch the pages of the articles that feeds bring from now on, for the text that is not in the feed; or do not.

    Articles are stored with their feed's text at once. A page's text comes as a revision, where it is more of the same;
    robots.txt, Crawl-delay and the budget of the page's host are kept to.

    \b
    Examples:
      ingest feeds full-text on https://example.org/news.xml
      ingest feeds full-text off 12
    """
    with app.open_database(settings, name=NAME) as engine:
        for feed in [named_feed(engine, name) for name in names]:
            if registry.set_full_text(engine, feed.id, wanted=wanted == "on"):
                click.echo(f"full text {wanted}: {feed.id} {feed.url}")


def _enable(settings: Settings, names: tuple[str, ...], *, enabled: bool) -> None:
    with app.open_database(settings, name=NAME) as engine:
        telling = partial(append_alerts, PostgresLog(engine))
        for feed in [named_feed(engine, name) for name in names]:
            if enabled:
                changed = registry.unmute(engine, feed.id, now=runtime.now(), tell=telling)
            else:
                changed = registry.mute(
                    engine, feed.id, reason="muted by hand", now=runtime.now(), tell=telling
                )
            said = "resumed" if enabled else "muted"
            click.echo(f"{said if changed else f'already {said}'}: {feed.id} {feed.url}")


@feeds.command()
@click.argument("names", metavar="URL|ID...", nargs=-1, required=True)
@click.pass_obj
def accept(settings: Settings, names: tuple[str, ...]) -> None:
    """Take what feeds say now for their own, though it looks like another site's.

    \b
    Example:
      ingest feeds accept 12
    """
    with app.open_database(settings, name=NAME) as engine:
        for feed in [named_feed(engine, name) for name in names]:
            done = registry.confirm_site(
                engine, feed.id, now=runtime.now(), tell=partial(append_alerts, PostgresLog(engine))
            )
            click.echo(f"{'accepted' if done else 'nothing to accept'}: {feed.id} {feed.url}")


@feeds.command()
@click.argument("names", metavar="[URL|ID...]", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="All feeds.")
@click.pass_obj
def refresh(settings: Settings, names: tuple[str, ...], *, everything: bool) -> None:
    """Poll feeds now, instead of when their time comes.

    Not sooner than INGEST_POLL_INTERVAL_MIN after their last poll, than a server asked for with Retry-After, or
    than the budget of their host allows; and not while they are muted. Of those named it is told when they are.

    \b
    Examples:
      ingest feeds refresh https://example.org/news.xml
      ingest feeds refresh --all
    """
    if everything == bool(names):
        raise Refused("feeds to refresh", " ".join(names) or None, "URLs or ids, or else --all")
    with app.open_database(settings, name=NAME) as engine:
        ids = None if everything else [named_feed(engine, name).id for name in names]
        sooner = registry.make_due(
            engine, now=runtime.now(), feed_ids=ids, spacing=settings.poll_interval_min
        )
        named = [each for one in ids or () if (each := registry.find_feed(engine, feed_id=one))]
        told_when = _next_polls(settings, engine, named)
        _say_if_unpolled(engine)
    click.echo(f"{sooner} polled sooner")
    for feed in named:
        click.echo(f"{feed.id} {feed.url}  next poll {told_when[feed.id]}")


@feeds.command("list")
@click.option("--state", type=click.Choice(FEED_STATES), help="Only those that stand so.")
@_as_json
@click.pass_obj
def list_(settings: Settings, *, state: str | None, as_json: bool) -> None:
    """All feeds: id, how it stands, why the last poll failed, when the next one is, title and URL.

    \b
    Examples:
      ingest feeds list
      ingest feeds list --state silent
      ingest feeds list --json | jq -r '.[] | select(.failures > 3) | .url'

    \b
    States: new (never polled), healthy, degraded (fails now and then, or is cut, or another site's), backing-off
    (fails again and again), challenged (only a browser gets it), silent (nothing new for too long), moved
    (redirects for good), gone (410), muted (not polled until resumed).
    """
    with app.open_database(settings, name=NAME) as engine:
        found = registry.list_feeds(engine, state=None if state is None else FeedState(state))
        failed = registry.last_failures(engine)
    if as_json:
        _print_json([{**jsonable(feed), "last_failure": jsonable(failed.get(feed.id))} for feed in found])
        return
    if not found and state is not None:
        click.echo(f"no feed is {state}", err=True)
        return
    if not found:
        click.echo("no feeds yet; add one with `ingest feeds add URL`", err=True)
        return
    rows = []
    for feed in found:
        stands = f"{feed.state} ×{feed.failures}" if feed.failures else feed.state.value
        title = f"{clean(feed.title)}  " if feed.title else ""
        why = str(failed.get(feed.id, ""))
        next_poll = (
            "none" if not feed.enabled else "under way" if _under_way(feed) else when(feed.next_poll_at)
        )
        rows.append((str(feed.id), stands, why, next_poll, f"{title}{feed.url}"))
    # For a program each line is a feed; it has --json, and may cut lines nevertheless.
    heads = HEADS if sys.stdout.isatty() else ()
    for text in table(rows, heads):
        click.echo(text)


@feeds.command()
@click.argument("name", metavar="URL|ID")
@_as_json
@click.pass_obj
def show(settings: Settings, name: str, *, as_json: bool) -> None:
    """One feed: when it is polled next and because of what, and its last polls.

    \b
    Examples:
      ingest feeds show 1
      ingest feeds show https://example.org/news.xml --json
    """
    with app.open_database(settings, name=NAME) as engine:
        feed = named_feed(engine, name)
        last = history(engine, feed.id)
        with read_transaction(engine) as connection:
            hub = subscription_view(connection, feed.id, now=runtime.now())
        told_when = _next_polls(settings, engine, [feed])
    if as_json:
        _print_json({**jsonable(feed), "subscription": hub, "polls": last})
        return
    click.echo(f"{feed.id}  {clean(feed.title) or '(no title yet)'}\n{feed.url}")
    click.echo(f"added      {when(feed.added_at)}")
    if feed.parent_id is not None:
        click.echo(f"part of    {feed.parent_id}, an index of sitemaps: it comes, goes and is asked with it")
    since = "" if feed.state_since is None else f"  since {when(feed.state_since)}"
    click.echo(
        f"state      {feed.state}{since}" + (f": {clean(feed.state_reason)}" if feed.state_reason else "")
    )
    if not feed.enabled:
        click.echo("           `ingest feeds resume` polls it again")
    if feed.moved_to is not None:
        click.echo(f"answers at {clean(feed.moved_to)}  since {when(feed.moved_since)}")
    click.echo(f"next poll  {told_when[feed.id]}")
    if feed.publish_rate is not None:
        click.echo(f"publishes  {format_rate(feed.publish_rate)}; {feed.entries} in its document")
    overdue = expected_by(feed.publish_gaps)
    if overdue is not None:
        click.echo(f"expected   something new by {when(overdue)}")
    if feed.full_text:
        click.echo("full text  the pages of its articles are fetched too")
    if feed.failures:
        click.echo(f"failing    {in_a_row(feed.failures)}")
    for line in describe_request(feed.request_options, feed.user_agent_trial):
        click.echo(clean(line))
    if settings.public_url is None:
        click.echo("hub        none is asked: INGEST_PUBLIC_URL is not set")
    elif hub is not None:
        click.echo(f"hub        {hub.hub}  {stands(hub)}")
    click.echo("last polls" if last else "not polled yet")
    for poll in last:
        click.echo(f"  {poll.id}  {when(poll.started_at)}  {_told(poll)}")


@feeds.command("import")
@click.argument("file", metavar="FILE", type=click.File("rb"))
@_as_json
@click.pass_obj
def import_(settings: Settings, file: BinaryIO, *, as_json: bool) -> None:
    """Add the feeds of an OPML file (`-`: standard input). Rows that cannot be used are told, the rest is added.

    Each row is counted once: as added, as already there (told where its feed is there under another spelling), or as
    not usable. --json names the feed of each row that brought no new one (twins).

    \b
    Examples:
      ingest feeds import subscriptions.opml
      curl -s https://example.org/blogroll.opml | ingest feeds import -
    """
    rows: list[tuple[Outline, str]] = []
    requests: dict[str, RequestOptions] = {}
    unusable: list[dict[str, Any]] = []
    for outline in read_opml(file.read(), name=getattr(file, "name", "<stdin>")):
        try:
            url = feed_url(outline.url)
            if outline.user_agent is not None:
                agent = read_user_agent(USER_AGENT, outline.user_agent)
                requests.setdefault(url, RequestOptions(user_agent=agent))
            rows.append((outline, url))
        except Refused as refused:
            unusable.append({"line": outline.line, "url": outline.url, "why": str(refused)})
    with app.open_database(settings, name=NAME) as engine:
        added = registry.add_feeds(
            engine,
            [(url, outline.title) for outline, url in rows],
            requests=requests,
            now=runtime.now(),
            interval=settings.poll_interval,
        )
        there = _already_there(engine, rows, added)
    if as_json:
        _print_json(
            {
                "lines": len(rows) + len(unusable),
                "added": sorted(added),
                "already_there": len(there),
                "twins": there,
                "unusable": unusable,
            }
        )
        return
    for row in unusable:
        click.echo(f"line {row['line']}: {row['why']}", err=True)
    for row in there:
        if row["feed"] != row["url"]:
            click.echo(f"line {row['line']}: {row['url']} is {row['feed']}", err=True)
    click.echo(f"{len(added)} added, {len(there)} already there, {len(unusable)} not usable")


def _already_there(
    engine: Engine, rows: Sequence[tuple[Outline, str]], added: frozenset[str]
) -> list[dict[str, Any]]:
    """The lines that brought no feed, each with the feed that it names: one from before, or of an earlier line."""
    waiting = set(added)
    others: list[tuple[Outline, str]] = []
    for outline, url in rows:
        if url in waiting:
            waiting.remove(url)
        else:
            others.append((outline, url))
    feeds = registry.registered_at(engine, [url for _, url in others])
    return [{"line": outline.line, "url": outline.url, "feed": feeds.get(url)} for outline, url in others]


@feeds.command()
@click.argument("file", metavar="[FILE]", type=click.Path(dir_okay=False, path_type=Path), required=False)
@click.pass_obj
def export(settings: Settings, file: Path | None) -> None:
    """Write all feeds as OPML, to FILE or standard output, with the user agents of those that have their own.

    Headers, proxies and exceptions from TLS stay here: they may be secrets.

    \b
    Examples:
      ingest feeds export subscriptions.opml
      ingest feeds export | gzip > subscriptions.opml.gz
    """
    with app.open_database(settings, name=NAME) as engine:
        found = registry.list_feeds(engine)
    requests = {feed.url: feed.request_options for feed in found if feed.request_options is not None}
    document = write_opml(
        # The sitemaps of an index come with it.
        [(feed.url, feed.title) for feed in found if feed.parent_id is None],
        title="Feeds of news-ingest",
        now=runtime.now(),
        user_agents={url: each.user_agent for url, each in requests.items() if each.user_agent is not None},
    )
    left_out = sum(1 for each in requests.values() if replace(each, user_agent=None) != NOTHING_SHOWN)
    if left_out:
        click.echo(
            f"{left_out} feeds are asked with headers, a proxy or exceptions from TLS, which OPML does not carry",
            err=True,
        )
    if file is None:
        click.echo(document, nl=False)
        return
    try:
        file.write_bytes(document)
    except OSError as error:
        raise Refused("FILE", str(file), f"a file we may write ({error.strerror})") from None
    written = sum(feed.parent_id is None for feed in found)
    click.echo(f"{written} feeds written to {file}", err=True)


commands: tuple[click.Command, ...] = (feeds,)


def _say_if_unpolled(engine: Engine) -> None:
    if not poller_runs(engine, now=runtime.now()):
        click.echo("no poller runs yet: `ingest up` (or `ingest poll`) has feeds polled", err=True)


def _next_polls(settings: Settings, engine: Engine, shown_feeds: Sequence[Feed]) -> dict[int, str]:
    """When the next poll of each is and because of what, by its id."""
    names = {feed.id: host_in(feed.url) for feed in shown_feeds}
    rooms = known_hosts.busy_hosts(engine, names, now=runtime.now(), host_limits=app.host_limits(settings))
    return {feed.id: _next_poll(feed, names[feed.id], rooms.get(feed.id)) for feed in shown_feeds}


def _next_poll(feed: Feed, host: str, room: BusyHost | None) -> str:
    if not feed.enabled:
        return "none while it is muted"
    next_poll = when(feed.next_poll_at)
    if feed.polling_since is not None:
        since = when(feed.polling_since)
        if _under_way(feed):
            return (
                f"under way since {since}; if it has not ended by {next_poll} another poller takes the feed"
            )
        return f"{next_poll}  because: the one that began at {since} has not ended"
    reason = feed.last_reason or "new feeds are polled at once"
    if room is None or room.at <= feed.next_poll_at:
        return f"{next_poll}  because: {reason}"
    # A poller that finds it due gives it a turn, and its reason.
    why = "is not asked more often"
    if room.pause_reason is not None:
        why = f"is left alone until then: {clean(room.pause_reason)}"
    return f"{when(room.at)} at the earliest  because: {reason}; {host} {why}"


def _under_way(feed: Feed) -> bool:
    return feed.polling_since is not None and feed.next_poll_at > runtime.now()


def _told(poll: Poll) -> str:
    if poll.failure is not None:
        status = "" if poll.status is None else f" {poll.status}"
        result = "failed" if poll.result == "failed" else f"{poll.result}, failed"
        return f"{result} ({poll.failure}{status}): {clean(poll.detail)}; next because: {poll.reason}"
    said = poll.result if poll.status is None else f"{poll.result} {poll.status}"
    if poll.entries:
        said += (
            f", {poll.entries} entries, {poll.created} new, {max(0, poll.appended - poll.created)} changed"
        )
    if poll.detail:
        said += f"; {clean(poll.detail)}"
    return said


def _print_json(value: object) -> None:
    click.echo(json.dumps(jsonable(value), indent=2, ensure_ascii=False))
