"""Pages and forms: the other two verbs of the fetcher, under every guard of the first."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from urllib.parse import parse_qsl

import pytest

from ingest.demo.feeds import WorldFeed
from ingest.demo.responses import Fault
from ingest.demo.responses import HttpResponse as Said
from ingest.demo.world import FeedWorld
from ingest.fetch import Fetcher, Limits
from ingest.types import Failed, FailureKind, PostResponse, WebPage
from tests.feedworld import faults
from tests.fetch.conftest import BODY, LIMITS, NOW, USER_AGENT, ask
from tests.fetch.test_fetch import BROKEN

PLAIN = "text/plain, */*;q=0.5"
FORM = {"hub.mode": "subscribe", "hub.topic": "https://example.org/ä?a=1&b=2", "hub.secret": "s e c"}


def get(
    url: str, *, accept: str = PLAIN, limits: Limits | None = None, private: bool = True
) -> WebPage | Failed:
    return ask(lambda each: each.get(url, accept=accept, now=NOW, limits=limits), private=private)


def post(url: str, *, limits: Limits | None = None, private: bool = True) -> PostResponse | Failed:
    return ask(lambda each: each.post(url, form=FORM, now=NOW, limits=limits), private=private)


BOTH: dict[str, Callable[[str], Callable[[Fetcher], Awaitable[WebPage | PostResponse | Failed]]]] = {
    "get": lambda url: lambda each: each.get(url, accept=PLAIN, now=NOW),
    "post": lambda url: lambda each: each.post(url, form=FORM, now=NOW),
}


@pytest.fixture
def page(world: FeedWorld) -> WorldFeed:
    page = world.feed("/robots.txt")
    page.publish(
        b"User-agent: *\nDisallow: /private\n" * 100, "text/plain", headers={"Cache-Control": "max-age=60"}
    )
    return page


def hub(world: FeedWorld, *, host: str | None = None, said: Said | None = None) -> WorldFeed:
    """A page that takes forms."""
    made = world.feed("/hub", host=host)
    made.respond_with(
        lambda _request: said or Said(status=202, headers=(("Content-Type", "text/plain"),), body=b"yes")
    )
    return made


def test_a_page_comes_whole_with_what_its_readers_need(page: WorldFeed) -> None:
    page.publish(
        b"x",
        "text/html; charset=utf-8",
        headers={"Cache-Control": "max-age=60", "Link": '</feed>; rel="alternate"', "X-Other": "x"},
        etag='"1"',
    )
    result = get(page.url)
    assert isinstance(result, WebPage)
    assert (result.url, result.status, result.body) == (page.url, 200, b"x")
    assert (result.content_type, result.moved_to) == ("text/html; charset=utf-8", None)
    assert result.headers["link"] == '</feed>; rel="alternate"'
    assert result.headers["etag"] == '"1"'
    assert "x-other" not in result.headers


def test_a_page_is_asked_for_as_its_reader_says_and_without_conditions(page: WorldFeed) -> None:
    get(page.url)
    (request,) = page.requests
    assert request.method == "GET"
    assert set(request.headers) == {"host", "user-agent", "accept", "accept-encoding"}
    assert (request.headers["accept"], request.headers["user-agent"]) == (PLAIN, USER_AGENT)


@pytest.mark.parametrize("status", [200, 204])
def test_a_page_may_be_empty(page: WorldFeed, status: int) -> None:
    """A robots.txt without a word allows everything."""
    page.publish(b"", "text/plain", status=status)
    result = get(page.url)
    assert isinstance(result, WebPage)
    assert (result.status, result.body) == (status, b"")


@pytest.mark.parametrize("status", [304, 400, 401, 403, 404, 410, 429, 500, 503])
def test_a_page_that_is_refused_is_a_failure_with_its_status(page: WorldFeed, status: int) -> None:
    page.fail_next(faults.status(status, headers={"Retry-After": "7"}, body=b"no"))
    result = get(page.url)
    assert isinstance(result, Failed)
    assert (result.kind, result.status, result.url) == (FailureKind.STATUS, status, page.url)
    assert result.retry_after == timedelta(seconds=7)


def test_a_page_behind_redirects_says_where_it_is(world: FeedWorld, page: WorldFeed) -> None:
    world.feed("/old").redirect(page.url, status=301)
    world.feed("/now").redirect(page.url, status=302)
    moved, sent = get(world.feed("/old").url), get(world.feed("/now").url)
    assert isinstance(moved, WebPage)
    assert isinstance(sent, WebPage)
    assert (moved.url, moved.moved_to) == (page.url, page.url)
    assert (sent.url, sent.moved_to) == (page.url, None)


def test_a_page_in_the_wrong_coding_is_asked_for_once_more(page: WorldFeed) -> None:
    page.publish(b"<html>here</html>", "text/html")
    page.fail_always(faults.says_coding("gzip"))
    assert isinstance(get(page.url), WebPage)
    assert [request.headers["accept-encoding"] for request in page.requests][1] == "identity"


@pytest.mark.parametrize("case", [case for case in BROKEN if case not in {"no bytes", "no content"}])
@pytest.mark.parametrize("verb", BOTH)
def test_what_breaks_a_feed_breaks_the_others_alike(
    world: FeedWorld, page: WorldFeed, verb: str, case: str
) -> None:
    fault, kind = BROKEN[case]
    page.publish(BODY)
    page.fail_always(fault)
    result = ask(BOTH[verb](page.url))
    assert isinstance(result, Failed)
    assert result.kind is kind


@pytest.mark.parametrize("fault", [faults.stall(), faults.stall(after=100), faults.drip()])
@pytest.mark.parametrize("verb", BOTH)
def test_one_deadline_stands_over_all_verbs(page: WorldFeed, fault: Fault, verb: str) -> None:
    page.publish(BODY, codings=())
    page.fail_always(fault)
    result = ask(BOTH[verb](page.url), limits=Limits(deadline=timedelta(seconds=0.5)))
    assert isinstance(result, Failed)
    assert (result.kind, result.detail) == (FailureKind.TIMEOUT, "not completed within 0.5 s")


@pytest.mark.parametrize("verb", BOTH)
def test_no_verb_connects_inwards(world: FeedWorld, page: WorldFeed, verb: str) -> None:
    before = world.connections_opened
    for host in ("127.0.0.1", "localhost", "2130706433", "[::ffff:127.0.0.1]"):
        result = ask(BOTH[verb](f"http://{host}:{world.port}/robots.txt"), private=False)
        assert isinstance(result, Failed)
        assert result.kind is FailureKind.ADDRESS
    assert world.connections_opened == before


@pytest.mark.parametrize("verb", BOTH)
def test_no_verb_is_led_inwards(
    world: FeedWorld, page: WorldFeed, verb: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ingest.fetch import addresses as module

    door = world.feed("/door", host="127.0.0.2")
    door.redirect(page.url, status=307)
    real = module.address_refusal
    monkeypatch.setattr(
        module, "address_refusal", lambda address: None if address == "127.0.0.2" else real(address)
    )
    result = ask(BOTH[verb](door.url), private=False)
    assert isinstance(result, Failed)
    assert result.kind is FailureKind.ADDRESS
    assert (door.request_count, page.request_count) == (1, 0)


def test_a_page_beyond_its_own_cap_is_a_failure(page: WorldFeed) -> None:
    result = get(page.url, limits=Limits(max_bytes=1000))
    assert isinstance(result, Failed)
    assert result.kind is FailureKind.TOO_LARGE


def test_cookies_of_pages_and_hubs_are_neither_kept_nor_sent(world: FeedWorld, page: WorldFeed) -> None:
    page.publish(b"x", headers={"Set-Cookie": "id=1; Path=/"})

    async def twice(fetcher: Fetcher) -> None:
        for verb in BOTH.values():
            await verb(page.url)(fetcher)
            await verb(page.url)(fetcher)

    ask(twice)
    assert page.request_count == 4
    for request in page.requests:
        assert not {"cookie", "referer"} & set(request.headers)


def test_a_form_goes_as_a_hub_reads_it(world: FeedWorld) -> None:
    made = hub(world)
    result = post(made.url)
    assert isinstance(result, PostResponse)
    assert (result.url, result.status, result.body) == (made.url, 202, b"yes")
    assert result.content_type == "text/plain"
    (request,) = made.requests
    assert request.method == "POST"
    assert request.headers["content-type"] == "application/x-www-form-urlencoded"
    assert dict(parse_qsl(request.body.decode("ascii"), strict_parsing=True)) == FORM
    assert set(request.headers) == {
        "host", "user-agent", "accept", "accept-encoding", "content-type", "content-length",
    }  # fmt: skip


def test_what_a_hub_has_against_a_form_is_told(world: FeedWorld) -> None:
    said = b"You may only subscribe to https://example.org/feed"
    made = hub(world, said=Said(status=422, headers=(), body=said))
    result = post(made.url)
    assert isinstance(result, Failed)
    assert (result.kind, result.status, result.sample) == (FailureKind.STATUS, 422, said)


@pytest.mark.parametrize("status", [307, 308])
def test_a_form_follows_a_redirect_that_lets_it_be_one(world: FeedWorld, status: int) -> None:
    made = hub(world, host="127.0.0.2")
    world.feed("/door").redirect(made.url, status=status)
    result = post(world.feed("/door").url)
    assert isinstance(result, PostResponse)
    assert result.url == made.url
    (request,) = made.requests
    assert (request.method, dict(parse_qsl(request.body.decode()))) == ("POST", FORM)


@pytest.mark.parametrize("status", [301, 302, 303])
def test_a_form_follows_no_other(world: FeedWorld, status: int) -> None:
    made = hub(world)
    world.feed("/door").redirect(made.url, status=status)
    result = post(world.feed("/door").url)
    assert isinstance(result, Failed)
    assert (result.kind, result.status) == (FailureKind.STATUS, status)
    assert made.request_count == 0


def test_the_answer_to_a_form_is_small(world: FeedWorld) -> None:
    made = hub(world, said=Said(status=200, headers=(), body=b"x" * 64 * 1024))
    assert isinstance(post(made.url), PostResponse)
    made = hub(world, said=Said(status=200, headers=(), body=b"x" * (64 * 1024 + 1)))
    result = post(made.url)
    assert isinstance(result, Failed)
    assert result.kind is FailureKind.TOO_LARGE


@pytest.mark.parametrize("verb", BOTH)
@pytest.mark.parametrize("url", ["ftp://127.0.0.1/", "http://", "http://127.0.0.1:99999/", ""])
def test_no_verb_takes_what_is_no_web_address(verb: str, url: str) -> None:
    result = ask(BOTH[verb](url))
    assert isinstance(result, Failed)
    assert result.kind is FailureKind.ADDRESS


def test_redirects_of_all_verbs_are_counted(world: FeedWorld) -> None:
    for number in range(LIMITS.max_redirects + 1):
        world.feed(f"/{number}").redirect(f"/{number + 1}", status=308)
    for verb in BOTH.values():
        result = ask(verb(world.feed("/0").url))
        assert isinstance(result, Failed)
        assert (result.kind, result.detail) == (FailureKind.REDIRECT, "more than 5 redirects")
        assert result.status == 308
