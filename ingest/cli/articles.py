"""``ingest articles`` and ``ingest explain``: search articles and show the history of a URL."""

from __future__ import annotations

import re
import shlex
from datetime import timedelta

import click

from ingest import app
from ingest.cli.history import describe_history, describe_ledger
from ingest.cli.output import json_lines_option, json_option, print_json_line
from ingest.cli.render import clean, snippet, timestamp
from ingest.db import article_search as stored
from ingest.db.article_history import Revision
from ingest.db.ledger import read_ledger
from ingest.query import ArticleQuery, Sort, encode_cursor, read_query, read_text
from ingest.reindex import count_unindexed, reindex
from ingest.response_bodies import article_body, ledger_body, result_page_body
from ingest.runtime import Stop
from ingest.settings import Settings
from ingest.usecases.articles import ARTICLE_NAME, require_article

NAME = "ingest articles"
BUDGET = timedelta(seconds=2)
"""A person waits longer for a complete result than a request of the API may take."""


@click.group()
def articles() -> None:
    """Search articles, show one article, index articles for searches.

    \b
    Examples:
      ingest articles search "summit Vladivostok" --topic russia-north-korea
      ingest articles show https://example.org/news/1
    """


class _Search(click.Command):
    """Adds a hint where a query that begins with - was read as options."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        original_args = list(args)
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            query = next((arg for arg in original_args if re.match(r"-[^-]", arg)), None)
            if query is None or error.option_name.startswith("--"):
                raise
            example = f"ingest articles search -- {shlex.quote(query)}"
            hint = f"Put -- before a QUERY that begins with -: {example}"
            raise click.UsageError(f"{error.format_message()} {hint}", ctx) from None


@articles.command(cls=_Search)
@click.argument("query", required=False)
@click.option("--topic", help="Only articles that match this topic (its slug).")
@click.option("--source", help="Only articles of this host, such as example.org.")
@click.option("--language", help="Only articles in this language, such as ko, as the feed declares it.")
@click.option(
    "--from", "since", help="Only articles published (else first seen) at this time or later; ISO 8601."
)
@click.option("--to", "until", help="Only articles before this time; ISO 8601.")
@click.option(
    "--sort",
    help="date (newest first) or relevance (best first; with QUERY).",
    default="date",
    show_default=True,
)
@click.option("--limit", help="Maximum number of articles.", default="20", show_default=True)
@click.option("--cursor", help="Continue after an earlier result: its next_cursor.")
@json_lines_option
@click.pass_obj
def search(settings: Settings, /, *, query: str | None, as_json: bool, **filters: str | None) -> None:
    """Search articles for the words of QUERY, newest first.

    "Quotes" search for a phrase, `or` for either side, - excludes a word, word* finds words that begin with it, and
    title: searches one field; docs/search.md has the whole syntax. Without QUERY all articles are listed. The last line
    of --json holds next_cursor, and whether the result is exact.

    \b
    Examples:
      ingest articles search '"Kim Jong Un" Putin -football' --from 2026-01-01
      ingest articles search 'title:(Pyongyang or 평양) missile*' --sort relevance
      ingest articles search --source tass.com --limit 5 --json
      ingest articles search -- '-football summit'       -- goes before a query that begins with -
    """
    names = {"q": query, "from": filters.pop("since"), "to": filters.pop("until"), **filters}
    parameters = {name: value for name, value in names.items() if value is not None}
    parsed_query = read_query(parameters, name=lambda name: "QUERY" if name == "q" else f"--{name}")
    with app.open_database(settings, name=NAME) as engine:
        page = stored.find(engine, parsed_query, budget=BUDGET)
    if as_json:
        for article in page.articles:
            print_json_line(article_body(article))
        print_json_line(result_page_body(page))
        return
    for article in page.articles:
        _show_row(article)
    if not page.articles:
        click.echo("no article matches")
    if not page.exact:
        click.echo(_describe_bound(page, parsed_query))
    if page.next_cursor is not None:
        click.echo(f"more results: --cursor {encode_cursor(page.next_cursor)}")


def _describe_bound(page: stored.ResultPage, query: ArticleQuery) -> str:
    """Return the reason why articles may be missing from a page."""
    if query.sort is Sort.RELEVANCE:
        return f"ranked: the newest matches, back to {timestamp(page.since)}; older ones are not compared"
    return f"not complete before {timestamp(page.since)}; `ingest status` shows whether articles wait to be indexed"


def _show_row(article: stored.ArticleRow) -> None:
    topics = click.style(f"  [{', '.join(article.topics)}]" if article.topics else "", fg="green")
    title = clean(article.title) if article.title_fragments is None else snippet(article.title_fragments)
    click.echo(click.style(title or "(no title)", bold=True))
    click.echo(f"    {timestamp(article.sort_at)}  {clean(article.source)}{topics}")
    if article.snippet is not None:
        click.echo(f"    {snippet(article.snippet)}")
    click.echo(f"    {article.id}  {clean(article.url)}")


@articles.command(name="show")
@click.argument("name", metavar=ARTICLE_NAME)
@click.option("--before", type=click.IntRange(min=1), help="Show revisions below this number.")
@click.option("--removed", "with_removed", is_flag=True, help="Show the boilerplate that was removed, too.")
@json_option
@click.pass_obj
def show_article(
    settings: Settings, *, name: str, before: int | None, with_removed: bool, as_json: bool
) -> None:
    """Show one article: revisions, matches, sightings.

    --removed shows the lines that are no part of the text, each with the rule that removed it. --json has them always.

    \b
    Examples:
      ingest articles show 4f0c2a1e-90d3-5c1b-8a55-0b4e5a1f7d21
      ingest articles show https://example.org/news/1 --json
      ingest articles show https://example.org/news/1 --removed
    """
    with app.open_database(settings, name=NAME) as engine:
        history = require_article(engine, name, before=before)
    if as_json:
        print_json_line(history)
        return
    for line in describe_history(history):
        click.echo(line)
    for revision in history.revisions:
        _show_revision(revision, with_removed=with_removed)


def _show_revision(revision: Revision, *, with_removed: bool) -> None:
    state = "current" if revision.current else "superseded"
    click.echo()
    number = click.style(f"Revision {revision.number}", bold=True)
    click.echo(f"{number}, {state}, seen {timestamp(revision.seen_at)}")
    click.echo(f"  {clean(revision.title)}")
    if revision.authors:
        click.echo(f"  by {clean(', '.join(revision.authors))}")
    if revision.attribution is not None:
        click.echo(f"  attribution: {clean(str(revision.attribution.get('evidence', '')))}")
        for credit in revision.attribution.get("credits", ()):
            credited = f"{credit['agency']} ({credit['role']}): {credit['evidence']}"
            click.echo(f"  agency: {clean(credited)}")
    for paragraph in revision.text.splitlines():
        click.echo(f"    {clean(paragraph)}")
    for line in revision.removed if with_removed else ():
        click.echo(click.style(f"    removed ({clean(line['rule'])}): {clean(line['text'])}", fg="yellow"))


@articles.command(name="reindex")
@click.pass_obj
def reindex_articles(settings: Settings) -> None:
    """Index the articles that searches do not find yet.

    `ingest consume` does so by itself, in the background. After an upgrade of a large database this command is faster,
    because it does not pause. Stop it at any time: the next run continues.

    \b
    Example:
      ingest articles reindex
    """
    stop = Stop()
    stop.install_signal_handlers()
    with app.open_database(settings, name="ingest articles reindex") as engine:
        waiting = count_unindexed(engine)

        def show(indexed: int) -> None:
            click.echo(f"indexed {indexed} of {max(waiting, indexed)} articles", err=True)

        indexed = reindex(engine, stop, progress=show)
        if indexed is None:
            click.echo(f"another process is indexing; {waiting} articles wait")
            return
        left = count_unindexed(engine)
    click.echo(f"indexed {indexed} articles" + (f"; {left} wait" if left else ""))


@click.command()
@click.argument("url")
@json_option
@click.pass_obj
def explain(settings: Settings, *, url: str, as_json: bool) -> None:
    """Explain what happened to URL, from poll to stream.

    When it was seen, by which poll, whether it was stored, merged or quarantined, why it matched, and where it was
    delivered. The exit code is 1 for a URL that was never seen.

    \b
    Example:
      ingest explain https://example.org/news/1
    """
    with app.open_database(settings, name="ingest explain") as engine:
        ledger = read_ledger(engine, read_text("URL", url))
    if as_json:
        print_json_line(ledger_body(ledger))
    else:
        for line in describe_ledger(ledger):
            click.echo(line)
    if not ledger.is_recorded:
        raise SystemExit(1)


commands: tuple[click.Command, ...] = (articles, explain)
