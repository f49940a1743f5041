"""``ingest feeds``: commands that change the registry of feeds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import click

from ingest import app, runtime
from ingest.cli.feeds_opml import export_command, import_command
from ingest.cli.feeds_view import NAME, discover_command, list_command, next_poll_text, show_command
from ingest.cli.output import feed_names_argument, json_option, optional_feed_names_argument, print_json
from ingest.cli.render import clean
from ingest.cli.request_flags import CLEARED, describe_request, read_change, request_options
from ingest.db.engine import Engine
from ingest.db.status import poller_runs
from ingest.errors import Refused
from ingest.jsonable import jsonable
from ingest.settings import Settings
from ingest.types import DEFAULT_REQUEST, Evidence, RequestOptions
from ingest.usecases import feeds as usecases
from ingest.usecases.next_poll import next_polls

AUTOMATIC: Final = "auto"
IDENTITIES: Final = tuple(evidence.value for evidence in Evidence if evidence is not Evidence.TEXT)


@click.group()
def feeds() -> None:
    """Add, list and change the feeds that are polled.

    \b
    Examples:
      ingest feeds add https://example.org/news.xml
      ingest feeds import subscriptions.opml
      ingest feeds show 1
    """


@feeds.command()
@click.argument("urls", metavar="URL...", nargs=-1, required=True)
@click.option("--title", help="Title of the feed; default: the title that the feed declares.")
@click.option("--first", is_flag=True, help="Add the likeliest feed where a page declares several.")
@click.option(
    "--as-given", is_flag=True, help="Add URLs unchanged; do not look for the feeds of a front page."
)
@click.option("--tag", "tags", multiple=True, help="Tag of the feeds; may be repeated.")
@request_options
@json_option
@click.pass_obj
def add(
    settings: Settings,
    /,
    urls: tuple[str, ...],
    *,
    title: str | None,
    first: bool,
    as_given: bool,
    tags: tuple[str, ...],
    as_json: bool,
    **request_flags: Any,
) -> None:
    """Add feeds and poll them at once.

    The front page of a site (a URL without a path) is fetched first, and the feed that it declares is added instead.
    Where it declares several, none is added unless --first is set. Other URLs are added unchanged. A feed that is
    registered already stays as it is.

    \b
    Examples:
      ingest feeds add https://example.org/news.xml
      ingest feeds add https://example.org/rss --title "The Example"
      ingest feeds add https://example.org/ --first
      ingest feeds add https://example.org/news.xml --tag Asia/Korea
      ingest feeds add https://example.org/members.xml --headers-from token.txt
    """
    request = read_change(**request_flags)(DEFAULT_REQUEST)
    tag_change = usecases.read_tag_change(tags, ())
    if first and as_given:
        raise Refused("--first", "with --as-given", "only one of them, because --as-given skips discovery")
    resolved_urls = usecases.read_feed_urls(urls, title=title)
    if not as_given:
        resolved_urls = [_resolve(settings, url, take_first=first, request=request) for url in resolved_urls]
    with app.open_database(settings, name=NAME) as engine:
        added = usecases.add_feeds(
            engine,
            resolved_urls,
            title=title,
            request=request,
            tags=tag_change.added,
            now=runtime.now(),
            interval=settings.poll_interval,
        )
        _warn_without_poller(engine)
    if as_json:
        print_json([{**jsonable(each.feed), "added": each.is_new} for each in added])
        return
    for each in added:
        click.echo(f"{'added' if each.is_new else 'already there'}: {each.feed.id} {each.feed.url}")
        if not each.is_new and request != DEFAULT_REQUEST:
            hint = f"`ingest feeds set {each.feed.id}` changes them"
            click.echo(f"its request options stay as they are; {hint}", err=True)


def _resolve(settings: Settings, url: str, *, take_first: bool, request: RequestOptions) -> str:
    resolved = usecases.resolve_url(
        url,
        discover=lambda page_url: app.discover_feeds(settings, page_url, request=request),
        take_first=take_first,
        request=request,
    )
    if resolved.unchanged_reason is not None:
        click.echo(f"{url} is added unchanged: {clean(resolved.unchanged_reason)}", err=True)
    return resolved.url


@feeds.command("set")
@feed_names_argument
@request_options
@click.option(
    "--clear",
    multiple=True,
    type=click.Choice(CLEARED),
    help="Reset these options first, then apply the others.",
)
@click.option("--tag", "tags", multiple=True, help="Add this tag; may be repeated.")
@click.option("--untag", "removed_tags", multiple=True, help="Remove this tag; may be repeated.")
@click.option(
    "--identity",
    type=click.Choice([AUTOMATIC, *IDENTITIES]),
    help="Recognise entries by this evidence from now on; auto: chosen for each document.",
)
@json_option
@click.pass_obj
def set_(
    settings: Settings,
    /,
    names: tuple[str, ...],
    *,
    identity: str | None,
    tags: tuple[str, ...],
    removed_tags: tuple[str, ...],
    as_json: bool,
    **request_flags: Any,
) -> None:
    """Set tags, request options or the identity of entries.

    A tag may be a path: the tag Asia covers Asia/Korea. Options that are not named stay. Values of headers and
    passwords are stored, and never shown again.

    An entry is recognised by its guid, else its link, else title and date. A guid or link that several entries of one
    document share is passed over. --identity chooses instead; stored entries keep their articles.

    \b
    Examples:
      ingest feeds set 12 --user-agent "Example reader (ops@example.org)"
      ingest feeds set https://example.org/members.xml --headers-from token.txt
      ingest feeds set 12 --header "Accept-Language: ko" --proxy http://proxy.example.org:3128
      ingest feeds set 12 --ca-file intermediate.pem
      ingest feeds set 12 --identity title-date
      ingest feeds set 12 --clear all
      ingest feeds set 12 13 --tag Asia/Korea --untag Unsorted
    """
    change = read_change(**request_flags)
    tag_change = usecases.read_tag_change(tags, removed_tags)
    sets_options = not change.changes_nothing or tags or removed_tags
    if identity is None and not sets_options:
        raise Refused("options to set", None, "at least one option; `ingest feeds set --help` lists them")
    with app.open_database(settings, name=NAME) as engine:
        if identity is not None:
            changed = usecases.set_identity(
                engine, names, None if identity == AUTOMATIC else Evidence(identity)
            )
        if sets_options:
            changed = usecases.set_options(
                engine, names, None if change.changes_nothing else change, tags=tag_change
            )
    if as_json:
        print_json(changed)
        return
    for feed in changed:
        click.echo(f"set: {feed.id} {feed.url}")
        if feed.tags:
            click.echo(f"  tags: {', '.join(clean(tag) for tag in feed.tags)}")
        if identity is not None:
            click.echo(f"  identity   {identity}")
        for line in describe_request(feed.request_options, feed.user_agent_trial) or [
            "default request options"
        ]:
            click.echo(f"  {clean(line)}")


@feeds.command()
@feed_names_argument
@click.pass_obj
def remove(settings: Settings, names: tuple[str, ...]) -> None:
    """Stop polling feeds for good; their articles stay.

    \b
    Examples:
      ingest feeds remove 12
      ingest feeds remove https://example.org/news.xml
    """
    with app.open_database(settings, name=NAME) as engine:
        removed = usecases.remove_feeds(engine, names)
    for feed in removed:
        click.echo(f"removed: {feed.id} {feed.url}")


@feeds.command()
@feed_names_argument
@click.pass_obj
def mute(settings: Settings, names: tuple[str, ...]) -> None:
    """Stop polling feeds until they are unmuted.

    The sitemaps of an index are muted with it. Seen-sets and schedules stay.

    \b
    Example:
      ingest feeds mute 12
    """
    with app.open_database(settings, name=NAME) as engine:
        outbox = app.open_database_log(engine)
        _print_changes(
            usecases.mute_feeds(engine, names, outbox=outbox, now=runtime.now()), "muted", "already muted"
        )


@feeds.command()
@feed_names_argument
@click.pass_obj
def unmute(settings: Settings, names: tuple[str, ...]) -> None:
    """Poll muted feeds again, at once.

    The sitemaps that were muted with an index are unmuted with it.

    \b
    Example:
      ingest feeds unmute 12
    """
    with app.open_database(settings, name=NAME) as engine:
        outbox = app.open_database_log(engine)
        unmuted = usecases.unmute_feeds(engine, names, outbox=outbox, now=runtime.now())
    _print_changes(unmuted, "unmuted", "not muted")


@feeds.command("confirm-site")
@feed_names_argument
@click.pass_obj
def confirm_site(settings: Settings, names: tuple[str, ...]) -> None:
    """Confirm that a feed changed sites on purpose.

    A feed whose content looks like another site's is degraded until an operator confirms the change.

    \b
    Example:
      ingest feeds confirm-site 12
    """
    with app.open_database(settings, name=NAME) as engine:
        outbox = app.open_database_log(engine)
        confirmed = usecases.confirm_sites(engine, names, outbox=outbox, now=runtime.now())
    _print_changes(confirmed, "confirmed", "nothing to confirm")


def _print_changes(feeds_changed: Sequence[usecases.ChangedFeed], done: str, nothing: str) -> None:
    for each in feeds_changed:
        click.echo(f"{done if each.changed else nothing}: {each.feed.id} {each.feed.url}")


@feeds.command("full-text")
@click.argument("state", metavar="on|off", type=click.Choice(["on", "off"]))
@feed_names_argument
@click.pass_obj
def full_text(settings: Settings, state: str, names: tuple[str, ...]) -> None:
    """Fetch the pages of a feed's future articles, or stop.

    Articles are stored with their feed's text at once. The text of a page is stored as a revision where it extends that
    text. robots.txt, Crawl-delay and the rate limit of the page's host are respected.

    \b
    Examples:
      ingest feeds full-text on https://example.org/news.xml
      ingest feeds full-text off 12
    """
    with app.open_database(settings, name=NAME) as engine:
        changed = usecases.set_full_text(engine, names, enabled=state == "on")
    for feed in changed:
        click.echo(f"full text {state}: {feed.id} {feed.url}")


@feeds.command()
@optional_feed_names_argument
@click.option("--all", "everything", is_flag=True, help="Refresh all feeds.")
@click.pass_obj
def refresh(settings: Settings, names: tuple[str, ...], *, everything: bool) -> None:
    """Poll feeds now, as soon as rate limits allow.

    A feed is not polled sooner than INGEST_POLL_INTERVAL_MIN after its last poll, before the end of a Retry-After, or
    beyond the rate limit of its host, and not while it is muted. For named feeds the time of the next poll is printed.

    \b
    Examples:
      ingest feeds refresh https://example.org/news.xml
      ingest feeds refresh --all
    """
    if everything == bool(names):
        raise Refused("feeds to refresh", " ".join(names) or None, "URLs or ids, or else --all")
    with app.open_database(settings, name=NAME) as engine:
        now = runtime.now()
        refreshed = usecases.refresh_feeds(
            engine,
            None if everything else names,
            now=now,
            spacing=settings.poll_interval_min,
            limits=app.time_limits(settings),
            outbox=app.open_database_log(engine),
        )
        polls = next_polls(engine, refreshed.feeds, limits=app.host_limits(settings), now=now)
        _warn_without_poller(engine)
    click.echo(f"{refreshed.rescheduled} polled sooner")
    for feed in refreshed.feeds:
        click.echo(f"{feed.id} {feed.url}  next poll {next_poll_text(polls[feed.id])}")


def _warn_without_poller(engine: Engine) -> None:
    if not poller_runs(engine, now=runtime.now()):
        click.echo("no poller is running; start one with `ingest up` or `ingest poll`", err=True)


for _command in (discover_command, list_command, show_command, import_command, export_command):
    feeds.add_command(_command)

commands: tuple[click.Command, ...] = (feeds,)
