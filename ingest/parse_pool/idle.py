"""The workers without a document, and the documents that wait for a worker."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

PATIENCE: Final = 8
"""Requests that may be served before the longest waiting one, because a free worker has their feed's cache."""

Worker = TypeVar("Worker")


@dataclass(slots=True, kw_only=True)
class _Waiting(Generic[Worker]):
    slot: int
    worker: asyncio.Future[tuple[int, Worker | None]]
    passed_over: int = 0


class IdleWorkers(Generic[Worker]):
    """Idle workers by slot. A slot without a worker has ``None``: the taker starts one."""

    def __init__(self) -> None:
        self._idle: dict[int, Worker | None] = {}
        self._waiting: deque[_Waiting[Worker]] = deque()

    async def take(self, slot: int) -> tuple[int, Worker | None]:
        """The worker of ``slot``, or of any slot that is idle first; None: it has to be started."""
        if self._idle:
            taken = slot if slot in self._idle else next(reversed(self._idle))
            return taken, self._idle.pop(taken)
        waiting: _Waiting[Worker] = _Waiting(slot=slot, worker=asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        try:
            return await waiting.worker
        except asyncio.CancelledError:
            if waiting.worker.done() and not waiting.worker.cancelled():
                self.put(*waiting.worker.result())
            elif waiting in self._waiting:
                self._waiting.remove(waiting)
            raise

    def put(self, slot: int, worker: Worker | None) -> None:
        while self._waiting:
            longest = self._waiting[0]
            chosen = longest
            if longest.passed_over < PATIENCE:
                chosen = next((waiting for waiting in self._waiting if waiting.slot == slot), longest)
            longest.passed_over += chosen is not longest
            self._waiting.remove(chosen)
            if not chosen.worker.done():
                chosen.worker.set_result((slot, worker))
                return
        self._idle[slot] = worker

    def clear(self) -> list[Worker | None]:
        """Remove and return all idle workers."""
        workers = list(self._idle.values())
        self._idle.clear()
        return workers
