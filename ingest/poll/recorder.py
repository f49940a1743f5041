"""Record finished polls: append their messages to the log, then store their outcomes."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from functools import partial
from typing import Final

from ingest.alerts import Outbox, append_alerts
from ingest.append import Appender, append_singly
from ingest.db import polls
from ingest.db.engine import Engine
from ingest.db.quarantine import QuarantineItem
from ingest.errors import Unusable
from ingest.log.api import ARTICLES
from ingest.runtime import failpoint
from ingest.schedule.websub import HubSignals
from ingest.types import Message, PollOutcome, PollResult

WRITE_POLLS: Final = 500
WRITE_BYTES: Final = 16 * 1024**2
"""The message bytes of one append; a single poll may have more."""
MAX_POLLS: Final = 2 * WRITE_POLLS
MAX_BYTES: Final = 4 * WRITE_BYTES
"""While more than this waits to be recorded, nothing is fetched or parsed: the log is slow, or down."""
LINGER_SECONDS: Final = 0.02
"""A finished poll waits this long for others to share its transaction."""


@dataclass(slots=True)
class PollCounts:
    """Counts of polls."""

    leased: int = 0
    fetched: int = 0
    not_modified: int = 0
    unchanged: int = 0
    failed: int = 0
    recorded: int = 0
    late: int = 0
    """Outcomes of polls whose lease had expired and been given to another poller."""
    released: int = 0
    batches: int = 0
    entries: int = 0
    appended: int = 0
    quarantined: int = 0
    body_bytes: int = 0

    def add(self, outcomes: Sequence[PollOutcome], *, held: int, quarantined: int) -> None:
        self.batches += 1
        self.recorded += len(outcomes)
        self.late += len(outcomes) - held
        self.quarantined += quarantined
        for outcome in outcomes:
            name = _RESULT_COUNTERS[outcome.result]
            setattr(self, name, getattr(self, name) + 1)
            self.entries += outcome.entries
            self.appended += outcome.appended
            self.body_bytes += outcome.body_bytes

    def __str__(self) -> str:
        return ", ".join(f"{counter.name} {getattr(self, counter.name)}" for counter in fields(self))


_RESULT_COUNTERS: Final = {
    PollResult.FETCHED: "fetched",
    PollResult.NOT_MODIFIED: "not_modified",
    PollResult.UNCHANGED: "unchanged",
    PollResult.FAILED: "failed",
}


@dataclass(slots=True, kw_only=True)
class FinishedPoll:
    """An outcome, and the messages that must be durable before the outcome is recorded."""

    outcome: PollOutcome
    messages: tuple[Message, ...] = ()
    quarantine: tuple[QuarantineItem, ...] = ()
    hub_signals: HubSignals | None = None
    """Consequences for the feed's hub."""

    @property
    def size(self) -> int:
        """Bytes of the messages."""
        return sum([len(message.value) for message in self.messages])


class FinishedQueue:
    """Finished polls that wait to be recorded. A poll counts until its batch is recorded.

    The queue never refuses a poll. Fetching and parsing wait for ``has_capacity`` instead.
    """

    def __init__(self) -> None:
        self.has_capacity = asyncio.Event()
        self.has_capacity.set()
        self._polls: deque[FinishedPoll] = deque()
        self._bytes = 0
        self._batch_bytes = 0
        self._added = asyncio.Event()
        self._closed = False

    def put(self, poll: FinishedPoll) -> None:
        """Add a poll."""
        self._polls.append(poll)
        self._bytes += poll.size
        if self._bytes > MAX_BYTES or len(self._polls) > MAX_POLLS:
            self.has_capacity.clear()
        self._added.set()

    def close(self) -> None:
        """Let :meth:`next_batch` return an empty batch once the queue is empty."""
        self._closed = True
        self._added.set()

    async def next_batch(self) -> list[FinishedPoll]:
        """Wait for polls and return a batch of them; an empty one where the queue is closed and empty."""
        while True:
            await self._added.wait()
            if not self._closed:
                await asyncio.sleep(LINGER_SECONDS)
            if self._polls or self._closed:
                break
            self._added.clear()
        batch: list[FinishedPoll] = []
        self._batch_bytes = 0
        while self._polls and len(batch) < WRITE_POLLS and self._batch_bytes < WRITE_BYTES:
            batch.append(self._polls.popleft())
            self._batch_bytes += batch[-1].size
        return batch

    def batch_recorded(self) -> None:
        """Free the capacity that the last batch took."""
        self._bytes -= self._batch_bytes
        if self._bytes <= MAX_BYTES and len(self._polls) <= MAX_POLLS:
            self.has_capacity.set()


class Recorder:
    """Make batches of finished polls durable, one batch at a time."""

    def __init__(
        self, engine: Engine, log: Appender, outbox: Outbox, *, clock: Callable[[], datetime]
    ) -> None:
        self.counts = PollCounts()
        self._engine = engine
        self._log = log
        self._append_alerts = partial(append_alerts, outbox)
        self._clock = clock

    def write(self, batch: Sequence[FinishedPoll]) -> None:
        """Append the messages, then record the outcomes. In the opposite order a crash in between loses articles.

        Raises:
            Unavailable: the log or the database. None of the batch, or all of it, is recorded.
        """
        failpoint("poll.before-append")
        outcomes, refused = self._append(batch)
        failpoint("poll.before-record")
        quarantined = [item for poll in batch for item in poll.quarantine] + refused
        held = polls.record(
            self._engine,
            outcomes,
            quarantined=quarantined,
            now=self._clock(),
            append_alerts=self._append_alerts,
        )
        failpoint("poll.recorded")
        self.counts.add(outcomes, held=held, quarantined=len(quarantined))

    def _append(self, batch: Sequence[FinishedPoll]) -> tuple[list[PollOutcome], list[QuarantineItem]]:
        """Append the messages. Return the outcomes to record, and the messages that the log refused."""
        messages = [message for poll in batch for message in poll.messages]
        outcomes = [poll.outcome for poll in batch]
        if not messages:
            return outcomes, []
        try:
            self._log.append(ARTICLES, messages)
        except Unusable:
            return self._append_singly(batch)
        failpoint("poll.appended")
        return outcomes, []

    def _append_singly(self, batch: Sequence[FinishedPoll]) -> tuple[list[PollOutcome], list[QuarantineItem]]:
        """Find the messages that the log refuses because of their size. The rest of the batch may be appended twice."""
        outcomes: list[PollOutcome] = []
        refused: list[QuarantineItem] = []
        for poll in batch:
            appended, items = append_singly(self._log, poll.messages)
            refused += items
            failpoint("poll.appended-singly")
            outcomes.append(replace(poll.outcome, appended=appended))
        return outcomes, refused
