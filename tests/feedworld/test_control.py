"""A world in its own process carries out orders, and ends with the process that started it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.feedworld.control import RefusedOrderError, WorldProcess
from tests.feedworld.generated import Generated


@pytest.fixture(scope="module")
def process() -> Iterator[WorldProcess]:
    with WorldProcess(["--generated", "4", "--rounds", "3", "--addresses", "2", "--seed", "5"]) as process:
        yield process


def test_generated_feeds_are_served_round_by_round(process: WorldProcess, client: httpx.Client) -> None:
    plan = Generated(seed=5, feeds=4)
    urls = process.urls()
    assert len(urls) == 4
    assert client.get(urls[2]).status_code == 404
    for round_ in range(3):
        assert process.advance_all() == 4
        assert client.get(urls[2]).content == plan.document(2, round_)
    assert process.advance_all() == 0


def test_feeds_can_be_published_and_broken_from_another_process(
    process: WorldProcess, client: httpx.Client
) -> None:
    url = process.publish("/mine.xml", b"<rss>\xff</rss>")
    process.fail_next("/mine.xml", "status", code=503, headers={"Retry-After": "7"})
    process.fail_every("/mine.xml", "empty", every=3)
    answers = [client.get(url) for _ in range(3)]
    assert [(each.status_code, each.content) for each in answers[1:]] == [
        (200, b"<rss>\xff</rss>"),
        (200, b""),
    ]
    assert (answers[0].status_code, answers[0].headers["retry-after"]) == (503, "7")
    process.recover("/mine.xml")
    assert [client.get(url).content for _ in range(3)] == [b"<rss>\xff</rss>"] * 3


def test_counts_exclude_orders(process: WorldProcess, client: httpx.Client) -> None:
    before = process.counts()
    url = process.publish("/counted.xml", b"<rss/>")
    etag = client.get(url).headers["etag"]
    client.get(url, headers={"If-None-Match": etag})
    after = process.counts(per_feed=True)
    assert after["requests"] - before["requests"] == 2
    assert after["feeds"][url] == {"200": 1, "304": 1}


def test_an_invalid_order_is_refused_with_its_reason(process: WorldProcess) -> None:
    with pytest.raises(RefusedOrderError, match="dance"):
        process.order("dance")
    with pytest.raises(RefusedOrderError, match="no-such-fault"):
        process.fail_next("/a", "no-such-fault")
    with pytest.raises(RefusedOrderError, match="moment"):
        process.order("at")


def test_orders_need_the_secret_path(process: WorldProcess, client: httpx.Client) -> None:
    origin = process.urls()[0].split("/generated")[0]
    assert client.post(f"{origin}/-/control", json={"do": "stop"}).status_code == 404
    assert client.post(f"{origin}/-/control/guess", json={"do": "stop"}).status_code == 404


def test_the_world_ends_when_its_harness_is_killed() -> None:
    program = (
        "import time\nfrom tests.feedworld.control import WorldProcess\n"
        "with WorldProcess() as world:\n    print(world.pid, flush=True)\n    time.sleep(60)\n"
    )
    root = Path(__file__).resolve().parents[2]
    with subprocess.Popen(
        [sys.executable, "-c", program], cwd=root, stdout=subprocess.PIPE, text=True
    ) as harness:
        assert harness.stdout is not None
        world = int(harness.stdout.readline())
        os.kill(harness.pid, signal.SIGKILL)
    deadline = time.monotonic() + 10
    while _is_running(world):
        assert time.monotonic() < deadline, "the world outlived its harness"
        time.sleep(0.02)


def _is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"
