"""Follow a stream from a cursor, without gap or repetition."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Final

from ingest.errors import Unavailable
from ingest.log.api import stream_topic
from ingest.streams import Gap, StreamReader, StreamStart, find_gap, start_reading
from ingest.types import Record

BATCH: Final = 200
WAIT_SECONDS: Final = 0.25


class Wakeup:
    """Notifications of the log for one follower; methods may be called from any thread."""

    def __init__(self) -> None:
        self._grown = threading.Event()
        self._failures: list[Unavailable] = []

    def on_growth(self, _topic: str | None) -> None:
        """Wake the follower: a log topic may have grown."""
        self._grown.set()

    def on_failure(self, error: Unavailable) -> None:
        """Let the follower raise ``error`` once it has returned all records it could read."""
        self._failures.append(error)

    def clear(self) -> None:
        """Forget earlier notifications; call before a read."""
        self._grown.clear()

    def raise_failure(self) -> None:
        """Raise the error of the listener, if any.

        Raises:
            Unavailable: the listener lost the database.
        """
        if self._failures:
            raise self._failures[0]

    def wait(self) -> None:
        """Wait for a notification, at most ``WAIT_SECONDS``."""
        self._grown.wait(WAIT_SECONDS)


def begin_stream(
    log: StreamReader, slug: str, cursor: int | None, *, last: int, parameter: str
) -> StreamStart:
    """Return the position after ``cursor``; None: before the ``last`` events of the stream.

    Raises:
        Refused: the stream never had this cursor; ``parameter`` names the argument.
        Unavailable: the log.
    """
    if cursor is None:
        first, following = log.bounds(stream_topic(slug))
        cursor = max(first - 1, following - 1 - last)
    return start_reading(log, slug, cursor, parameter=parameter)


def follow_stream(
    log: StreamReader,
    slug: str,
    *,
    after: int,
    wakeup: Wakeup,
    stopped: Callable[[], bool],
    on_waiting: Callable[[int], None] | None,
) -> Iterator[Gap | Record]:
    """Yield the events after a cursor as they arrive; where retention deleted some, a gap comes first.

    ``on_waiting`` receives the last cursor the first time no event is left. None: end there instead of waiting.
    """
    has_waited = False
    while not stopped():
        wakeup.clear()
        records = log.read(stream_topic(slug), after=after, limit=BATCH)
        gap = find_gap(slug, records, after=after)
        if gap is not None:
            yield gap
        for record in records:
            yield record
            if stopped():
                return
        if records:
            after = records[-1].offset
        elif on_waiting is None:
            return
        else:
            wakeup.raise_failure()
            if not has_waited:
                has_waited = True
                on_waiting(after)
            wakeup.wait()
