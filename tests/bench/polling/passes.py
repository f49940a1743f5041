"""One pass of a product over all feeds: its time, its requests at the feed world, its CPU time and memory."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Protocol, Self

import psutil
from sqlalchemy import Engine, text

from tests.feedworld.control import WorldProcess

PATIENCE: Final = 600.0
"""Most seconds of a pass."""
LOOK_SECONDS: Final = (0.02, 0.2)
"""Least and most seconds between two queries of a product's database. Queries cost time, so the interval is a hundredth
of the time waited, within these bounds."""


class Product(Protocol):
    """A product that polls all feeds of the world on request; it runs within its ``with`` block."""

    name: str

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def first(self) -> None:
        """Import all feeds, fetch them, and return when everything is stored and searchable."""

    def unchanged(self) -> None:
        """Request all feeds again, and return when everything is recorded."""

    def roots(self) -> Mapping[str, int]:
        """Return the pid of each process by role; descendants of a process belong to its role."""

    def settle(self) -> None:
        """Do the database's background work now, which would otherwise disturb the next pass."""

    def entries(self) -> Mapping[str, int]:
        """Return the number of entries of each feed, by the feed's URL."""

    def failures(self) -> Mapping[str, str]:
        """Return the reason why a feed could not be read, by URL."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pass:
    """Measurements of one pass."""

    seconds: float
    requests: int
    statuses: Mapping[str, int]
    bytes_sent: int
    cpu: Mapping[str, float]
    """CPU seconds by role."""
    server_cpu: float
    """CPU seconds of the feed world."""
    memory: Mapping[str, int]
    """PSS by role at the end, in bytes: memory shared by several processes counts once."""

    @property
    def cpu_seconds(self) -> float:
        return sum(self.cpu.values())


class PeerAbsentError(Exception):
    """A peer is not available on this machine."""

    def __init__(self, peer: str, why: str) -> None:
        super().__init__(peer, why)
        self.peer = peer
        self.why = why

    def __str__(self) -> str:
        return f"{self.peer} is not available: {self.why}"


class PassTooLong(Exception):
    """A product did not finish a pass in time."""


def measured(world: WorldProcess, product: Product, act: Callable[[], None]) -> Pass:
    """Measure one pass, which is a call of ``act``.

    Raises:
        RuntimeError: the product sent no request.
    """
    world.mark()
    counted, cpu, server = (
        world.counts(),
        cpu_by_role(product.roots()),
        _own_seconds(psutil.Process(world.pid)),
    )
    act()
    end = time.time()
    after, server_after = world.counts(), _own_seconds(psutil.Process(world.pid))
    if after["first_request_at"] is None:
        raise RuntimeError(f"{product.name} requested no feed")
    used = cpu_by_role(product.roots())
    return Pass(
        seconds=end - after["first_request_at"],
        requests=after["requests"] - counted["requests"],
        statuses={
            status: count - counted["statuses"].get(status, 0)
            for status, count in after["statuses"].items()
            if count != counted["statuses"].get(status, 0)
        },
        bytes_sent=after["bytes_sent"] - counted["bytes_sent"],
        cpu={role: seconds - cpu.get(role, 0.0) for role, seconds in used.items()},
        server_cpu=server_after - server,
        memory=memory_by_role(product.roots()),
    )


def settle(engine: Engine) -> None:
    """Vacuum, analyse and checkpoint a PostgreSQL database."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE"))
        connection.execute(text("CHECKPOINT"))


def until(condition: Callable[[], bool], *, what: str, patience: float = PATIENCE) -> None:
    """Wait until ``condition()`` holds.

    Raises:
        PassTooLong: it did not hold within ``patience`` seconds.
    """
    begun = time.monotonic()
    while not condition():
        waited = time.monotonic() - begun
        if waited > patience:
            raise PassTooLong(f"waited {patience:g} s for {what}")
        time.sleep(min(max(LOOK_SECONDS[0], waited / 100), LOOK_SECONDS[1]))


def cpu_by_role(roots: Mapping[str, int]) -> dict[str, float]:
    """Return the CPU seconds so far: a root's under its role, its descendants' under ``<role> children``.

    The time of processes that ended counts for the parent that waited for them.
    """
    seconds: dict[str, float] = {}
    for role, pid in roots.items():
        root = psutil.Process(pid)
        children = [_all_seconds(child) for child in root.children(recursive=True)]
        reaped = root.cpu_times().children_user + root.cpu_times().children_system
        seconds[role] = _own_seconds(root)
        if children or reaped:
            seconds[f"{role} children"] = sum(children) + reaped
    return seconds


def _own_seconds(process: psutil.Process) -> float:
    with suppress(psutil.NoSuchProcess):
        times = process.cpu_times()
        return float(times.user + times.system)
    return 0.0


def _all_seconds(process: psutil.Process) -> float:
    with suppress(psutil.NoSuchProcess):
        times = process.cpu_times()
        return float(times.user + times.system + times.children_user + times.children_system)
    return 0.0


def memory_by_role(roots: Mapping[str, int]) -> dict[str, int]:
    """Return the PSS in bytes of each root with its descendants."""
    memory: dict[str, int] = {}
    for role, pid in roots.items():
        with suppress(psutil.NoSuchProcess):
            root = psutil.Process(pid)
            for process in (root, *root.children(recursive=True)):
                with suppress(psutil.NoSuchProcess):
                    memory[role] = memory.get(role, 0) + int(process.memory_full_info().pss)
    return memory
