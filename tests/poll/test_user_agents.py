"""A server that refuses our user agent: one trial of the fall-back, and its stored result."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from ingest.db.feed_requests import set_request_options
from ingest.demo.feeds import WorldFeed
from ingest.demo.responses import HttpResponse, Request
from ingest.demo.world import FeedWorld
from ingest.schedule import Policy, decide_outcome
from ingest.schedule.user_agents import RETRY_AFTER, next_trial, user_agent_for
from ingest.types import (
    Failed,
    FailureKind,
    FetchResult,
    Lease,
    NotModified,
    PollResult,
    RequestOptions,
    UserAgentState,
    UserAgentTrial,
)
from tests.memories import make_lease, memory_with
from tests.poll.conftest import Desk, rss

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
OLD, YOUNG = NOW - RETRY_AFTER, NOW - RETRY_AFTER + timedelta(seconds=1)
OTHER = "Mozilla/5.0 (compatible; news-ingest-tests/1; +https://example.org/bot)"

FINE = NotModified(url="https://a.example/", etag=None, last_modified=None)
FORBIDDEN = Failed(kind=FailureKind.STATUS, detail="403", status=403)
HTML = Failed(kind=FailureKind.NOT_A_FEED, detail="HTML", status=200)
BROKEN = Failed(kind=FailureKind.STATUS, detail="500", status=500)
SLOW = Failed(kind=FailureKind.TIMEOUT, detail="slow")
CHALLENGED = Failed(kind=FailureKind.CHALLENGED, detail="403: a challenge", status=403)


def lease(trial: UserAgentTrial | None, *, user_agent: str | None = None) -> Lease:
    options = RequestOptions(user_agent=user_agent)
    return make_lease(etag='"x"', user_agent_trial=trial, request_options=options)


def agent(use: UserAgentState, since: datetime = NOW) -> UserAgentTrial:
    return UserAgentTrial(state=use, since=since)


TRYING, FALLBACK, NEITHER = UserAgentState
MOVES: list[tuple[str, UserAgentTrial | None, FetchResult, str | None, UserAgentTrial | None]] = [
    # case, stored trial before, end of the poll, how the poll ends; asked as, remembered then
    ("all is well", None, FINE, None, None),
    ("ours is refused", None, FORBIDDEN, None, agent(TRYING)),
    ("ours gets a page", None, HTML, None, agent(TRYING)),
    ("a server's trouble is no refusal", None, BROKEN, None, None),
    ("nor is silence", None, SLOW, None, None),
    ("nor a challenge", None, CHALLENGED, None, None),
    ("the other is taken", agent(TRYING, YOUNG), FINE, OTHER, agent(FALLBACK)),
    ("the other is refused as well", agent(TRYING, YOUNG), FORBIDDEN, OTHER, agent(NEITHER)),
    ("the try told nothing", agent(TRYING, YOUNG), SLOW, OTHER, agent(TRYING, YOUNG)),
    ("a try that comes late is one still", agent(TRYING, OLD), FINE, OTHER, agent(FALLBACK)),
    ("what worked is kept", agent(FALLBACK, YOUNG), FINE, OTHER, agent(FALLBACK, YOUNG)),
    ("trouble does not change that", agent(FALLBACK, YOUNG), BROKEN, OTHER, agent(FALLBACK, YOUNG)),
    ("what worked is refused: begin anew", agent(FALLBACK, YOUNG), FORBIDDEN, OTHER, None),
    ("after a month ours is tried, and taken", agent(FALLBACK, OLD), FINE, None, None),
    ("or refused: another month", agent(FALLBACK, OLD), HTML, None, agent(FALLBACK)),
    ("or told nothing", agent(FALLBACK, OLD), SLOW, None, agent(FALLBACK, OLD)),
    ("both were refused: ours it is", agent(NEITHER, YOUNG), FORBIDDEN, None, agent(NEITHER, YOUNG)),
    ("after a month the other is tried again", agent(NEITHER, OLD), FORBIDDEN, None, agent(TRYING)),
    ("the feed came back", agent(NEITHER, YOUNG), FINE, None, None),
]


@pytest.mark.parametrize(
    ("agent", "result", "asked_as", "then"), [each[1:] for each in MOVES], ids=[e[0] for e in MOVES]
)
def test_which_user_agent_a_feed_is_asked_with(
    agent: UserAgentTrial | None, result: FetchResult, asked_as: str | None, then: UserAgentTrial | None
) -> None:
    given = lease(agent)
    assert user_agent_for(given, fallback=OTHER, now=NOW) == asked_as
    assert next_trial(given, result, fallback=OTHER, now=NOW) == then


@pytest.mark.parametrize("before", [None, agent(TRYING), agent(FALLBACK), agent(NEITHER)])
@pytest.mark.parametrize("result", [FINE, FORBIDDEN, HTML])
def test_without_a_fall_back_there_is_nothing_to_remember(
    before: UserAgentTrial | None, result: FetchResult
) -> None:
    assert user_agent_for(lease(before), fallback=None, now=NOW) is None
    assert next_trial(lease(before), result, fallback=None, now=NOW) is None


@pytest.mark.parametrize("before", [None, agent(TRYING), agent(FALLBACK), agent(NEITHER)])
@pytest.mark.parametrize("result", [FINE, FORBIDDEN, HTML])
def test_an_operators_user_agent_is_the_only_one(before: UserAgentTrial | None, result: FetchResult) -> None:
    given = lease(before, user_agent="Example/1")
    assert user_agent_for(given, fallback=OTHER, now=NOW) == "Example/1"
    assert next_trial(given, result, fallback=OTHER, now=NOW) is None


def test_the_try_comes_no_sooner_than_the_next_poll_would() -> None:
    with_it = decide_outcome(lease(None), FORBIDDEN, None, now=NOW, policy=Policy(fallback_user_agent=OTHER))
    without = decide_outcome(lease(None), FORBIDDEN, None, now=NOW, policy=Policy())
    assert with_it.next_poll_at == without.next_poll_at
    assert with_it.reason == f"{without.reason}; next with the fall-back user agent"
    memory = memory_with(with_it.memory, user_agent_trial=None)
    assert replace(with_it, reason="", memory=memory) == replace(without, reason="")


def picky(feed: WorldFeed, takes: Callable[[str], bool], *, refusal: int = 403) -> None:
    """Make a feed respond to accepted user agents only; others get a web page."""

    def answer(request: Request) -> HttpResponse:
        if takes(request.headers["user-agent"]):
            return HttpResponse(status=200, headers=(("Content-Type", "text/xml"),), body=rss("a"))
        page = (("Content-Type", "text/html"),)
        return HttpResponse(
            status=refusal, headers=page, body=b"<!DOCTYPE html><html><body>Welcome</body></html>"
        )

    feed.respond_with(answer)


def asked_as(feed: WorldFeed) -> list[str]:
    return ["other" if each.headers["user-agent"] == OTHER else "ours" for each in feed.requests]


@pytest.fixture
def desk(make_desk: Callable[..., Desk]) -> Desk:
    return make_desk(policy=Policy(interval=timedelta(minutes=15), fallback_user_agent=OTHER))


@pytest.mark.parametrize("refusal", [403, 200])
def test_a_feed_that_refuses_our_user_agent_is_asked_once_with_the_other_and_that_is_remembered(
    world: FeedWorld, desk: Desk, refusal: int
) -> None:
    feed = world.feed("/picky.xml")
    picky(feed, lambda said: said.startswith("Mozilla/"), refusal=refusal)
    desk.add(feed)
    desk.poll()
    assert asked_as(feed) == ["ours"]
    assert desk.last(feed).result == PollResult.FAILED
    assert desk.last(feed).reason.endswith("; next with the fall-back user agent")
    desk.poll()
    desk.poll()
    assert asked_as(feed) == ["ours", "other", "other"]
    assert desk.titles() == ["a"]
    remembered = desk.feed(feed).user_agent_trial
    assert remembered is not None
    assert remembered.state is FALLBACK
    desk.clock.pass_by(RETRY_AFTER)
    desk.poll()  # ours again; refused still
    desk.poll()
    assert asked_as(feed)[3:] == ["ours", "other"]
    picky(feed, lambda said: not said.startswith("Mozilla/"))
    desk.clock.pass_by(RETRY_AFTER)
    desk.poll()
    desk.poll()
    assert asked_as(feed)[5:] == ["ours", "ours"]
    assert desk.feed(feed).user_agent_trial is None


def test_a_feed_that_refuses_everybody_is_not_asked_under_changing_names(
    world: FeedWorld, desk: Desk
) -> None:
    feed = world.feed("/closed.xml")
    picky(feed, lambda _said: False)
    desk.add(feed)
    for _ in range(5):
        desk.poll()
    assert asked_as(feed) == ["ours", "other", "ours", "ours", "ours"]


def test_what_an_operator_set_is_what_a_poll_sends(world: FeedWorld, desk: Desk) -> None:
    feed = world.feed("/picky.xml")
    picky(feed, lambda said: said == "Example/1")
    desk.add(feed)
    desk.poll()
    desk.poll()
    options = RequestOptions(user_agent="Example/1", headers=(("X-Token", "s3cret"),))
    assert set_request_options(desk.engine, desk.feed(feed).id, lambda _before: options) == options
    assert desk.feed(feed).user_agent_trial is None
    desk.poll()
    assert desk.last(feed).result == PollResult.FETCHED
    assert feed.requests[-1].headers["x-token"] == "s3cret"


def test_other_options_ask_for_the_whole_document_once(world: FeedWorld, desk: Desk) -> None:
    """Validators may belong to the document that another client got."""
    feed = world.feed("/feed.xml")
    feed.publish(rss("a"))
    desk.add(feed)
    desk.poll()
    desk.poll()
    set_request_options(
        desk.engine, desk.feed(feed).id, lambda _before: RequestOptions(headers=(("X-A", "1"),))
    )
    desk.poll()
    desk.poll()
    assert [each.status for each in feed.requests] == [200, 304, 200, 304]
    set_request_options(desk.engine, desk.feed(feed).id, lambda before: before)  # no change, no effect
    desk.poll()
    assert feed.requests[-1].status == 304
