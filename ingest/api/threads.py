"""Threads for what waits for the database, so that the event loop never does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

WORKERS: Final = 6
"""With the two of the live streams, no more than an engine's default pool has connections."""

_Found = TypeVar("_Found")


class Threads:
    """A pool of its own for requests; what does not fit waits in line."""

    def __init__(self) -> None:
        self._executor = ThreadPoolExecutor(max_workers=WORKERS, thread_name_prefix="ingest-api")

    async def run(self, call: Callable[[], _Found]) -> _Found:
        return await asyncio.get_running_loop().run_in_executor(self._executor, call)

    async def close(self) -> None:
        await asyncio.to_thread(self._executor.shutdown)
