"""One pass of a product over all feeds: its time, what the feed world counted, and what it cost."""

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
"""Seconds a pass may take."""
LOOK_SECONDS: Final = (0.02, 0.2)
"""Between two looks into a product's database, which cost it something: a hundredth of the pass, within these."""


class Product(Protocol):
    """Whoever polls all feeds of the world when it is told to; it runs within its ``with`` block."""

    name: str

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def first(self) -> None:
        """Learn of all feeds, fetch them, and return when all of it is stored and can be searched."""

    def unchanged(self) -> None:
        """Ask for all feeds again, and return when all of it is recorded."""

    def roots(self) -> Mapping[str, int]:
        """Its processes by role; the descendants of one belong to it."""

    def settle(self) -> None:
        """Do now what its database would do some time after a pass, and then disturb the next one's."""

    def entries(self) -> Mapping[str, int]:
        """How many entries it has of each feed, by the feed's URL."""

    def failures(self) -> Mapping[str, str]:
        """Why feeds could not be read, by URL."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pass:
    """What one pass took."""

    seconds: float
    requests: int
    statuses: Mapping[str, int]
    bytes_sent: int
    cpu: Mapping[str, float]
    """Seconds of processor time by role."""
    server_cpu: float
    """Those of the feed world."""
    memory: Mapping[str, int]
    """PSS by role at the end, bytes: what several processes share counts once."""

    @property
    def cpu_seconds(self) -> float:
        return sum(self.cpu.values())


class PeerAbsentError(Exception):
    """A peer cannot be had on this machine."""

    def __init__(self, peer: str, why: str) -> None:
        super().__init__(peer, why)
        self.peer = peer
        self.why = why

    def __str__(self) -> str:
        return f"{self.peer} cannot be had: {self.why}"


class PassTooLong(Exception):
    """A product did not come to the end of a pass."""


def measured(world: WorldProcess, product: Product, act: Callable[[], None]) -> Pass:
    """Let ``act`` be the pass.

    Raises:
        RuntimeError: it asked the feed world for nothing.
    """
    world.mark()
    counted, cpu, server = (
        world.counts(),
        cpu_by_role(product.roots()),
        _own_seconds(psutil.Process(world.pid)),
    )
    act()
    ended = time.time()
    after, server_after = world.counts(), _own_seconds(psutil.Process(world.pid))
    if after["first_request_at"] is None:
        raise RuntimeError(f"{product.name} asked for no feed")
    used = cpu_by_role(product.roots())
    return Pass(
        seconds=ended - after["first_request_at"],
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
    """Vacuum, analyse and write out a PostgreSQL database."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE"))
        connection.execute(text("CHECKPOINT"))


def until(claim: Callable[[], bool], *, what: str, patience: float = PATIENCE) -> None:
    """Look until ``claim()`` holds.

    Raises:
        PassTooLong: it did not, within ``patience`` seconds.
    """
    begun = time.monotonic()
    while not claim():
        waited = time.monotonic() - begun
        if waited > patience:
            raise PassTooLong(f"waited {patience:g} s for {what}")
        time.sleep(min(max(LOOK_SECONDS[0], waited / 100), LOOK_SECONDS[1]))


def cpu_by_role(roots: Mapping[str, int]) -> dict[str, float]:
    """Processor seconds used so far: a root's own under its role, its descendants' under ``<role> children``.

    Processes that have ended count with whoever waited for them.
    """
    found: dict[str, float] = {}
    for role, pid in roots.items():
        root = psutil.Process(pid)
        children = [_all_seconds(child) for child in root.children(recursive=True)]
        reaped = root.cpu_times().children_user + root.cpu_times().children_system
        found[role] = _own_seconds(root)
        if children or reaped:
            found[f"{role} children"] = sum(children) + reaped
    return found


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
    """PSS, bytes: a root's with its descendants'."""
    found: dict[str, int] = {}
    for role, pid in roots.items():
        with suppress(psutil.NoSuchProcess):
            root = psutil.Process(pid)
            for process in (root, *root.children(recursive=True)):
                with suppress(psutil.NoSuchProcess):
                    found[role] = found.get(role, 0) + int(process.memory_full_info().pss)
    return found
