"""Looking into the article database."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import click

from ingest import app, runtime, streams, wire
from ingest.cli.printing import heading, print_json, when
from ingest.db import articles as stored
from ingest.db import ledger as ledgers
from ingest.db.status import read_status, status_body
from ingest.errors import Refused
from ingest.settings import Settings

ID_ACCEPTED = "an article's id, or the URL of one that is stored"


@click.group()
def articles() -> None:
    """The article database.

    \b
    Examples:
      ingest articles search "summit"
      ingest articles show https://news.example/a
    """


@articles.command()
@click.argument("query", required=False)
@click.option("--topic", help="Only articles of this topic.")
@click.option("--source", help="Only articles of this host.")
@click.option("--language", help="Only articles in this language.")
@click.option("--from", "since", metavar="TIME", help="Only articles from this time on (ISO 8601).")
@click.option("--to", "until", metavar="TIME", help="Only articles before this time (ISO 8601).")
@click.option("--limit", help="How many at most.")
@click.option("--cursor", help="Where the page before ended.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@click.pass_obj
def search(settings: Settings, /, *, query: str | None, as_json: bool, **given: str | None) -> None:
    """Articles that match QUERY, newest first. QUERY knows "phrases", or, and -without.

    \b
    Examples:
      ingest articles search "railway bridge"
      ingest articles search 'summit -football' --topic russia-north-korea --from 2026-01-01
    """
    names = {"since": "from", "until": "to"}
    asked = {names.get(name, name): value for name, value in given.items() if value is not None}
    if query is not None:
        asked["q"] = query
    wanted = stored.read_query(asked, prefix="--")
    with app.open_database(settings, name="ingest articles") as engine:
        page = stored.find(engine, wanted)
    following = None if page.behind is None else stored.write_place(page.behind)
    if as_json:
        print_json({"articles": page.articles, "next_cursor": following})
        return
    for one in page.articles:
        heading(one.title)
        topics = f"  [{', '.join(one.topics)}]" if one.topics else ""
        click.echo(f"  {when(one.sort_at)}  {one.publisher or one.source}{topics}")
        click.echo(click.style(f"  {one.url or one.id}", dim=True))
        if one.snippet:
            click.echo(
                "  "
                + "".join(
                    click.style(part.text, bold=True, fg="yellow") if part.hit else part.text
                    for part in one.snippet
                )
            )
    if not page.articles:
        click.echo("no article matches")
    elif following:
        click.echo(f"more: --cursor {following}")


@articles.command()
@click.argument("article", metavar="ID|URL")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@click.pass_obj
def show(settings: Settings, *, article: str, as_json: bool) -> None:
    """One article: its text, its revisions, its story, and why it matched.

    \b
    Example:
      ingest articles show https://news.example/a
    """
    with app.open_database(settings, name="ingest articles") as engine:
        history = None
        if "/" in article:
            found = ledgers.ledger(engine, article).articles
            history = found[0] if found else None
        else:
            history = ledgers.article(engine, _read_id(article))
    if history is None:
        raise Refused("ID|URL", article, ID_ACCEPTED)
    if as_json:
        print_json(history)
        return
    current = next(revision for revision in history.revisions if revision.current)
    heading(current.title)
    click.echo(f"{history.url or history.id}")
    click.echo(
        f"by {', '.join(current.authors) or 'nobody named'}, first ran in {current.publisher or history.source}"
    )
    click.echo(f"published {when(history.published_at)}, first seen {when(history.first_seen_at)}")
    click.echo(f"\n{current.text}\n")
    _show_history(history)


def _show_history(history: ledgers.History) -> None:
    for revision in history.revisions:
        mark = " (current)" if revision.current else ""
        click.echo(
            f"revision {revision.number}{mark}: {when(revision.seen_at)}, poll {revision.poll_id}: {revision.title}"
        )
    for match in history.matches:
        click.echo(f"topic {match.topic}, for {match.explanation.get('rule')}:")
        for found in match.explanation.get("found", []):
            click.echo(f"    “{found['phrase']}” in the {found['where']}: …{found['quote']}…")
    for copy in history.copies:
        click.echo(
            f"same story: {copy.url or copy.id} ({copy.source}, first seen {when(copy.first_seen_at)})"
        )
    for event in history.events:
        click.echo(f"on stream {event.topic} at cursor {event.cursor}: {event.kind}, {when(event.at)}")


def _read_id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise Refused("ID|URL", text, ID_ACCEPTED) from None


@click.command()
@click.argument("url")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@click.pass_obj
def explain(settings: Settings, *, url: str, as_json: bool) -> None:
    """What became of a URL: seen when and by which poll, stored or merged, matched why, on which streams.

    \b
    Example:
      ingest explain https://news.example/a
    """
    with app.open_database(settings, name="ingest explain") as engine:
        ledger = ledgers.ledger(engine, url)
    if as_json:
        print_json(ledger)
        return
    heading(ledger.canonical)
    if ledger.feed is not None:
        click.echo(
            f"is feed {ledger.feed.id}: last poll {ledger.feed.last_outcome}, next {when(ledger.feed.next_poll_at)}"
        )
    for history in ledger.articles:
        click.echo(f"is article {history.id}, {len(history.revisions)} revisions, story {history.story_id}")
        for sighting in history.sightings:
            click.echo(
                f"seen {when(sighting.seen_at)} in {sighting.feed_url or f'feed {sighting.feed_id}'}, poll"
                f" {sighting.poll_id}: {sighting.effect}, revision {sighting.revision} (record {sighting.place})"
            )
        _show_history(history)
    for travelled in ledger.travelled:
        if not travelled.stored:
            click.echo(f"sent to the log by poll {travelled.poll_id} of {travelled.feed_url}; not stored yet")
    for aside in ledger.quarantined:
        click.echo(
            f"in quarantine as {aside.id} since {when(aside.quarantined_at)}: {aside.error}: {aside.detail}"
        )
    if not (ledger.articles or ledger.travelled or ledger.quarantined or ledger.feed):
        click.echo("was never seen")


@click.command()
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@click.pass_obj
def status(settings: Settings, *, as_json: bool) -> None:
    """How the service is doing: feeds, polls, articles, streams, lags, quarantine.

    \b
    Example:
      ingest status
    """
    with app.open_database(settings, name="ingest status") as engine:
        found = read_status(engine, now=runtime.now())
    if as_json:
        print_json(status_body(found))
        return
    click.echo(f"feeds       {_counts(found.feeds)}; {found.feeds_failing} failing, {found.feeds_due} due")
    click.echo(f"polls       {_counts(found.polls)} in the last hour; last {when(found.last_poll_at)}")
    click.echo(f"articles    {found.articles} in {found.revisions} revisions")
    click.echo(f"quarantine  {found.quarantine}")
    for stream in found.streams:
        click.echo(f"stream      {stream.topic}: cursor {stream.cursor}, held from {stream.first_cursor}")
    for group in found.groups:
        click.echo(f"group       {group.group} on {group.topic}: {group.lag} behind")


def _counts(counts: Any) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.items()) or "none"


@click.command()
@click.option("--events", is_flag=True, help="The schema of stream events, not of articles in the log.")
def schema(*, events: bool) -> None:
    """Print the JSON Schema of the records in news.articles.

    \b
    Examples:
      ingest schema > article.schema.json
      ingest schema --events
    """
    print_json(streams.event_schema() if events else wire.json_schema())


commands: tuple[click.Command, ...] = (articles, explain, status, schema)
