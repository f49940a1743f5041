"""The polling bench counts and judges correctly, whatever the figures are."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx
import psutil
import pytest

from tests.bench import poll
from tests.bench.figures import ABSENT_EXIT, CorpusAbsentError, Figures, corpus_dir
from tests.bench.polling import miniflux
from tests.bench.polling.differences import NO_RULE, RULES, UNKNOWN, Rule, differences
from tests.bench.polling.ours import Ours
from tests.bench.polling.passes import Pass, PassTooLong, Product, measured, until
from tests.feedworld.control import WorldProcess


class Getter:
    """Requests all feeds with plain GETs, then with the ETags it received; it sleeps before it begins.

    It is busy with the unchanged pass until the counter of its CPU time has moved: the kernel's clock ticks each 10 ms.
    """

    def __init__(self, urls: Sequence[str], *, name: str = "getter", answers: int = 1) -> None:
        self.name = name
        self._urls = urls
        self.etags: dict[str, str] = {}
        self._answers = answers
        self.began_at = 0.0
        self._client = httpx.Client()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def first(self) -> None:
        time.sleep(0.5)
        self.began_at = time.time()
        for url in self._urls[: self._answers]:
            self.etags[url] = self._client.get(url).headers["etag"]

    def unchanged(self) -> None:
        for url, etag in self.etags.items():
            self._client.get(url, headers={"If-None-Match": etag})
        process = psutil.Process()
        begun = sum(process.cpu_times()[:2])
        while sum(process.cpu_times()[:2]) == begun:
            pass

    def roots(self) -> Mapping[str, int]:
        return {"getter": os.getpid()}

    def settle(self) -> None: ...

    def entries(self) -> Mapping[str, int]:
        return dict.fromkeys(self._urls, 1)

    def failures(self) -> Mapping[str, str]:
        return {}


class Stored(Ours):
    """The service after its passes, without a database."""

    def entries(self) -> Mapping[str, int]:
        return {}


def rss(*entries: str) -> bytes:
    items = "".join(f"<item>{entry}</item>" for entry in entries)
    return f"<rss version='2.0'><channel>{items}</channel></rss>".encode()


def test_a_pass_begins_with_the_first_request_and_is_counted_at_the_server() -> None:
    with WorldProcess(["--generated", "3", "--show"]) as world, Getter(world.urls(), answers=3) as getter:
        first = measured(world, getter, getter.first)
        assert 0 < first.seconds <= time.time() - getter.began_at
        assert first.statuses == {"200": 3}
        again = measured(world, getter, getter.unchanged)
        assert (again.requests, again.statuses) == (3, {"304": 3})
        assert again.bytes_sent < first.bytes_sent
        assert again.memory["getter"] > 1e6
        assert again.cpu["getter"] > 0


def test_a_product_without_requests_has_no_rate() -> None:
    with (
        WorldProcess(["--generated", "1", "--show"]) as world,
        Getter(world.urls(), answers=0) as getter,
        pytest.raises(RuntimeError, match="getter requested no feed"),
    ):
        measured(world, getter, getter.first)


def test_a_product_that_leaves_feeds_out_is_refused_and_documents_fetched_again_are_counted() -> None:
    with (
        WorldProcess(["--generated", "3", "--show"]) as world,
        Getter(world.urls(), answers=2) as partial,
        Getter(world.urls(), answers=3) as complete,
    ):
        with pytest.raises(RuntimeError, match="was to request 3 feeds once"):
            poll.first_pass(world, partial, feeds=3)
        result = poll.first_pass(world, complete, feeds=3)
        poll.unchanged_pass(world, result, feeds=3, failed=0)
        first, *_ = world.urls()
        complete.etags[first] = '"another"'
        poll.unchanged_pass(world, result, feeds=3, failed=0)
        poll.unchanged_pass(world, result, feeds=3, failed=1)
        assert result.refetched == [0, 0, 1, 0]
        del complete.etags[first]
        with pytest.raises(RuntimeError, match=r"was to request 3 feeds, and got \{'304': 2\}"):
            poll.unchanged_pass(world, result, feeds=3, failed=1)


@pytest.mark.parametrize(("refetched", "code"), [(2, 0), (3, 1)])
def test_documents_fetched_again_have_a_bound(refetched: int, code: int) -> None:
    figures = Figures("test")
    measured = measured_at(Stored([], pollers=1), first=4.0, unchanged=[1.0])
    measured.refetched.extend([0, refetched, 1])
    poll.add_product_figures(figures, "ours", measured, feeds=200)
    assert figures.values()["poll_refetched_ours"] == refetched
    assert figures.exit_code() == code


def test_a_pass_that_does_not_end_is_reported() -> None:
    with pytest.raises(PassTooLong, match="for the end"):
        until(lambda: False, what="the end", patience=0.05)


GUID, OTHER = "<guid isPermaLink='false'>a</guid>", "<guid isPermaLink='false'>b</guid>"
LINK, ANOTHER = "<link>https://e.example/1</link>", "<link>https://e.example/2</link>"


@pytest.mark.parametrize(
    ("peer", "body", "count"),
    [
        ("reader", rss(GUID + LINK, GUID + ANOTHER, OTHER), 2),
        ("reader", rss(LINK, LINK + "<title>again</title>"), 1),
        ("miniflux", rss(GUID + LINK, GUID + ANOTHER, OTHER), 3),
        ("miniflux", rss(GUID + LINK, GUID + LINK, GUID + LINK), 2),
        ("miniflux", rss(GUID, GUID, GUID), 3),
        ("miniflux", rss(LINK, LINK + "<title>again</title>"), 1),
        ("miniflux", rss("<title>x</title>", "<title>x</title><description>y</description>"), 2),
    ],
)
def test_each_peer_has_its_own_rule_for_identifying_entries(peer: str, body: bytes, count: int) -> None:
    (difference,) = differences(
        {"u": 7},
        {"u": count},
        rule=RULES[peer],
        refused_by_us={},
        refused_by_them={},
        body_of=lambda _url: body,
    )
    assert (difference.entries, difference.reason) == (count - 7, RULES[peer].about)


@pytest.mark.parametrize(
    ("ours", "theirs", "rule", "reason"),
    [
        (2, 0, RULES["reader"], "it refuses the feed: no id at URL"),
        (0, 2, RULES["reader"], "we refuse the feed: empty"),
        (5, 4, RULES["reader"], UNKNOWN),
        (5, 4, NO_RULE, UNKNOWN),
    ],
)
def test_a_difference_without_a_refusal_or_a_rule_is_reported_as_unexplained(
    ours: int, theirs: int, rule: Rule, reason: str
) -> None:
    (difference,) = differences(
        {"u": ours, "same": 3},
        {"u": theirs, "same": 3},
        rule=rule,
        refused_by_us={"u": "empty"},
        refused_by_them={"u": "no id at u"},
        body_of=lambda _url: rss(GUID, OTHER),
    )
    assert (difference.feed_url, difference.reason) == ("u", reason)


def measured_at(product: Product, *, first: float, unchanged: Sequence[float]) -> poll.Measured:
    def a_pass(seconds: float) -> Pass:
        return Pass(
            seconds=seconds,
            requests=10,
            statuses={},
            bytes_sent=0,
            cpu={"all": seconds},
            server_cpu=0.0,
            memory={},
        )

    return poll.Measured(
        product=product, first=a_pass(first), unchanged=[a_pass(duration) for duration in unchanged]
    )


@pytest.mark.parametrize(("theirs", "code"), [(3.1, 0), (2.9, 1)])
def test_the_floor_applies_to_the_better_of_one_poller_and_two(theirs: float, code: int) -> None:
    figures = Figures("test")
    products = {
        "ours": measured_at(Ours([], pollers=1), first=4.0, unchanged=[1.0, 9.0, 1.2]),
        "ours_2_pollers": measured_at(Ours([], pollers=2), first=2.0, unchanged=[1.5]),
        "miniflux": measured_at(Getter([], name="miniflux"), first=theirs, unchanged=[2.5, 0.1, 2.6]),
    }
    poll.add_ratios(figures, products)
    assert figures.exit_code() == code
    assert figures.values()["poll_first_ours_of_miniflux"] == theirs / 4
    assert figures.values()["poll_first_best_of_miniflux"] == theirs / 2
    assert figures.values()["poll_unchanged_best_of_miniflux"] == 2.5 / 1.2


@pytest.fixture
def without_go(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine without Go and without a built Miniflux; the corpus cache stays in place."""
    monkeypatch.setattr(miniflux, "cache_dir", lambda: tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))


@pytest.mark.usefixtures("without_go")
def test_an_unavailable_peer_is_a_failure_only_where_it_is_required(
    capsys: pytest.CaptureFixture[str],
) -> None:
    try:
        corpus_dir()
    except CorpusAbsentError as absent:
        pytest.skip(str(absent))
    assert poll.main(["--peer", "miniflux", "--require-peers"]) == ABSENT_EXIT
    assert "miniflux is not available: it is built with Go" in capsys.readouterr().err
    assert poll.main(["--peer", "miniflux", "--feeds", "6", "--rounds", "1"]) == 0
    captured = capsys.readouterr()
    assert "PEER ABSENT: miniflux" in captured.err
    assert "poll_unchanged_ours_2_pollers " in captured.out
    assert "poll_limit_bare_loop " in captured.out
    assert "_of_miniflux" not in captured.out
