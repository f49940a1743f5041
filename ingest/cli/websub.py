"""``ingest websub``: subscriptions with the hubs of feeds."""

from __future__ import annotations

import click

from ingest import app, runtime
from ingest.cli.output import (
    feed_names_argument,
    json_option,
    optional_feed_names_argument,
    print_json,
)
from ingest.cli.render import clean, subscription_text, timestamp
from ingest.errors import Refused
from ingest.schedule.websub import TRUST_THRESHOLD
from ingest.settings import Settings
from ingest.usecases import websub as usecases

NAME = "ingest websub"


@click.group()
def websub() -> None:
    """List and change subscriptions with WebSub hubs.

    A hub sends the new entries of a feed, so that the feed is polled less often. Polls discover hubs. Subscriptions are
    requested only while INGEST_PUBLIC_URL is set.

    \b
    Examples:
      ingest websub list
      ingest websub renew --all
    """


@websub.command("list")
@click.option("--state", help="List only subscriptions in this state.")
@json_option
@click.pass_obj
def list_(settings: Settings, *, state: str | None, as_json: bool) -> None:
    """List subscriptions: feed id, state, pushes, hub, feed.

    Counted are pushes, entries that the hub missed, and pushes that were dropped because of their signature.

    \b
    Examples:
      ingest websub list --state denied
      ingest websub list --json | jq '.[] | select(.missed_entries > 0) | .hub'
    """
    listed_state = None if state is None else usecases.read_state("--state", state)
    with app.open_database(settings, name=NAME) as engine:
        listed = usecases.list_subscriptions(engine, now=runtime.now(), state=listed_state)
    if as_json:
        print_json(listed)
        return
    if settings.public_url is None:
        click.echo("no hub is used: INGEST_PUBLIC_URL is not set", err=True)
    if not listed:
        click.echo("no subscriptions; polls discover the hubs of feeds", err=True)
    for each in listed:
        counts = f"{each.push_count} pushed, {each.missed_entries} missed, {each.invalid_pushes} dropped"
        trust = "trusted" if each.reliable else f"trust {each.trust:.0%}"
        click.echo(f"{each.feed_id:>6}  {each.state:<9}  {trust:<10}  {counts}  {each.hub}  {each.feed_url}")


@websub.command()
@click.argument("name", metavar="URL|ID")
@json_option
@click.pass_obj
def show(settings: Settings, name: str, *, as_json: bool) -> None:
    """Show the subscription of one feed.

    \b
    Example:
      ingest websub show 12
    """
    with app.open_database(settings, name=NAME) as engine:
        feed, subscription = usecases.require_subscription(engine, name, now=runtime.now())
    if as_json:
        print_json(subscription)
        return
    click.echo(f"{feed.id}  {feed.url}")
    click.echo(f"hub      {clean(subscription.hub)}\ntopic    {clean(subscription.topic)}")
    click.echo(f"state    {subscription_text(subscription)}")
    click.echo(f"trust    {subscription.trust:.0%}; trusted from {TRUST_THRESHOLD:.0%}")
    last = "" if subscription.last_push_at is None else f", last {timestamp(subscription.last_push_at)}"
    click.echo(f"pushed   {subscription.push_count} times{last}")
    click.echo(f"missed   {subscription.missed_entries} entries, which polls found")
    click.echo(f"dropped  {subscription.invalid_pushes} pushes without a valid signature")


@websub.command()
@optional_feed_names_argument
@click.option("--all", "everything", is_flag=True, help="Renew all subscriptions that are not cancelled.")
@click.pass_obj
def renew(settings: Settings, names: tuple[str, ...], *, everything: bool) -> None:
    """Send subscription requests to hubs now.

    Denied subscriptions are requested again, too; cancelled ones only where they are named. Use --all after a change of
    INGEST_PUBLIC_URL.

    \b
    Examples:
      ingest websub renew 12
      ingest websub renew --all
    """
    if everything == bool(names):
        raise Refused(
            "subscriptions to renew", " ".join(names) or None, "URLs or ids of feeds, or else --all"
        )
    if settings.public_url is None:
        raise Refused("INGEST_PUBLIC_URL", None, "the address at which hubs reach the API")
    with app.open_database(settings, name=NAME) as engine:
        renewed = usecases.renew(engine, None if everything else names, now=runtime.now())
    _warn_without_subscription(renewed)
    click.echo(f"{len(renewed.changed)} renewed")


@websub.command()
@feed_names_argument
@click.pass_obj
def cancel(settings: Settings, names: tuple[str, ...]) -> None:
    """Unsubscribe feeds from their hubs for good.

    The feeds are polled like feeds without a hub.

    \b
    Example:
      ingest websub cancel 12
    """
    with app.open_database(settings, name=NAME) as engine:
        cancelled = usecases.cancel(engine, names, now=runtime.now())
    _warn_without_subscription(cancelled)
    click.echo(f"{len(cancelled.changed)} cancelled")


def _warn_without_subscription(result: usecases.ChangedSubscriptions) -> None:
    for feed_id in result.without_subscription:
        click.echo(f"feed {feed_id} has no subscription; `ingest websub list` shows all of them", err=True)


commands: tuple[click.Command, ...] = (websub,)
