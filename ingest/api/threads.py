"""Threads for calls that wait for the database, so that the event loop never waits."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

WORKERS: Final = 6
"""Together with the two threads of the live streams, not more than the connections of the default pool."""

_Result = TypeVar("_Result")


class Threads:
    """A thread pool for requests; further calls wait in its queue."""

    def __init__(self) -> None:
        self._executor = ThreadPoolExecutor(max_workers=WORKERS, thread_name_prefix="ingest-api")

    async def run(self, call: Callable[[], _Result]) -> _Result:
        """Return the result of ``call``, run in a thread."""
        return await asyncio.get_running_loop().run_in_executor(self._executor, call)

    async def close(self) -> None:
        """Wait for running calls and end the threads."""
        await asyncio.to_thread(self._executor.shutdown)
