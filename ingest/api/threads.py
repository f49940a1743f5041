"""Threads for calls that wait for the database, so that the event loop never waits."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

WORKERS: Final = 6
"""Threads for requests other than full-text searches."""
SEARCH_WORKERS: Final = 2
"""Threads for full-text searches, which use the processor of the database for up to a tenth of a second each. Together
with the two threads of the live streams, all threads are not more than the connections of the default pool."""

_Result = TypeVar("_Result")


class Threads:
    """A thread pool for requests; further calls wait in its queue."""

    def __init__(self, workers: int = WORKERS, *, name: str = "ingest-api") -> None:
        self._executor = ThreadPoolExecutor(max_workers=workers, thread_name_prefix=name)

    async def run(self, call: Callable[[], _Result]) -> _Result:
        """Return the result of ``call``, run in a thread."""
        return await asyncio.get_running_loop().run_in_executor(self._executor, call)

    async def close(self) -> None:
        """Wait for running calls and end the threads."""
        await asyncio.to_thread(self._executor.shutdown)
