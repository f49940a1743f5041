"""``ingest feeds list``, ``show`` and ``discover``: feeds as text and JSON."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import datetime
from typing import Final

import click

from ingest import app, runtime
from ingest.cli.output import json_option, print_json
from ingest.cli.render import clean, consecutive, subscription_text, table, timestamp
from ingest.cli.request_flags import describe_request
from ingest.db import feeds as registry
from ingest.db.feed_codecs import FEED_STATES
from ingest.db.feeds import LastFailure
from ingest.db.polls import Poll
from ingest.errors import Refused
from ingest.feed_tags import read_tag
from ingest.jsonable import jsonable
from ingest.schedule.publish_rate import format_rate
from ingest.schedule.silence import expected_by
from ingest.settings import Settings
from ingest.types import Feed, FeedState
from ingest.urls import feed_url
from ingest.usecases.feeds import FeedDetails, feed_details
from ingest.usecases.next_poll import NextPoll, PollPhase, is_in_progress, next_polls

NAME: Final = "ingest feeds"
HEADS: Final = ("id", "state", "failure", "next poll", "title and URL")


@click.command("discover")
@click.argument("url", metavar="URL")
@json_option
@click.pass_obj
def discover_command(settings: Settings, url: str, *, as_json: bool) -> None:
    """Find the feeds of a page, without adding them.

    Linked feeds are fetched, and shown with their number of entries; feeds of readers' comments come last. Where a page
    links none, common paths such as /feed are tried.

    \b
    Examples:
      ingest feeds discover https://example.org/
      ingest feeds discover https://example.org/world --json | jq -r '.feeds[].url'
    """
    discovery = app.discover_feeds(settings, feed_url(url))
    if discovery.failed is not None:
        raise Refused(
            "URL", discovery.url, f"a page or feed that can be fetched ({clean(discovery.failed.detail)})"
        )
    if as_json:
        print_json(discovery)
        return
    if not discovery.feeds:
        click.echo("no feeds: the page declares none, and no common path has one", err=True)
        return
    rows = [
        (
            feed.url,
            f"{feed.entries} {'entry' if feed.entries == 1 else 'entries'}",
            clean(feed.title) + (" (comments)" if feed.about_comments else ""),
        )
        for feed in discovery.feeds
    ]
    for line in table(rows, ("URL", "entries", "title") if sys.stdout.isatty() else ()):
        click.echo(line)


@click.command("list")
@click.option("--state", type=click.Choice(FEED_STATES), help="List only feeds in this state.")
@click.option("--tag", help="List only feeds with this tag, or with one below it.")
@json_option
@click.pass_obj
def list_command(settings: Settings, *, state: str | None, tag: str | None, as_json: bool) -> None:
    """List feeds with state, last failure and next poll.

    \b
    Examples:
      ingest feeds list
      ingest feeds list --state silent
      ingest feeds list --tag Asia
      ingest feeds list --json | jq -r '.[] | select(.failures > 3) | .url'

    \b
    States: new (never polled), healthy, degraded (fails at times, is truncated, or looks like another site's),
    backing-off (fails repeatedly), challenged (the server accepts only a browser), silent (no new entry for too long),
    moved (permanent redirects), gone (410), muted (not polled until unmuted).
    """
    with app.open_database(settings, name=NAME) as engine:
        listed = registry.list_feeds(
            engine,
            state=None if state is None else FeedState(state),
            tag=None if tag is None else read_tag(tag),
        )
        failures = registry.last_failures(engine)
    if as_json:
        print_json([{**jsonable(feed), "last_failure": jsonable(failures.get(feed.id))} for feed in listed])
        return
    if not listed:
        nothing = "no feeds yet; add one with `ingest feeds add URL`"
        if state is not None or tag is not None:
            nothing = "no feed has this tag" if state is None else f"no feed is {state}"
        click.echo(nothing, err=True)
        return
    now = runtime.now()
    rows = [_row(feed, failures.get(feed.id), now=now) for feed in listed]
    # Programs read one feed per line, without a header.
    for line in table(rows, HEADS if sys.stdout.isatty() else ()):
        click.echo(line)


def _row(feed: Feed, failure: LastFailure | None, *, now: datetime) -> tuple[str, ...]:
    state = f"{feed.state} ×{feed.failures}" if feed.failures else feed.state.value
    if not feed.enabled:
        next_poll = "none"
    elif is_in_progress(feed, now=now):
        next_poll = "in progress"
    else:
        next_poll = timestamp(feed.next_poll_at)
    title = f"{clean(feed.title)}  " if feed.title else ""
    return (str(feed.id), state, "" if failure is None else str(failure), next_poll, f"{title}{feed.url}")


@click.command("show")
@click.argument("name", metavar="URL|ID")
@json_option
@click.pass_obj
def show_command(settings: Settings, name: str, *, as_json: bool) -> None:
    """Show one feed: its state, next poll and last polls.

    \b
    Examples:
      ingest feeds show 1
      ingest feeds show https://example.org/news.xml --json
    """
    with app.open_database(settings, name=NAME) as engine:
        now = runtime.now()
        details = feed_details(engine, name, now=now)
        polls = next_polls(engine, [details.feed], limits=app.host_limits(settings), now=now)
    if as_json:
        print_json({**jsonable(details.feed), "websub": details.websub, "polls": details.polls})
        return
    for line in _describe(settings, details, polls[details.feed.id]):
        click.echo(line)


def _describe(settings: Settings, details: FeedDetails, next_poll: NextPoll) -> Iterator[str]:
    feed = details.feed
    yield f"{feed.id}  {clean(feed.title) or '(no title yet)'}"
    yield feed.url
    yield f"added      {timestamp(feed.added_at)}"
    if feed.tags:
        yield f"tags       {', '.join(clean(tag) for tag in feed.tags)}"
    if feed.parent_id is not None:
        yield f"part of    {feed.parent_id}, a sitemap index: added, removed and requested with it"
    since = "" if feed.state_since is None else f"  since {timestamp(feed.state_since)}"
    reason = f": {clean(feed.state_reason)}" if feed.state_reason else ""
    yield f"state      {feed.state}{since}{reason}"
    if not feed.enabled:
        yield "           `ingest feeds unmute` polls it again"
    if feed.moved_to is not None:
        yield f"moved to   {clean(feed.moved_to)}  since {timestamp(feed.moved_since)}"
    yield f"next poll  {next_poll_text(next_poll)}"
    if feed.publish_rate is not None:
        yield f"publishes  {format_rate(feed.publish_rate)}; {feed.entries} in its document"
    expected_at = expected_by(feed.publish_gaps)
    if expected_at is not None:
        yield f"expected   a new entry by {timestamp(expected_at)}"
    if feed.full_text:
        yield "full text  the pages of its articles are fetched too"
    yield from _identity_lines(feed)
    if feed.failures:
        yield f"failing    {consecutive(feed.failures)}"
    for line in describe_request(feed.request_options, feed.user_agent_trial):
        yield clean(line)
    if settings.public_url is None:
        yield "hub        not used: INGEST_PUBLIC_URL is not set"
    elif details.websub is not None:
        yield f"hub        {details.websub.hub}  {subscription_text(details.websub)}"
    yield "last polls" if details.polls else "not polled yet"
    for poll in details.polls:
        yield f"  {poll.id}  {timestamp(poll.started_at)}  {_poll_text(poll)}"


def _identity_lines(feed: Feed) -> Iterator[str]:
    """Describe the evidence by which the feed's entries are recognised."""
    if feed.identity is not None:
        yield f"identity   {feed.identity}, chosen by an operator"
        if feed.entry_identity is not None:
            yield f"           {clean(feed.entry_identity.reason)}"
    elif feed.entry_identity is not None:
        yield f"identity   {feed.entry_identity.evidence}: {clean(feed.entry_identity.reason)}"


def next_poll_text(poll: NextPoll) -> str:
    """Return time and reason of the next poll as one line."""
    at = timestamp(poll.at)
    match poll.phase:
        case PollPhase.MUTED:
            return "none while it is muted"
        case PollPhase.IN_PROGRESS:
            return f"in progress since {timestamp(poll.since)}; another poller takes over if it has not ended by {at}"
        case PollPhase.UNFINISHED:
            return f"{at}  because: the poll that began at {timestamp(poll.since)} has not ended"
        case PollPhase.SCHEDULED:
            return f"{at}  because: {poll.reason}"
        case PollPhase.LIMITED:
            limit = f"the rate limit of {poll.host} is reached"
            if poll.pause_reason is not None:
                limit = f"{poll.host} is paused until then: {clean(poll.pause_reason)}"
            return f"{at} at the earliest  because: {poll.reason}; {limit}"


def _poll_text(poll: Poll) -> str:
    if poll.failure is not None:
        status = "" if poll.status is None else f" {poll.status}"
        result = "failed" if poll.result == "failed" else f"{poll.result}, failed"
        return f"{result} ({poll.failure}{status}): {clean(poll.detail)}; next because: {poll.reason}"
    text = poll.result if poll.status is None else f"{poll.result} {poll.status}"
    if poll.entries:
        changed = max(0, poll.appended - poll.created)
        text += f", {poll.entries} entries, {poll.created} new, {changed} changed"
    if poll.detail:
        text += f"; {clean(poll.detail)}"
    return text
