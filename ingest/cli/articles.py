"""Querying the article database: search it, look at one article, ask what became of a URL."""

from __future__ import annotations

import re
import shlex
from uuid import UUID

import click

from ingest import app
from ingest.cli import render
from ingest.db import article_search as stored
from ingest.db import ledger as books
from ingest.db.article_history import History, find_article
from ingest.db.page_fetch import PageStatus
from ingest.errors import Refused
from ingest.jsonable import json_line
from ingest.query import encode_cursor, read_query, read_text, read_uuid
from ingest.response_bodies import article_body, ledger_body
from ingest.settings import Settings


@click.group()
def articles() -> None:
    """Search the article database, show an article.

    \b
    Examples:
      ingest articles search "summit Vladivostok" --topic russia-north-korea
      ingest articles show https://example.org/news/1
    """


class _Search(click.Command):
    """Says what to do where a query is taken for options."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        given = list(args)
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            query = next((one for one in given if re.match(r"-[^-]", one)), None)
            if query is None or error.option_name.startswith("--"):
                raise
            example = f"ingest articles search -- {shlex.quote(query)}"
            hint = f"A QUERY that begins with - stands behind --: {example}"
            raise click.UsageError(f"{error.format_message()} {hint}", ctx) from None


@articles.command(cls=_Search)
@click.argument("query", required=False)
@click.option("--topic", help="Only articles of this topic (its slug).")
@click.option("--source", help="Only articles of this host, such as example.org.")
@click.option("--language", help="Only in this language, such as ko; as declared by the feed.")
@click.option("--from", "since", help="Published (or first seen) at this time or later; ISO 8601.")
@click.option("--to", "until", help="Before this time; ISO 8601.")
@click.option("--limit", help="At most so many.", default="20", show_default=True)
@click.option("--cursor", help="Go on behind an earlier answer: its next_cursor.")
@click.option(
    "--json", "as_json", is_flag=True, help="An article a line, as JSON; the last line has next_cursor."
)
@click.pass_obj
def search(settings: Settings, /, *, query: str | None, as_json: bool, **given: str | None) -> None:
    """Articles that hold the words of QUERY, newest first; without QUERY: all.

    Words count as they stand, in any language. "Quotes" hold a phrase together, or means either, - means without.

    \b
    Examples:
      ingest articles search '"Kim Jong Un" Putin -football' --from 2026-01-01
      ingest articles search --source tass.com --limit 5 --json
      ingest articles search -- '-football summit'       one that begins with - stands behind --
    """
    names = {"q": query, "from": given.pop("since"), "to": given.pop("until"), **given}
    asked = {name: value for name, value in names.items() if value is not None}
    wanted = read_query(asked, name=lambda name: "QUERY" if name == "q" else f"--{name}")
    with app.open_database(settings, name="ingest articles") as engine:
        page = stored.find(engine, wanted)
    following = None if page.next_cursor is None else encode_cursor(page.next_cursor)
    if as_json:
        for article in page.articles:
            click.echo(json_line(article_body(article)))
        click.echo(json_line({"next_cursor": following}))
        return
    for article in page.articles:
        _show_listed(article)
    if not page.articles:
        click.echo("nothing found")
    elif following is not None:
        click.echo(f"there is more: --cursor {following}")


def _show_listed(article: stored.ArticleRow) -> None:
    topics = f"  [{', '.join(article.topics)}]" if article.topics else ""
    click.echo(click.style(render.clean(article.title) or "(no title)", bold=True))
    click.echo(
        f"    {render.when(article.sort_at)}  {render.clean(article.source)}{click.style(topics, fg='green')}"
    )
    if article.snippet is not None:
        click.echo(f"    {render.snippet(article.snippet)}")
    click.echo(f"    {article.id}  {render.clean(article.url)}")


@articles.command(name="show")
@click.argument("which", metavar="ID|URL")
@click.option("--before", type=click.IntRange(min=1), help="Revisions below this number.")
@click.option("--json", "as_json", is_flag=True, help="Everything, as one JSON object.")
@click.pass_obj
def show_article(settings: Settings, *, which: str, before: int | None, as_json: bool) -> None:
    """One article: all its revisions, why it matched, each time it was seen.

    \b
    Examples:
      ingest articles show 4f0c2a1e-90d3-5c1b-8a55-0b4e5a1f7d21
      ingest articles show https://example.org/news/1 --json
    """
    with app.open_database(settings, name="ingest articles") as engine:
        try:
            article_id: UUID | None = read_uuid("ID", which)
        except Refused:
            found = books.read_ledger(engine, read_text("ID|URL", which)).articles
            article_id = found[0].id if found else None
        history = None if article_id is None else find_article(engine, article_id, before=before)
    if history is None:
        raise Refused(
            "ID|URL",
            which,
            "the id or address of a stored article (`ingest explain URL` tells what became of a URL)",
        )
    if as_json:
        click.echo(json_line(history))
        return
    _show_history(history)
    for revision in history.revisions:
        current = "current" if revision.current else "superseded"
        click.echo()
        click.echo(
            click.style(f"Revision {revision.number}", bold=True)
            + f", {current}, seen {render.when(revision.seen_at)}"
        )
        click.echo(f"  {render.clean(revision.title)}")
        if revision.authors:
            click.echo(f"  by {render.clean(', '.join(revision.authors))}")
        if revision.attribution is not None:
            click.echo(f"  taken from: {render.clean(str(revision.attribution.get('evidence', '')))}")
        for paragraph in revision.text.splitlines():
            click.echo(f"    {render.clean(paragraph)}")


@click.command()
@click.argument("url")
@click.option("--json", "as_json", is_flag=True, help="As one JSON object.")
@click.pass_obj
def explain(settings: Settings, *, url: str, as_json: bool) -> None:
    """What became of URL: seen when, by which poll, stored or set aside, matched why, sent where.

    Exit code 1 says that we never met it.

    \b
    Example:
      ingest explain https://example.org/news/1
    """
    with app.open_database(settings, name="ingest explain") as engine:
        found = books.read_ledger(engine, read_text("URL", url))
    if as_json:
        click.echo(json_line(ledger_body(found)))
    else:
        _show_ledger(found)
    if not found.is_known:
        raise SystemExit(1)


def _show_ledger(found: books.Ledger) -> None:
    click.echo(click.style(render.clean(found.url), bold=True))
    if found.canonical != found.url:
        click.echo(f"  canonical  {render.clean(found.canonical)}")
    if not found.is_known:
        click.echo("  never met: no feed had it, nothing of it is in quarantine")
    if found.feed is not None:
        feed = found.feed
        state = "enabled" if feed.enabled else "muted"
        outcome = feed.last_outcome or "not yet"
        click.echo(
            f"  a feed     number {feed.id}, {state}, last polled {render.when(feed.polled_at)}: {outcome}"
        )
        if feed.enabled:
            click.echo(
                f"             next poll {render.when(feed.next_poll_at)}: {render.clean(feed.last_reason)}"
            )
    for entry in found.entries:
        stored_or_not = "stored" if entry.stored else click.style("on its way, not stored yet", fg="yellow")
        click.echo(f"  in feed    {render.clean(entry.feed_url)} (poll {entry.poll_id}): {stored_or_not}")
    for record in found.quarantined:
        state = f"replayed {render.when(record.replayed_at)}" if record.replayed_at else "waiting"
        number = click.style(f"  quarantine number {record.id}", fg="red")
        click.echo(f"{number}, {render.when(record.quarantined_at)}, {state}: {render.clean(record.detail)}")
    for history in found.articles:
        click.echo()
        _show_history(history)


def _show_history(history: History) -> None:
    title = history.revisions[0].title if history.revisions else ""
    click.echo(click.style(render.clean(title) or "(no title)", bold=True))
    click.echo(f"  article    {history.id}")
    click.echo(f"  url        {render.clean(history.url) or 'none'}")
    click.echo(
        f"  source     {render.clean(history.source)}, language {render.clean(history.language) or 'not declared'}"
    )
    published = "not said" if history.published_at is None else render.when(history.published_at)
    click.echo(f"  published  {published}, first seen {render.when(history.first_seen_at)}")
    click.echo(f"  revision   {history.revision}, of {render.when(history.revised_at)}")
    if history.story_id != history.id or history.copies:
        others = {0: "of which no other article is stored", 1: "with 1 other article:"}
        said = others.get(len(history.copies), f"with {len(history.copies)} other articles:")
        click.echo(f"  story      {history.story_id}, {said}")
        for copy in history.copies:
            click.echo(
                f"             {render.when(copy.first_seen_at)}  {render.clean(copy.source)}  {render.clean(copy.url)}"
            )
    for match in history.matches:
        click.echo(f"  matched    {click.style(match.topic, fg='green')} (revision {match.revision})")
        for reason in render.reasons(match.explanation):
            click.echo(f"             {reason}")
    if not history.matches:
        click.echo("  matched    no topic")
    for event in history.events:
        kind = click.style(event.kind, fg=render.KIND_COLOURS.get(event.kind))
        click.echo(f"  event      {event.topic} cursor {event.cursor}: {kind}, {render.when(event.at)}")
    for page in history.pages:
        click.echo(f"  page       {render.clean(page.url)}: {_became(page)}")
    for sighting in history.sightings:
        feed = f"feed {sighting.feed_id} ({render.clean(sighting.feed_url) or 'removed'})"
        click.echo(
            f"  seen       {render.when(sighting.seen_at)} poll {sighting.poll_id} of {feed}: {sighting.effect}"
        )
        click.echo(f"             record {sighting.log_position}, revision {sighting.revision} afterwards")
    if history.sightings_total > len(history.sightings):
        click.echo(f"             and {history.sightings_total - len(history.sightings)} older")


def _became(page: PageStatus) -> str:
    why = ": ".join(each for each in (page.failure, render.clean(page.detail)) if each)
    because = f" ({why})" if why else ""
    match page.state:
        case "taken" if page.revision is None:
            return f"fetched {render.when(page.tried_at)}, its text is on its way"
        case "taken":
            return f"fetched {render.when(page.tried_at)}, revision {page.revision} has its text"
        case "given-up":
            return f"given up{because}; the text is the feed's"
    return f"waits until {render.when(page.due_at)}{because}"


commands: tuple[click.Command, ...] = (articles, explain)
