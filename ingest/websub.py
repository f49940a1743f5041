"""Hubs: they are asked in time, and what they sent is read as documents of their feeds are.

::

    a poll ─heard─▶ learn       an offer to take up, entries that a hub has not told yet
    claim_due ─▶ POST to the hub ─▶ answered                  (ingest.schedule.websub decides; the API verifies)
    lease ─▶ digest ─▶ append to the log ─▶ record            the same order as for polls, and for the same reason
    judge                       entries that were found and never pushed

It runs within the poller: with its loop, its connections, its parsers. Any number of pollers share the hubs and the
pushes by leases.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final, Protocol

from sqlalchemy import Engine

from ingest.append import Appender, append_singly
from ingest.db.quarantine import QuarantineItem
from ingest.db.websub import pushes, subscriptions
from ingest.db.websub.pushes import Push, PushOutcome
from ingest.errors import Unusable
from ingest.fetch import Fetcher
from ingest.log.api import ARTICLES
from ingest.parse_pool import Document, ParsedDocument, ParserPool
from ingest.runtime import failpoint
from ingest.schedule import Policy, websub
from ingest.schedule.rate_limit import HostLimits
from ingest.schedule.websub import HubResponse, HubSignals, State, Subscription
from ingest.types import DocumentSummary, Failed, FailureKind, Fetched, Lease, Message, PostResponse

logger = logging.getLogger(__name__)

CALLBACK: Final = "/push/"
"""The path of our callbacks below the public address; a token follows."""
IDLE_SECONDS: Final = 1.0
"""Between two looks for pushes, and for hubs to ask, when there are none."""
JUDGE_SECONDS: Final = 15.0
HUBS_AT_ONCE: Final = 20
PUSHES_AT_ONCE: Final = 8
SAID_CHARACTERS: Final = 1000

InThread = Callable[..., Awaitable[Any]]


class _Parsers(Protocol):
    async def parse(self, document: Document) -> ParsedDocument | Failed: ...


@dataclass(slots=True)
class PushCounts:
    """What was done, since it was made."""

    asked: int = 0
    """Requests to hubs."""
    read: int = 0
    """Pushes that ended, whatever they came to."""
    appended: int = 0
    missed: int = 0


class WebSubStage:
    """The hubs' side of a poller. Belongs to its event loop.

    Args:
        public_url: where hubs reach our API.
        in_thread: runs what waits for the database or the log.
        backup: between two polls of a feed whose hub is trusted.
        lease: how long reading a push may take until it is given to another poller.
    """

    def __init__(
        self,
        engine: Engine,
        log: Appender,
        *,
        public_url: str,
        fetcher: Fetcher,
        parsers: ParserPool,
        in_thread: InThread,
        budget: HostLimits,
        backup: timedelta,
        lease: timedelta,
        clock: Callable[[], datetime],
    ) -> None:
        self._engine = engine
        self._log = log
        self._callback = public_url.rstrip("/") + CALLBACK
        self._fetcher = fetcher
        self._parsers: _Parsers = parsers
        self._in_thread = in_thread
        self._budget = budget
        self._backup = backup
        self._lease = lease
        self._clock = clock
        self._known: dict[int, Subscription] = {}
        self.counts = PushCounts()

    # --- what polls bring ---

    async def look_up(self, leases: Sequence[Lease]) -> None:
        """Learn what these feeds have with hubs, for :meth:`policy` and :meth:`heard`."""
        found = await self._in_thread(
            subscriptions.subscriptions_of, self._engine, [lease.feed_id for lease in leases]
        )
        for lease in leases:
            self._known.pop(lease.feed_id, None)
        self._known.update(found)

    def forget(self, feed_id: int) -> None:
        """Its poll has ended: what was learnt for it is of no use any more, and would pile up."""
        self._known.pop(feed_id, None)

    def policy(self, lease: Lease, policy: Policy, *, now: datetime) -> Policy:
        """How often this feed is polled."""
        if not websub.covers(self._known.get(lease.feed_id), now=now):
            return policy
        return replace(policy, interval_with_hub=self._backup)

    def heard(self, lease: Lease, fetched: Fetched, reading: DocumentSummary) -> HubSignals | None:
        """What a poll that was read means for the feed's hub; None: nothing."""
        known = self._known.get(lease.feed_id)
        offer = websub.offered(
            feed_url=lease.url,
            url=fetched.url,
            link=fetched.headers.get("link"),
            hubs=reading.hubs,
            self_url=reading.self_url,
        )
        if known is not None and offer is not None and websub.is_of(known, offer):
            offer = None
        fresh = reading.new_entry_keys
        if known is None or not websub.should_have_pushed(known, polled_at=lease.memory.health.succeeded_at):
            fresh = ()
        return (
            HubSignals(feed_id=lease.feed_id, offer=offer, new_entry_keys=fresh) if offer or fresh else None
        )

    def learn(self, heard: Sequence[HubSignals]) -> None:
        """Remember it; called in a thread, once the polls are recorded. What a crash loses here the next poll that
        reads the feed brings again, or it was no more than evidence."""
        now = self._clock()
        for each in heard:
            if each.offer is not None and subscriptions.offer(
                self._engine,
                each.feed_id,
                each.offer,
                token=secrets.token_urlsafe(32),
                secret=secrets.token_hex(32),
                now=now,
            ):
                failpoint("push.offered")
        found = {each.feed_id: each.new_entry_keys for each in heard if each.new_entry_keys}
        if found:
            subscriptions.record_hub_misses(self._engine, found, now=now)

    # --- what happens by itself ---

    async def run(self, stopping: asyncio.Event) -> None:
        """Ask hubs, read pushes and judge until ``stopping``; what was begun ends first."""
        async with asyncio.TaskGroup() as group:
            for round_of, seconds in (
                (self.ask_hubs, IDLE_SECONDS),
                (self.read_pushes, IDLE_SECONDS),
                (self.judge, JUDGE_SECONDS),
            ):
                group.create_task(_repeat(round_of, seconds=seconds, stopping=stopping))

    async def once(self) -> None:
        """All of it, until nothing of it is due now."""
        for round_of in (self.read_pushes, self.judge, self.ask_hubs):
            while await round_of():
                pass

    async def ask_hubs(self) -> int:
        """Ask the hubs whose time it is; how many those were."""
        claim = partial(subscriptions.claim_due, now=self._clock(), limit=HUBS_AT_ONCE, budget=self._budget)
        asking = await self._in_thread(claim, self._engine)
        if asking:
            failpoint("push.asking")
            await asyncio.gather(*(self._ask(each) for each in asking))
        return len(asking)

    async def _ask(self, known: Subscription) -> None:
        mode = "unsubscribe" if known.state is State.CANCELLED else "subscribe"
        form = {
            "hub.mode": mode,
            "hub.topic": known.topic,
            "hub.callback": self._callback + known.token,
            "hub.secret": known.secret,
            "hub.lease_seconds": str(int(websub.LEASE_WANTED.total_seconds())),
            "hub.verify": "async",  # hubs of before the Recommendation (PubSubHubbub 0.3) want to be told
        }
        said = _said(await self._fetcher.post(known.hub, form=form, now=self._clock()))
        failpoint("push.asked")
        self.counts.asked += 1
        now = self._clock()

        def answer(current: Subscription) -> Subscription | None:
            # It may be another one by now: the feed changed its hub, or an operator changed his mind.
            if (current.token, current.state is State.CANCELLED) != (known.token, mode == "unsubscribe"):
                return None
            return websub.answered(current, said, now=now)

        change = partial(subscriptions.change, feed_id=known.feed_id, now=now)
        changed: Subscription | None = await self._in_thread(change, self._engine, answer)
        if changed is not None and changed.failures:
            logger.info("hub %s, feed %d: %s", known.hub, known.feed_id, changed.detail)

    async def judge(self) -> int:
        """Count against their hubs what they did not bring in time; how many entries those are."""
        missed: int = await self._in_thread(
            partial(subscriptions.count_missed_entries, now=self._clock()), self._engine
        )
        self.counts.missed += missed
        return missed

    async def read_pushes(self) -> int:
        """Read pushes that wait; how many those were."""
        lease = partial(pushes.lease, now=self._clock(), limit=PUSHES_AT_ONCE, lease=self._lease)
        waiting: list[Push] = await self._in_thread(lease, self._engine)
        if not waiting:
            return 0
        failpoint("push.leased")
        reading = {asyncio.create_task(self._read(each)): each for each in waiting}
        try:
            await asyncio.gather(*reading)
        except BaseException:
            for task in reading:
                task.cancel()
            ends = await asyncio.gather(*reading, return_exceptions=True)
            left = [
                each
                for each, end in zip(reading.values(), ends, strict=True)
                if isinstance(end, BaseException)
            ]
            await self._in_thread(pushes.release, self._engine, left)
            raise
        return len(waiting)

    async def _read(self, pushed: Push) -> None:
        now = self._clock()
        if not pushed.enabled:
            outcome = PushOutcome(push=pushed, finished_at=now, detail="the feed is muted: not read")
            await self._record(outcome)
            return
        if not pushed.body.strip():
            detail = "no bytes: it says that there is something"
            await self._record(PushOutcome(push=pushed, finished_at=now, detail=detail, poll_at=now))
            return
        answer = await self._parsers.parse(
            Document(
                feed_id=pushed.feed_id,
                feed_url=pushed.feed_url,
                poll_id=pushed.id,
                seen_at=pushed.received_at,
                url=pushed.feed_url,
                content_type=pushed.content_type,
                language=pushed.language,
                body=pushed.body,
                pushed=True,
            )
        )
        failpoint("push.parsed")
        now = self._clock()
        if isinstance(answer, Failed):
            outcome = PushOutcome(
                push=pushed,
                finished_at=now,
                failure=answer.kind,
                detail=answer.detail,
                sample=answer.sample,
                poll_at=now,
            )
            await self._record(outcome)
            return
        await self._write(pushed, answer)

    async def _write(self, pushed: Push, answer: ParsedDocument) -> None:
        """First the messages, then the outcome: see :meth:`ingest.poll.recorder.Writer.write`."""
        appended, refused = await self._in_thread(self._append, answer.messages)
        failpoint("push.appended")
        now = self._clock()
        reading = answer.reading
        poll_at = None
        if not reading.entries:
            poll_at = now
        elif websub.is_stale_after_push(pushed.feed_url):
            poll_at = now + websub.STALE
        outcome = PushOutcome(
            push=pushed,
            finished_at=now,
            detail=None if reading.complete else "the document was cut short",
            entries=reading.entries,
            appended=appended,
            created=reading.created,
            duplicates=reading.duplicates,
            keys=answer.keys,
            seen=reading.seen,
            poll_at=now if not reading.complete else poll_at,
        )
        unreadable = [
            QuarantineItem(
                stage="normalise",
                topic=f"feed:{pushed.feed_id}",
                key=each.key,
                value=each.value,
                content_key=each.value,
                error=each.error,
                detail=each.detail,
                headers={"feed_url": pushed.feed_url, "poll_id": str(pushed.id)},
            )
            for each in answer.rejected
        ]
        await self._record(outcome, [*unreadable, *refused])

    def _append(self, messages: Sequence[Message]) -> tuple[int, list[QuarantineItem]]:
        if not messages:
            return 0, []
        try:
            self._log.append(ARTICLES, messages)
        except Unusable:
            return append_singly(self._log, messages)
        return len(messages), []

    async def _record(self, outcome: PushOutcome, unpolled: Sequence[QuarantineItem] = ()) -> None:
        record = partial(pushes.record, quarantined=unpolled, now=self._clock())
        ended: bool = await self._in_thread(record, self._engine, outcome)
        failpoint("push.recorded")
        self.counts.read += ended
        self.counts.appended += outcome.appended


async def _repeat(round_of: Callable[[], Awaitable[int]], *, seconds: float, stopping: asyncio.Event) -> None:
    while not stopping.is_set():
        if not await round_of():
            try:
                async with asyncio.timeout(seconds):
                    await stopping.wait()
            except TimeoutError:
                continue


def _said(answer: PostResponse | Failed) -> HubResponse:
    if isinstance(answer, PostResponse):
        return HubResponse(
            status=answer.status, text=answer.body[:SAID_CHARACTERS].decode("utf-8", "replace")
        )
    text = (answer.sample or b"").decode("utf-8", "replace") if answer.status else answer.detail
    # A redirect that cannot be followed is no answer to what was asked.
    status = None if answer.kind is FailureKind.REDIRECT else answer.status
    return HubResponse(status=status, text=text or answer.detail, retry_after=answer.retry_after)
