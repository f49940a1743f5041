"""Parser processes: a stuck, bloated or dead one loses a single document, and none outlives the poller."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

import psutil
import pytest

from ingest.errors import Unavailable
from ingest.identity import shared_key
from ingest.parse_pool import Document, ParsedDocument, ParserPool, SeenLookup
from ingest.parse_pool import pool as pool_module
from ingest.parse_pool.idle import PATIENCE, IdleWorkers
from ingest.types import Failed, FailureKind, Seen
from tests.poll.conftest import rss

T = TypeVar("T")
BIG = rss(*(f"n{number}" for number in range(12_000)))
"""Takes seconds and 40 MB of memory to parse."""
MEMORY = 1024**3


def document(body: bytes, number: int = 1) -> Document:
    return Document(
        feed_id=number,
        feed_url=f"https://{number}.example/feed",
        poll_id=number,
        seen_at=datetime(2026, 11, 24, tzinfo=UTC),
        url=f"https://{number}.example/feed",
        content_type="text/xml",
        language=None,
        body=body,
    )


def in_pool(
    use: Callable[[ParserPool], Awaitable[T]],
    *,
    workers: int = 1,
    deadline: float = 60,
    memory: int = MEMORY,
) -> T:
    async def run() -> T:
        async with ParserPool(workers=workers, deadline=timedelta(seconds=deadline), memory=memory) as pool:
            return await use(pool)

    return asyncio.run(run())


async def begin_reading(pool: ParserPool) -> asyncio.Task[ParsedDocument | Failed]:
    """Return when the only worker works on a document that it takes seconds to read."""
    (pid,) = pool.pids
    worker = psutil.Process(pid)
    idle = sum(worker.cpu_times()[:2])

    def wait_until_busy() -> None:
        while sum(worker.cpu_times()[:2]) < idle + 0.1:
            time.sleep(0.01)

    reading = asyncio.create_task(pool.parse(document(BIG)))
    await asyncio.to_thread(wait_until_busy)
    return reading


def titles(answer: ParsedDocument | Failed) -> int:
    assert isinstance(answer, ParsedDocument), answer
    return len(answer.messages)


def limited(answer: ParsedDocument | Failed) -> str:
    assert isinstance(answer, Failed)
    assert answer.kind is FailureKind.PARSE_LIMIT, answer
    return answer.detail


def test_documents_are_read_by_all_workers_at_once() -> None:
    async def use(pool: ParserPool) -> tuple[int, list[float], list[int]]:
        answers = await asyncio.gather(*(pool.parse(document(rss(f"n{n}"), n)) for n in range(20)))
        await asyncio.gather(*(pool.parse(document(BIG[: len(BIG) // 4])) for _ in range(3)))
        times = [psutil.Process(pid).cpu_times().user for pid in pool.pids]
        return len(set(pool.pids)), times, [titles(answer) for answer in answers]

    pids, times, read = in_pool(use, workers=3)
    assert pids == 3
    assert min(times) > 0.5 * max(times)
    assert read == [1] * 20


def test_a_stuck_worker_is_killed_and_costs_its_one_document() -> None:
    async def use(pool: ParserPool) -> None:
        stuck, other = pool.pids
        os.kill(stuck, signal.SIGSTOP)  # as stuck as a process can be
        documents = [document(rss("one"), number) for number in range(6)]
        answers = await asyncio.gather(*map(pool.parse, documents))
        read = [answer for answer in answers if isinstance(answer, ParsedDocument)]
        (lost,) = (answer for answer in answers if isinstance(answer, Failed))
        assert [titles(answer) for answer in read] == [1] * 5
        assert limited(lost) == "not parsed within 3 s"
        assert pool.lost == 1
        _, alive = await asyncio.to_thread(
            psutil.wait_procs, [psutil.Process(stuck)] if psutil.pid_exists(stuck) else [], 10
        )
        assert alive == []
        answers = await asyncio.gather(*map(pool.parse, documents))
        assert [titles(answer) for answer in answers] == [1] * 6
        assert other in pool.pids
        assert len(pool.pids) == 2

    in_pool(use, workers=2, deadline=3)


def test_a_bloated_worker_ends_and_costs_its_one_document() -> None:
    async def use(pool: ParserPool) -> None:
        (before,) = pool.pids
        assert "more than" in limited(await pool.parse(document(BIG)))
        assert titles(await pool.parse(document(rss("one")))) == 1
        assert pool.pids != (before,)
        assert pool.lost == 1

    in_pool(use, memory=60 * 1024**2)


def test_a_worker_that_dies_between_two_documents_costs_none() -> None:
    async def use(pool: ParserPool) -> None:
        for _ in range(3):
            (pid,) = pool.pids
            os.kill(pid, signal.SIGKILL)
            await asyncio.to_thread(psutil.wait_procs, [psutil.Process(pid)], 10)
            assert titles(await pool.parse(document(rss("one")))) == 1
        assert pool.lost == 0

    in_pool(use)


def test_a_worker_that_dies_over_a_document_costs_that_one() -> None:
    async def use(pool: ParserPool) -> None:
        reading = await begin_reading(pool)
        os.kill(pool.pids[0], signal.SIGKILL)
        assert limited(await reading) == "the parser process exited during this document"
        assert titles(await pool.parse(document(rss("one")))) == 1

    in_pool(use)


def test_a_worker_is_replaced_after_its_share_of_documents(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool_module, "DOCUMENTS_PER_WORKER", 3)

    async def use(pool: ParserPool) -> int:
        pids = set(pool.pids)
        for _ in range(7):
            assert titles(await pool.parse(document(rss("one")))) == 1
            pids |= set(pool.pids)
        assert pool.lost == 0
        return len(pids)

    assert in_pool(use) == 3


def test_a_cancelled_document_leaves_the_pool_whole() -> None:
    async def use(pool: ParserPool) -> None:
        reading = await begin_reading(pool)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        assert titles(await pool.parse(document(rss("one")))) == 1

    in_pool(use)


def test_signals_to_the_whole_group_do_not_touch_a_worker() -> None:
    async def use(pool: ParserPool) -> None:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            os.kill(pool.pids[0], number)
        assert titles(await pool.parse(document(rss("one")))) == 1
        assert pool.lost == 0

    in_pool(use)


def test_closing_the_pool_ends_its_workers() -> None:
    async def use(pool: ParserPool) -> tuple[int, ...]:
        return pool.pids

    assert not any(psutil.pid_exists(pid) for pid in in_pool(use, workers=3))


def test_workers_that_cannot_start_are_our_own_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [])

    async def use(pool: ParserPool) -> None:
        raise AssertionError(pool)

    with pytest.raises(Unavailable, match="a worker does not start"):
        in_pool(use)


@pytest.mark.parametrize("busy", [False, True])
def test_no_worker_outlives_a_parent_that_was_killed(tmp_path: Path, *, busy: bool) -> None:
    script = tmp_path / "parent.py"
    script.write_text(
        f"""
import asyncio, sys
sys.path[:] = {sys.path!r}
from tests.poll.test_parse_pool import BIG, ParserPool, document, timedelta

async def main():
    async with ParserPool(workers=2, deadline=timedelta(hours=1), memory=2**30) as pool:
        print(*pool.pids, flush=True)
        await asyncio.gather(*(pool.parse(document(BIG * 1, n)) for n in range(200 if {busy} else 0)))
        await asyncio.sleep(3600)

asyncio.run(main())
"""
    )
    parent = subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    pids = [int(pid) for pid in parent.stdout.readline().split()]
    assert len(pids) == 2
    workers = [psutil.Process(pid) for pid in pids]
    time.sleep(0.2)
    if busy:
        for worker in workers:
            worker.suspend()  # so that it cannot end by itself
    parent.kill()
    parent.communicate()
    _, alive = psutil.wait_procs(workers, timeout=10)
    for worker in alive:
        worker.kill()
    assert alive == []


def test_a_document_asks_for_its_own_keys_and_what_is_known_of_them_counts() -> None:
    asked: list[tuple[int, list[bytes]]] = []
    remembered: dict[bytes, Seen] = {}
    names = [
        name
        for each in ("one", "two", "three")
        for name in (f"guid\n{each}", f"link\nhttps://news.example/{each}")
    ]
    marked = {shared_key(name) for name in names}

    async def lookup(feed_id: int, wanted: SeenLookup) -> dict[bytes, Seen]:
        asked.append((feed_id, [key for key in wanted.keys if key not in marked]))
        return {key: remembered[key] for key in wanted.keys if key in remembered}

    async def run() -> list[int]:
        counts = []
        async with ParserPool(
            workers=1, deadline=timedelta(seconds=60), memory=MEMORY, lookup=lookup
        ) as pool:
            for body in (rss("one", "two"), rss("two", "three"), rss()):
                answer = await pool.parse(document(body, 7))
                assert isinstance(answer, ParsedDocument), answer
                remembered.update({row.key: row for row in answer.summary.seen})
                counts.append(len(answer.messages))
            await pool.parse(replace(document(rss("four")), first=True))
        return counts

    assert asyncio.run(run()) == [2, 1, 0]
    assert [(feed_id, len(keys)) for feed_id, keys in asked] == [(7, 2), (7, 2)]
    assert asked[0][1][1] == asked[1][1][0]


def test_when_the_lookup_fails_so_does_the_document_and_its_worker_is_replaced() -> None:
    failing = True

    async def lookup(_feed_id: int, _wanted: SeenLookup) -> dict[bytes, Seen]:
        if failing:
            raise Unavailable("database", "gone")
        return {}

    async def run() -> None:
        nonlocal failing
        async with ParserPool(
            workers=1, deadline=timedelta(seconds=60), memory=MEMORY, lookup=lookup
        ) as pool:
            with pytest.raises(Unavailable, match="gone"):
                await pool.parse(document(rss("one")))
            failing = False
            assert titles(await pool.parse(document(rss("one")))) == 1

    asyncio.run(run())


def test_a_document_of_another_format_with_a_warning_is_whole_unless_it_was_cut() -> None:
    news = b"<url><loc>https://1.example/a</loc><news:news><news:title>A</news:title></news:news></url>"
    page = b"<url><loc>https://1.example/b</loc></url>"
    bodies = {
        b'{"items": [{"id": "1", "content_text": "A"}]}': True,
        b"<urlset>" + news + page + b"</urlset>": True,
        b"<urlset>" + news + page: False,
    }

    async def use(pool: ParserPool) -> None:
        for body, whole in bodies.items():
            answer = await pool.parse(document(body))
            assert isinstance(answer, ParsedDocument), answer
            assert (answer.summary.complete, len(answer.messages)) == (whole, 1)

    in_pool(use)


def test_a_feeds_documents_go_to_the_worker_that_knows_it() -> None:
    async def run() -> list[int]:
        idle: IdleWorkers[None] = IdleWorkers()
        for number in range(3):
            idle.put(number, None)
        taken = []
        for own in (1, 1, 0, 1):
            number, worker = await idle.take(own)
            taken.append(number)
            idle.put(number, worker)
        return taken

    assert asyncio.run(run()) == [1, 1, 0, 1]


def test_no_document_waits_for_a_worker_while_another_one_is_free() -> None:
    async def run() -> list[int]:
        idle: IdleWorkers[None] = IdleWorkers()
        idle.put(0, None)
        idle.put(1, None)
        return [(await idle.take(1))[0], (await idle.take(1))[0]]

    assert asyncio.run(run()) == [1, 0]


def test_a_free_worker_takes_its_own_feeds_first_but_passes_nobody_over_for_long() -> None:
    async def run() -> list[str]:
        idle: IdleWorkers[None] = IdleWorkers()
        served: list[str] = []

        async def ask(own: int, name: str) -> None:
            await idle.take(own)
            served.append(name)

        async with asyncio.TaskGroup() as group:
            group.create_task(ask(1, "of the other worker"))
            for _ in range(PATIENCE + 2):
                group.create_task(ask(0, "own"))
            for _ in range(PATIENCE + 3):
                await asyncio.sleep(0)
                idle.put(0, None)
        return served

    served = asyncio.run(run())
    assert served.index("of the other worker") == PATIENCE


def test_a_worker_given_to_one_who_no_longer_waits_is_free_again() -> None:
    async def run() -> int:
        idle: IdleWorkers[None] = IdleWorkers()
        waiting = asyncio.create_task(idle.take(0))
        await asyncio.sleep(0)
        idle.put(0, None)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        gone = asyncio.create_task(idle.take(0))
        number, _ = await asyncio.wait_for(gone, 1)
        cancelled = asyncio.create_task(idle.take(0))
        await asyncio.sleep(0)
        cancelled.cancel()
        await asyncio.gather(cancelled, return_exceptions=True)
        idle.put(number, None)
        return (await asyncio.wait_for(idle.take(0), 1))[0]

    assert asyncio.run(run()) == 0
