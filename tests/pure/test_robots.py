"""robots.txt: tables of RFC 9309, and hostile files."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from ingest.robots import (
    CACHE_LIFETIME,
    MAX_BYTES,
    MAX_CRAWL_DELAY,
    UNREACHABLE_LIFETIME,
    Robots,
    judge,
    product_tokens,
    read_robots,
)
from ingest.types import Failed, FailureKind, WebPage
from tests.speed import cpu_limit

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
NAMES = frozenset({"news-ingest"})
SITE = "https://a.example"


def robots(body: str | bytes) -> Robots:
    raw = body if isinstance(body, bytes) else body.encode()
    rules, delay = read_robots(raw, names=NAMES)
    return Robots(expires_at=NOW, rules=rules, crawl_delay=delay)


ALLOWED: dict[str, tuple[str, dict[str, bool]]] = {
    "nothing is asked": ("", {"/": True}),
    "an empty rule asks nothing": ("User-agent: *\nDisallow:", {"/a": True}),
    "a prefix": ("User-agent: *\nDisallow: /news/", {"/news/1": False, "/news": True, "/": True}),
    "the longest rule counts": (
        "User-agent: *\nDisallow: /news/\nAllow: /news/open\nDisallow: /news/open/shut",
        {"/news/a": False, "/news/open/a": True, "/news/open/shut/a": False},
    ),
    "of two as long the one that allows": (
        "User-agent: *\nDisallow: /page\nAllow: /page",
        {"/page": True},
    ),
    "and in the other order": ("User-agent: *\nAllow: /page\nDisallow: /page", {"/page": True}),
    "a star stands for anything": (
        "User-agent: *\nDisallow: /*/print\nDisallow: *.pdf$",
        {"/a/b/print": False, "/print": True, "/a.pdf": False, "/a.pdf?x=1": True},
    ),
    "a dollar ends the path": ("User-agent: *\nDisallow: /a$", {"/a": False, "/ab": True}),
    "a pattern of stars alone is everything": ("User-agent: *\nDisallow: ***", {"/a": False}),
    "one part of a path is not used twice": ("User-agent: *\nDisallow: /ab*ba$", {"/aba": True, "/abba": False}),
    "the query belongs to it": ("User-agent: *\nDisallow: /*?print=", {"/a?print=1": False, "/a": True}),
    "robots.txt itself may be fetched": ("User-agent: *\nDisallow: /", {"/robots.txt": True, "/a": False}),
    "case counts in paths": ("User-agent: *\nDisallow: /News", {"/news": True, "/News": False}),
    "escapes are one spelling": (
        "User-agent: *\nDisallow: /caf%c3%a9\nDisallow: /%7euser\nDisallow: /ü",
        {"/caf%C3%A9": False, "/~user": False, "/%C3%BC": False},
    ),
    "our own group and not everybody's": (
        "User-agent: *\nDisallow: /\n\nUser-agent: news-ingest\nDisallow: /closed",
        {"/a": True, "/closed/a": False},
    ),
    "in any case, and with a version": (
        "User-agent: News-Ingest/2.0\nDisallow: /closed\nUser-agent: *\nDisallow: /",
        {"/a": True, "/closed": False},
    ),
    "a name is whole: others that begin like ours are others": (
        "User-agent: news\nDisallow: /\nUser-agent: news-ingest-pro\nDisallow: /\nUser-agent: ingest\nDisallow: /",
        {"/a": True},
    ),
    "several groups that name us are one": (
        ("User-agent: news-ingest\nDisallow: /a\n\nUser-agent: other\nDisallow: /\n\n"
        "User-agent: news-ingest\nDisallow: /b"),
        {"/a": False, "/b": False, "/c": True},
    ),
    "one group may name several": (
        "User-agent: other\nUser-agent: news-ingest\nDisallow: /a\nUser-agent: *\nDisallow: /",
        {"/a": False, "/b": True},
    ),
    "other lines do not end a group": (
        "User-agent: news-ingest\nSitemap: https://a.example/s.xml\nDisallow: /a\nHost: a\nDisallow: /b",
        {"/a": False, "/b": False},
    ),
    "comments, white space and any line end": (
        "\ufeffUser-agent : *  # all\r\n  Disallow :/a # this\rDisallow: /b",
        {"/a": False, "/b": False, "/c": True},
    ),
    "rules before any group are nobody's": ("Disallow: /\nUser-agent: *\nDisallow: /a", {"/b": True, "/a": False}),
    "a page instead of it asks nothing": ("<!doctype html><p>Not here: sorry</p>", {"/a": True}),
}  # fmt: skip


@pytest.mark.parametrize("case", ALLOWED)
def test_what_may_be_fetched(case: str) -> None:
    body, paths = ALLOWED[case]
    found = robots(body)
    assert {path: found.allows(SITE + path) for path in paths} == paths


def test_an_address_without_a_path_is_the_front_page() -> None:
    assert not robots("User-agent: *\nDisallow: /$").allows(SITE)


DELAYS: dict[str, tuple[str, float | None]] = {
    "none": ("User-agent: *\nDisallow: /a", None),
    "everybody's": ("User-agent: *\nCrawl-delay: 10", 10),
    "a fraction": ("User-agent: *\nCrawl-delay: 0.5", 0.5),
    "ours goes before everybody's": (
        "User-agent: *\nCrawl-delay: 30\nUser-agent: news-ingest\nCrawl-delay: 2",
        2,
    ),
    "ours without one is none": ("User-agent: *\nCrawl-delay: 30\nUser-agent: news-ingest\nDisallow: /a", None),
    "another's": ("User-agent: other\nCrawl-delay: 30", None),
    "a day": ("User-agent: *\nCrawl-delay: 86400", MAX_CRAWL_DELAY.total_seconds()),
    "a number beyond all": ("User-agent: *\nCrawl-delay: 1e300", MAX_CRAWL_DELAY.total_seconds()),
    "none that is one": (
        "User-agent: *\nCrawl-delay: soon\nCrawl-delay: -3\nCrawl-delay: nan\nCrawl-delay: inf\nCrawl-delay: 0",
        None,
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", DELAYS)
def test_how_long_a_host_asks_to_wait(case: str) -> None:
    body, seconds = DELAYS[case]
    assert robots(body).crawl_delay == (None if seconds is None else timedelta(seconds=seconds))


def failed(kind: FailureKind, status: int | None = None) -> Failed:
    return Failed(kind=kind, detail="…", status=status)


ANSWERS: dict[str, tuple[Failed, bool, timedelta]] = {
    "404": (failed(FailureKind.STATUS, 404), True, CACHE_LIFETIME),
    "403": (failed(FailureKind.STATUS, 403), True, CACHE_LIFETIME),
    "too many redirects": (failed(FailureKind.REDIRECT, 301), True, CACHE_LIFETIME),
    "429": (failed(FailureKind.STATUS, 429), False, UNREACHABLE_LIFETIME),
    "500": (failed(FailureKind.STATUS, 500), False, UNREACHABLE_LIFETIME),
    "503": (failed(FailureKind.STATUS, 503), False, UNREACHABLE_LIFETIME),
    "no name": (failed(FailureKind.DNS), False, UNREACHABLE_LIFETIME),
    "nobody answers": (failed(FailureKind.TIMEOUT), False, UNREACHABLE_LIFETIME),
    "too large": (failed(FailureKind.TOO_LARGE, 200), False, UNREACHABLE_LIFETIME),
}


@pytest.mark.parametrize("case", ANSWERS)
def test_what_follows_where_there_is_no_robots_txt(case: str) -> None:
    answer, allowed, believed = ANSWERS[case]
    found = judge(answer, names=NAMES, now=NOW)
    assert (found.allows(SITE + "/a"), found.expires_at - NOW) == (allowed, believed)


def test_an_answer_is_believed_for_a_day() -> None:
    page = WebPage(url=SITE, status=200, body=b"User-agent: *\nDisallow: /a", content_type="text/plain")
    found = judge(page, names=NAMES, now=NOW)
    assert not found.allows(SITE + "/a")
    assert (found.expires_at, found.status) == (NOW + CACHE_LIFETIME, 200)


def test_we_are_called_by_our_own_name_and_by_that_of_the_operators_user_agent() -> None:
    assert product_tokens("Acme-Reader/2 (+https://acme.example)") == {"news-ingest", "acme-reader"}
    assert product_tokens("news-ingest/1.0") == {"news-ingest"}
    assert product_tokens("(unknown)") == {"news-ingest"}


def test_the_first_half_megabyte_is_read_and_no_more() -> None:
    filler = "# filler\n" * ((MAX_BYTES - 100) // 9)
    body = f"User-agent: *\nDisallow: /a\n{filler}" + "\n" * 100 + "Disallow: /b\n"
    assert robots(body).allows(SITE + "/b")
    assert not robots(body).allows(SITE + "/a")


def test_a_line_that_the_half_megabyte_cuts_is_no_rule() -> None:
    start = "User-agent: *\nDisallow: /a\n# "
    last = "\nDisallow: /"
    body = start + "x" * (MAX_BYTES - len(start) - len(last)) + last + "search\n"
    assert body[:MAX_BYTES].endswith("Disallow: /")
    assert robots(body).allows(SITE + "/b")
    assert not robots(body).allows(SITE + "/a")


@pytest.mark.parametrize(
    "body",
    [
        "".join(f"User-agent: r{number}\n" for number in range(17_000)) + "Disallow: /a\n" * 20_000,
        "User-agent: *\n" + "Disallow: *a*b*c*d*e*f$\n" * 20_000,
        "User-agent: *\n" + "Disallow: " + "*a" * 240_000,
    ],
    ids=["thousands of names times thousands of rules", "thousands of wildcards", "one rule of wildcards"],
)
def test_a_file_made_to_cost_costs_little(body: str) -> None:
    with cpu_limit(3):
        found = robots(body)
        found.allows(SITE + "/" + "abcde" * 1_600)
