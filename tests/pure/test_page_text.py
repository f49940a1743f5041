"""Tables: when a page's text replaces the feed's, and the outcome of each attempt to fetch a page."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from ingest.identity import content_hash
from ingest.normalise.page_text import MIN_CHARACTERS, merge_page_text, no_better
from ingest.schedule.page_fetch import (
    MAX_REDIRECTS,
    MAX_TRIES,
    MAX_WAIT,
    RETRIES,
    PageState,
    after_failure,
    after_redirect,
    after_robots_fetch,
)
from ingest.types import Article, Failed, FailureKind
from tests.persist.articles import article

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
URL = "https://news.example/a"
TITLE = "Ferry to the islands runs again"
TEASER = "After three weeks of repairs the ferry to the islands runs again from Monday."
STORY = "\n".join(
    [
        "After three weeks of repairs the ferry to the outer islands runs again from Monday, its owner said.",
        "A propeller shaft had broken in the October storm; a spare had to be cast in a foundry on the mainland.",
        "Islanders were supplied by fishing boats meanwhile, and by helicopter when the weather let it fly.",
    ]
)
KOREAN = "섬으로 가는 여객선이 수리를 마치고 월요일부터 다시 운항한다고 선사가 밝혔다. " * 8
UKRAINIAN = "Пором до островів знову ходитиме з понеділка, повідомив його власник у суботу. " * 5
CHINESE = "前往外岛的渡轮经过三周维修后将于周一恢复航行,船东周六表示。" * 8

VERDICTS: dict[str, tuple[str, str, str, bool]] = {
    "the whole of a teaser": (TITLE, TEASER, STORY, True),
    "a feed without text": (TITLE, "", STORY, True),
    "a feed without text or title": ("", "", STORY, True),
    "the same text": (TITLE, STORY, STORY, False),
    "hardly longer": (TITLE, STORY, STORY + " Read on.", False),
    "less": (TITLE, STORY, TEASER * 3, False),
    "a few words": (TITLE, "", "x" * (MIN_CHARACTERS - 1), False),
    "a wall": (TITLE, TEASER, "Please accept cookies and subscribe to read this newspaper online. " * 20, False),
    "another article": (TITLE, TEASER, "The football club has a new trainer, who wants to win the cup. " * 20, False),
    "the feed's whole text and more": (TITLE, STORY * 3, STORY * 3 + "\nThe winter timetable is unchanged." * 40, True),
    "a long text of others": (TITLE, STORY * 3, "The islands ferry was built forty years ago in Norway. " * 60, False),
    "Korean": ("여객선 다시 운항", "섬으로 가는 여객선이 월요일부터 다시 운항한다.", KOREAN, True),
    "another language": (TITLE, TEASER, UKRAINIAN, False),
    "Chinese": ("渡轮恢复航行", "前往外岛的渡轮将于周一恢复航行。", CHINESE, True),
    "Chinese of something else": ("总统访问北京", "总统周三抵达北京,开始国事访问。", CHINESE, False),
}  # fmt: skip


@pytest.mark.parametrize("case", VERDICTS)
def test_which_page_is_better(case: str) -> None:
    title, own, found, better = VERDICTS[case]
    why = no_better(found, title=title, own=own)
    assert (why is None) is better
    assert better or why


def of_feed(text: str = TEASER, **changes: object) -> Article:
    base = replace(article(URL, title=TITLE, text=text), summary=text)
    return replace(base, **changes)  # type: ignore[arg-type]


def taken(extracted: str, of: Article) -> Article:
    found = merge_page_text(of, extracted, page_url=URL, page_id=77, seen_at=NOW)
    assert isinstance(found, Article)
    return found


def html(text: str) -> str:
    return "".join(f"<p>{line}</p>" for line in text.split("\n"))


def test_text_and_html_are_the_pages_and_all_else_the_feeds() -> None:
    own = of_feed()
    found = taken(html(STORY) + "<script>x()</script><p><a href='/map' onclick='y()'>Map</a></p>", own)
    assert found.text == f"{STORY}\nMap"
    assert '<a href="https://news.example/map"' in found.html
    assert "script" not in found.html
    assert "onclick" not in found.html
    assert found.page is not None
    assert (found.page.id, found.page.content_hash, found.sighting, own.sighting) == (
        77,
        own.content_hash,
        77,
        own.poll_id,
    )
    assert (
        found.content_hash == content_hash(TITLE, f"{TEASER}\n{found.text}", own.authors) != own.content_hash
    )
    same = replace(
        found,
        text=own.text,
        html=own.html,
        content_hash=own.content_hash,
        seen_at=own.seen_at,
        parser_version=own.parser_version,
        page=None,
    )
    assert same == own


def test_the_pages_own_headline_is_no_part_of_the_story() -> None:
    assert taken(f"<h1>Ferry is back!</h1>{html(STORY)}", of_feed()).text == STORY
    # One within the text is.
    assert "Background" in taken(f"{html(STORY)}<h1>Background</h1>{html(STORY)}", of_feed()).text


def test_what_a_page_says_of_its_origin_is_kept_unless_the_feed_said_it() -> None:
    said = "<p>This article by Jane Wirth was originally published by The Strait Review.</p>"
    found = taken(html(STORY) + said, of_feed())
    own = taken(html(STORY), of_feed())
    assert own.attribution is None
    assert found.authors == (
        ("Jane Wirth",) if found.attribution and found.attribution.author else own.authors
    )
    assert taken(html(STORY) + said, replace(own, text=TEASER)).title == TITLE


def failure(kind: FailureKind, status: int | None = None, **more: object) -> Failed:
    return Failed(kind=kind, detail="so it is", status=status, **more)  # type: ignore[arg-type]


HOUR = timedelta(hours=1)
TRIES: dict[str, tuple[Failed, int, timedelta | None]] = {
    "403 at first": (failure(FailureKind.STATUS, 403), 1, RETRIES[0]),
    "403 again": (failure(FailureKind.STATUS, 403), 2, RETRIES[1]),
    "403 once more": (failure(FailureKind.STATUS, 403), 3, RETRIES[2]),
    "403 too often": (failure(FailureKind.STATUS, 403), MAX_TRIES, None),
    "a timeout": (failure(FailureKind.TIMEOUT), 1, RETRIES[0]),
    "a challenge": (failure(FailureKind.CHALLENGED, 403), 1, RETRIES[0]),
    "gone": (failure(FailureKind.STATUS, 410), 1, None),
    "not found": (failure(FailureKind.STATUS, 404), 1, None),
    "forbidden by law": (failure(FailureKind.STATUS, 451), 1, None),
    "a picture": (failure(FailureKind.NOT_HTML, 200), 1, None),
    "too large": (failure(FailureKind.TOO_LARGE, 200), 1, None),
    "one that kills its parser": (failure(FailureKind.PARSE_LIMIT, 200), 1, HOUR),
    "one that does so again": (failure(FailureKind.PARSE_LIMIT, 200), 2, None),
    "robots say no": (failure(FailureKind.ROBOTS), 1, None),
    "robots cannot be asked": (failure(FailureKind.ROBOTS, retry_after=HOUR), 1, HOUR),
    "no better": (failure(FailureKind.NO_BETTER, 200), 1, HOUR),
    "still no better": (failure(FailureKind.NO_BETTER, 200), 2, None),
    "asked to wait": (failure(FailureKind.STATUS, 503, retry_after=2 * HOUR), 1, 2 * HOUR),
    "asked to wait for ever": (failure(FailureKind.STATUS, 503, retry_after=900 * HOUR), 1, MAX_WAIT),
}


@pytest.mark.parametrize("case", TRIES)
def test_what_follows_from_a_try_that_failed(case: str) -> None:
    failed, tries, wait = TRIES[case]
    found = after_failure(URL, failed, tries=tries, outage=False, now=NOW)
    assert found.state is (PageState.GIVEN_UP if wait is None else PageState.WAITING)
    assert found.due_at == (None if wait is None else NOW + wait)
    assert (found.tried, found.failure, found.status) == (True, failed.kind, failed.status)
    assert found.detail is not None
    assert found.detail.startswith("so it is")


def test_an_outage_of_ours_is_no_try() -> None:
    gone = failure(FailureKind.DNS, unreachable=True)
    found = after_failure(URL, gone, tries=MAX_TRIES, outage=True, now=NOW)
    assert (found.state, found.tried, found.failure) == (PageState.WAITING, False, FailureKind.OUTAGE)
    # A refusal comes from somebody, whatever our network does.
    refused = failure(FailureKind.STATUS, 403)
    assert after_failure(URL, refused, tries=1, outage=True, now=NOW).tried


def test_neither_robots_txt_nor_a_redirect_is_a_try() -> None:
    first = after_robots_fetch(now=NOW)
    assert (first.state, first.due_at, first.tried) == (PageState.WAITING, NOW, False)
    there = after_redirect("https://b.example/a", status=301, hops=MAX_REDIRECTS - 1, now=NOW)
    assert (there.state, there.url, there.tried) == (PageState.WAITING, "https://b.example/a", False)
    assert (
        after_redirect("https://b.example/a", status=301, hops=MAX_REDIRECTS, now=NOW).state
        is PageState.GIVEN_UP
    )


@pytest.mark.parametrize(
    ("status", "retry_after", "pauses"), [(429, None, True), (503, HOUR, True), (503, None, False)]
)
def test_too_many_requests_is_said_for_the_host(
    status: int, retry_after: timedelta | None, pauses: bool
) -> None:
    failed = failure(FailureKind.STATUS, status, retry_after=retry_after)
    found = after_failure(URL, failed, tries=1, outage=False, now=NOW)
    assert (found.pause is not None) is pauses
    assert found.pause is None or found.pause.host == "news.example"
