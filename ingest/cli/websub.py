"""Subscriptions with the hubs of feeds: how they stand, and what an operator wants of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime

import click

from ingest import app, runtime
from ingest.cli.lookup import named_feed
from ingest.cli.render import clean, stands, when
from ingest.db.engine import Engine
from ingest.db.read_transaction import read_transaction
from ingest.db.websub import subscriptions as known
from ingest.db.websub.subscriptions import SubscriptionView
from ingest.errors import Refused
from ingest.jsonable import jsonable
from ingest.schedule import websub
from ingest.schedule.websub import Subscription, SubscriptionState
from ingest.settings import Settings
from ingest.types import Feed

NAME = "ingest subscriptions"

_as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group()
def subscriptions() -> None:
    """Hubs that send what feeds have new (WebSub), so that these are polled less often.

    Polls find the hubs. They are asked only with INGEST_PUBLIC_URL set.

    \b
    Examples:
      ingest subscriptions list
      ingest subscriptions renew --all
    """


@subscriptions.command("list")
@click.option("--state", help="Only those in this state.")
@_as_json
@click.pass_obj
def list_(settings: Settings, *, state: str | None, as_json: bool) -> None:
    """All subscriptions: the feed's id, how it stands, pushes, entries the hub missed, unsigned pushes, hub and feed.

    \b
    Examples:
      ingest subscriptions list --state denied
      ingest subscriptions list --json | jq '.[] | select(.missed > 0) | .hub'
    """
    if state is not None and state not in set(SubscriptionState):
        raise Refused("--state", state, f"one of {', '.join(SubscriptionState)}")
    with app.open_database(settings, name=NAME) as engine:
        found = known.list_subscriptions(engine, now=runtime.now(), state=state)
    if as_json:
        click.echo(json.dumps(jsonable(found), indent=2, ensure_ascii=False))
        return
    if settings.public_url is None:
        click.echo("no hub is asked: INGEST_PUBLIC_URL is not set", err=True)
    if not found:
        click.echo("no subscriptions; polls find the hubs of feeds that have one", err=True)
    for each in found:
        counts = f"{each.push_count} pushed, {each.missed_entries} missed, {each.invalid_pushes} dropped"
        word = "trusted" if each.reliable else f"trust {each.trust:.0%}"
        click.echo(f"{each.feed_id:>6}  {each.state:<9}  {word:<10}  {counts}  {each.hub}  {each.feed_url}")


@subscriptions.command()
@click.argument("name", metavar="URL|ID")
@_as_json
@click.pass_obj
def show(settings: Settings, name: str, *, as_json: bool) -> None:
    """The subscription of one feed.

    \b
    Example:
      ingest subscriptions show 12
    """
    with app.open_database(settings, name=NAME) as engine:
        feed = named_feed(engine, name)
        found = _known(engine, feed)
    if found is None:
        raise Refused("feed", name, "one with a subscription; `ingest subscriptions list` shows them")
    if as_json:
        click.echo(json.dumps(jsonable(found), indent=2, ensure_ascii=False))
        return
    click.echo(f"{feed.id}  {feed.url}")
    click.echo(f"hub      {clean(found.hub)}\ntopic    {clean(found.topic)}\nstands   {stands(found)}")
    click.echo(f"trust    {found.trust:.0%}, of {websub.TRUST_THRESHOLD:.0%} needed to be relied on")
    last = "" if found.last_push_at is None else f", the last {when(found.last_push_at)}"
    click.echo(f"pushed   {found.push_count} times{last}")
    click.echo(f"missed   {found.missed_entries} entries, which polls found")
    click.echo(f"dropped  {found.invalid_pushes} pushes that were not signed as agreed")


@subscriptions.command()
@click.argument("names", metavar="[URL|ID...]", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="All that are not cancelled.")
@click.pass_obj
def renew(settings: Settings, names: tuple[str, ...], *, everything: bool) -> None:
    """Ask hubs now, also those that denied us, and those that were cancelled. After INGEST_PUBLIC_URL changed: --all.

    \b
    Examples:
      ingest subscriptions renew 12
      ingest subscriptions renew --all
    """
    if everything == bool(names):
        raise Refused(
            "subscriptions to renew", " ".join(names) or None, "URLs or ids of feeds, or else --all"
        )
    if settings.public_url is None:
        raise Refused("INGEST_PUBLIC_URL", None, "the address under which hubs reach the API")
    with app.open_database(settings, name=NAME) as engine:
        if everything:
            found = known.list_subscriptions(engine, now=runtime.now())
            ids = [each.feed_id for each in found if each.state != SubscriptionState.CANCELLED]
        else:
            ids = [named_feed(engine, name).id for name in names]
        renewed = _change(engine, ids, websub.retry_now)
    click.echo(f"{renewed} asked again")


@subscriptions.command()
@click.argument("names", metavar="URL|ID...", nargs=-1, required=True)
@click.pass_obj
def cancel(settings: Settings, names: tuple[str, ...]) -> None:
    """Want nothing of the hubs of these feeds any more. They are told, and the feeds are polled as others are.

    \b
    Example:
      ingest subscriptions cancel 12
    """
    with app.open_database(settings, name=NAME) as engine:
        cancelled = _change(engine, [named_feed(engine, name).id for name in names], websub.cancel)
    click.echo(f"{cancelled} cancelled")


commands: tuple[click.Command, ...] = (subscriptions,)


def _change(engine: Engine, ids: list[int], by: Callable[..., Subscription]) -> int:
    """Of how many feeds there was a subscription to change; the others are told."""
    now: datetime = runtime.now()
    changed = 0
    for feed_id in ids:
        if known.change(engine, lambda each: by(each, now=now), feed_id=feed_id, now=now) is None:
            click.echo(
                f"feed {feed_id} has no subscription; `ingest subscriptions list` shows them", err=True
            )
        else:
            changed += 1
    return changed


def _known(engine: Engine, feed: Feed) -> SubscriptionView | None:
    with read_transaction(engine) as connection:
        return known.subscription_view(connection, feed.id, now=runtime.now())
