"""Load on the API: the hardest searches at once beside other requests, and many subscribers of one stream."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection
from typing import Final

from ingest.log.api import Log, stream_topic
from tests.bench.latency import percentile
from tests.library import event

CLIENTS: Final = 8
OTHERS: Final = ("/v1/articles?limit=20", "/readyz", "/metrics", "/v1/topics")
"""Requests that hard searches must not hold up."""
REQUEST_SECONDS: Final = 60.0
_SENT: Final = b'"sent": '
_WAIT_SECONDS: Final = 60.0


@dataclass(slots=True, kw_only=True)
class Responses:
    """Times in seconds and statuses of the responses to one kind of request."""

    seconds: list[float] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)

    def add(self, status: int, seconds: float) -> None:
        self.statuses.append(status)
        self.seconds.append(seconds)

    @property
    def unavailable(self) -> int:
        return sum(status >= 500 for status in self.statuses)

    def p(self, share: float) -> float:
        """Return a percentile in milliseconds."""
        return 1000 * percentile(self.seconds, share)


class Client:
    """One connection to the API."""

    def __init__(self, port: int) -> None:
        self._connection = HTTPConnection("127.0.0.1", port, timeout=REQUEST_SECONDS)

    def get(self, path: str) -> tuple[int, bytes, float]:
        """Return status, body and seconds of one response."""
        begun = time.perf_counter()
        self._connection.request("GET", path)
        response = self._connection.getresponse()
        body = response.read()
        return response.status, body, time.perf_counter() - begun

    def close(self) -> None:
        self._connection.close()


def request_until(
    port: int, paths: Sequence[str], end: float, responses: Responses, *, pause: float = 0
) -> None:
    """Send the requests in turn until the time ``end``, and record their responses."""
    client, number = Client(port), 0
    while time.monotonic() < end:
        status, _, seconds = client.get(paths[number % len(paths)])
        responses.add(status, seconds)
        number += 1
        time.sleep(pause)
    client.close()


def load_with_searches(port: int, hardest: Sequence[str], *, seconds: float) -> tuple[Responses, Responses]:
    """Return the responses to ``CLIENTS`` clients that search at once, and those to the other requests meanwhile."""
    searches, others = Responses(), Responses()
    end = time.monotonic() + seconds
    threads = []
    for number in range(CLIENTS):
        # Each client begins with another search, so that they do not run in step.
        own = [*hardest[number % len(hardest) :], *hardest[: number % len(hardest)]]
        threads.append(threading.Thread(target=request_until, args=(port, own, end, searches), daemon=True))
    threads.append(
        threading.Thread(
            target=request_until, args=(port, OTHERS, end, others), kwargs={"pause": 0.02}, daemon=True
        )
    )
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(seconds + 2 * REQUEST_SECONDS)
    return searches, others


async def subscribe(port: int, slug: str, *, after: int, latencies: list[float], expected: int) -> None:
    """Follow a stream until ``expected`` events arrived, and record the time from append to arrival."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**20)
    writer.write(f"GET /v1/topics/{slug}/stream?after={after} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    received = 0
    async for line in reader:
        if line.startswith(b"data:"):
            at = time.perf_counter()
            begin = line.find(_SENT) + len(_SENT)
            latencies.append(at - float(line[begin : line.find(b",", begin)]))
            received += 1
            if received == expected:
                break
    writer.close()


async def fan_out(
    port: int, log: Log, slug: str, *, subscribers: int, rate: float, seconds: float, after: int
) -> list[float]:
    """Return the latencies of all deliveries of ``rate`` events a second to each of the subscribers."""
    latencies: list[float] = []
    expected = int(rate * seconds)
    limit = seconds + _WAIT_SECONDS + subscribers / 10
    # Events that did not arrive in time are missing from the latencies, which the caller counts.
    with suppress(TimeoutError):
        async with asyncio.timeout(limit), asyncio.TaskGroup() as group:
            for _ in range(subscribers):
                group.create_task(subscribe(port, slug, after=after, latencies=latencies, expected=expected))
            await asyncio.sleep(2 + subscribers / 250)
            group.create_task(asyncio.to_thread(_publish, log, slug, rate=rate, count=expected))
    return latencies


def _publish(log: Log, slug: str, *, rate: float, count: int) -> None:
    """Append events at a steady rate, each with the time at which it was due."""
    begun = time.perf_counter()
    for number in range(count):
        due = begun + number / rate
        time.sleep(max(0.0, due - time.perf_counter()))
        message = event(slug, number)
        body = json.loads(message.value)
        value = json.dumps({"sent": due, **body}, ensure_ascii=False).encode()
        log.append(stream_topic(slug), [type(message)(key=message.key, value=value, headers=message.headers)])
