"""``ingest websub …``, and the hub in ``ingest feeds show``."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import Engine

from ingest.cli import root
from ingest.db import feeds
from ingest.db.websub import subscriptions
from ingest.runtime import now
from ingest.schedule import websub
from ingest.schedule.hub_offer import Offer
from ingest.schedule.websub import Subscription, SubscriptionState

pytestmark = pytest.mark.store
PUBLIC = "https://news.example.org"
FEED = "https://a.example/feed"
Ingest = Callable[..., Result]


@pytest.fixture
def ingest(database_url: str) -> Ingest:
    def run(*arguments: str, public: str | None = PUBLIC) -> Result:
        environment = {"INGEST_DATABASE_URL": database_url, "INGEST_PUBLIC_URL": public}
        return CliRunner().invoke(root, arguments, env=environment)

    return run


@pytest.fixture
def feed_id(database: Engine) -> int:
    """A feed with an active subscription."""
    for url in (FEED, "https://b.example/feed"):
        feeds.add_feed(database, url, now=now(), interval=websub.MAX_RETRY)
    found = feeds.find_feed(database, url=FEED)
    assert found is not None
    offer = Offer(hubs=("https://hub.example/",), topic=FEED)
    subscriptions.offer(database, found.id, offer, token="the-token", secret="the-secret", now=now())

    def verify(known: Subscription) -> Subscription:
        return websub.after_verification(known, "7200", now=now())

    assert subscriptions.change(database, verify, feed_id=found.id, now=now())
    return found.id


def state(database: Engine, feed_id: int) -> Subscription:
    found = subscriptions.find(database, feed_id=feed_id)
    assert found is not None
    return found


def test_subscriptions_are_listed_without_what_only_the_hub_may_know(ingest: Ingest, feed_id: int) -> None:
    listed = ingest("websub", "list")
    assert listed.exit_code == 0
    assert (
        f"{feed_id}  active     trust 50%   0 pushed, 0 missed, 0 dropped  https://hub.example/"
        in listed.stdout
    )
    told = json.loads(ingest("websub", "list", "--json").stdout)
    assert [each["feed_url"] for each in told] == [FEED]
    shown = ingest("websub", "show", FEED)
    assert "state    active until" in shown.stdout
    for output in (listed.output, json.dumps(told), shown.output):
        assert "the-token" not in output
        assert "the-secret" not in output
    assert json.loads(ingest("websub", "list", "--state", "denied", "--json").stdout) == []


def test_a_feed_shows_how_it_stands_with_its_hub_or_why_none_is_asked(ingest: Ingest, feed_id: int) -> None:
    shown = ingest("feeds", "show", str(feed_id)).stdout
    assert "hub        https://hub.example/  active until" in shown
    assert "not trusted" in shown
    assert json.loads(ingest("feeds", "show", str(feed_id), "--json").stdout)["websub"]["state"] == "active"
    without = ingest("feeds", "show", str(feed_id), public=None).stdout
    assert "hub        not used: INGEST_PUBLIC_URL is not set" in without
    assert "hub  " not in ingest("feeds", "show", "https://b.example/feed").stdout


def test_renewing_asks_now_and_cancelling_asks_no_more(
    ingest: Ingest, feed_id: int, database: Engine
) -> None:
    assert ingest("websub", "renew", "--all").stdout == "1 renewed\n"
    renewed = state(database, feed_id)
    assert renewed.state is SubscriptionState.ACTIVE
    assert renewed.next_try_at is not None
    assert renewed.next_try_at <= now()
    assert ingest("websub", "cancel", str(feed_id)).stdout == "1 cancelled\n"
    assert state(database, feed_id).state is SubscriptionState.CANCELLED
    assert ingest("websub", "renew", "--all").stdout == "0 renewed\n"
    assert ingest("websub", "renew", FEED).stdout == "1 renewed\n"
    assert state(database, feed_id).state is SubscriptionState.WANTED
    without = ingest("websub", "cancel", "https://b.example/feed")
    assert without.stdout == "0 cancelled\n"
    assert without.stderr == "feed 2 has no subscription; `ingest websub list` shows all of them\n"


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("list", "--state", "asleep"), "wanted, pending, active, denied, lapsed, cancelled"),
        (("show", "https://b.example/feed"), "a feed with a subscription"),
        (("show", "99"), "the id or URL of a registered feed"),
        (("renew",), "or else --all"),
        (("renew", "1", "--all"), "or else --all"),
    ],
)
def test_what_cannot_be_done_is_refused(
    ingest: Ingest, feed_id: int, arguments: tuple[str, ...], named: str
) -> None:
    refused = ingest("websub", *arguments)
    assert refused.exit_code == 2
    assert named in refused.stderr


def test_without_a_public_address_nothing_can_be_renewed(ingest: Ingest, feed_id: int) -> None:
    refused = ingest("websub", "renew", "--all", public=None)
    assert refused.exit_code == 2
    assert "INGEST_PUBLIC_URL" in refused.stderr


@pytest.mark.parametrize(
    "value",
    [
        "news.example.org",
        "ftp://news.example.org",
        "https://",
        "https://a.example/?x",
        "https://u@a.example",
        "",
    ],
)
def test_a_public_address_that_is_none_is_refused(ingest: Ingest, value: str) -> None:
    refused = ingest("websub", "list", public=value)
    assert refused.exit_code == 2
    assert "INGEST_PUBLIC_URL" in refused.stderr
