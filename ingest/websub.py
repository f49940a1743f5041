"""WebSub: request subscriptions from hubs in time, and read pushes as documents of their feeds.

::

    poll ─signals─▶ record_signals     hubs that feeds declare, entries that no push brought yet
    claim_due ─▶ POST to the hub ─▶ store its response        (ingest.schedule.websub decides; the API verifies)
    lease a push ─▶ parse ─▶ append to the log ─▶ record      the same order as for polls, for the same reason
    count_missed_entries               entries that polls found and no push brought within the grace

The stage runs on the poller's event loop, with the same connections and parsers. Any number of pollers share the
subscriptions and the pushes by leases.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from ingest import runtime
from ingest.append import Appender, append_singly
from ingest.db.engine import Engine
from ingest.db.quarantine import QuarantineItem
from ingest.db.websub import pushes, subscriptions
from ingest.db.websub.pushes import Push, PushOutcome
from ingest.errors import Unusable
from ingest.fetch_resources import FetchResources
from ingest.log.api import ARTICLES
from ingest.parse_pool import Document, ParsedDocument
from ingest.runtime import failpoint
from ingest.schedule import Policy, websub
from ingest.schedule.hub_offer import find_offer, lags_behind_hub
from ingest.schedule.rate_limit import HostLimits
from ingest.schedule.websub import HubResponse, HubSignals, Subscription, SubscriptionState
from ingest.types import DocumentSummary, Failed, FailureKind, Fetched, Lease, Message, PostResponse

logger = logging.getLogger(__name__)

CALLBACK: Final = "/push/"
"""The path of our callbacks below the public URL; a token follows."""
IDLE_SECONDS: Final = 1.0
"""Between two queries for pushes, and for due subscriptions, while there are none."""
COUNT_MISSED_SECONDS: Final = 15.0
CONCURRENT_REQUESTS: Final = 20
CONCURRENT_PUSHES: Final = 8
RESPONSE_CHARACTERS: Final = 1000


@dataclass(slots=True)
class WebSubCounts:
    """Counts of a WebSub stage."""

    requests: int = 0
    """Requests to hubs."""
    pushes: int = 0
    """Pushes that were recorded, with whatever outcome."""
    appended: int = 0
    missed: int = 0


class WebSubStage:
    """The subscriber's side of WebSub. Belongs to the event loop of ``resources``.

    Args:
        engine, log: those of the poller.
        resources: the fetcher, the parsers and the threads.
        public_url: the URL of our API as hubs reach it.
        host_limits: limits per host that all pollers share.
        interval_with_hub: between two polls of a feed whose hub is trusted.
        lease: the maximum time for reading a push; after it the push is leased to another poller.
        clock: returns the current time.
    """

    def __init__(
        self,
        engine: Engine,
        log: Appender,
        resources: FetchResources,
        *,
        public_url: str,
        host_limits: HostLimits,
        interval_with_hub: timedelta,
        lease: timedelta,
        clock: Callable[[], datetime] = runtime.now,
    ) -> None:
        self._engine = engine
        self._log = log
        self._resources = resources
        self._callback = public_url.rstrip("/") + CALLBACK
        self._host_limits = host_limits
        self._interval_with_hub = interval_with_hub
        self._lease = lease
        self._clock = clock
        self._subscriptions: dict[int, Subscription] = {}
        """The subscriptions of feeds that are being polled, by feed."""
        self.counts = WebSubCounts()

    # --- what a poll run needs: ingest.poll.hub_policy ---

    async def load_subscriptions(self, leases: Sequence[Lease]) -> None:
        """Load the subscriptions of these feeds, for :meth:`policy` and :meth:`signals`."""
        feed_ids = [lease.feed_id for lease in leases]
        rows = await self._resources.in_thread(subscriptions.subscriptions_of, self._engine, feed_ids)
        for feed_id in feed_ids:
            self._subscriptions.pop(feed_id, None)
        self._subscriptions.update(rows)

    def discard_subscription(self, feed_id: int) -> None:
        """Discard a loaded subscription, because its poll has ended."""
        self._subscriptions.pop(feed_id, None)

    def policy(self, lease: Lease, policy: Policy, *, now: datetime) -> Policy:
        """Return the poll policy of a feed: a longer interval where its hub is relied on."""
        if not websub.is_reliable(self._subscriptions.get(lease.feed_id), now=now):
            return policy
        return replace(policy, interval_with_hub=self._interval_with_hub)

    def signals(self, lease: Lease, fetched: Fetched, summary: DocumentSummary) -> HubSignals | None:
        """Return the consequences of a parsed document for the feed's hub; None: there are none."""
        subscription = self._subscriptions.get(lease.feed_id)
        offer = find_offer(
            feed_url=lease.url,
            url=fetched.url,
            link=fetched.headers.get("link"),
            hubs=summary.hubs,
            self_url=summary.self_url,
        )
        if subscription is not None and offer is not None and websub.matches_offer(subscription, offer):
            offer = None
        keys = summary.new_entry_keys
        if subscription is None or not websub.should_have_pushed(
            subscription, polled_at=lease.memory.health.succeeded_at
        ):
            keys = ()
        return HubSignals(feed_id=lease.feed_id, offer=offer, new_entry_keys=keys) if offer or keys else None

    async def record_signals(self, signals: Sequence[HubSignals]) -> None:
        """Store signals of polls that are recorded.

        Signals that a crash loses here come again with the next poll that parses the feed, or were only evidence.
        """
        await self._resources.in_thread(self._record_signals, signals)

    def _record_signals(self, signals: Sequence[HubSignals]) -> None:
        now = self._clock()
        for signal in signals:
            if signal.offer is not None and subscriptions.offer(
                self._engine,
                signal.feed_id,
                signal.offer,
                token=secrets.token_urlsafe(32),
                secret=secrets.token_hex(32),
                now=now,
            ):
                failpoint("push.offered")
        misses = {signal.feed_id: signal.new_entry_keys for signal in signals if signal.new_entry_keys}
        if misses:
            subscriptions.record_hub_misses(self._engine, misses, now=now)

    # --- the stage's own rounds ---

    async def run(self, stopping: asyncio.Event) -> None:
        """Request subscriptions, read pushes and count misses until ``stopping`` is set, and end what was begun.

        Raises:
            Unavailable: the database, the log, or no parser can be started. Leases then expire.
        """
        async with asyncio.TaskGroup() as group:
            for run_round, seconds in (
                (self.request_subscriptions, IDLE_SECONDS),
                (self.read_pushes, IDLE_SECONDS),
                (self.count_missed_entries, COUNT_MISSED_SECONDS),
            ):
                group.create_task(_repeat(run_round, seconds=seconds, stopping=stopping))

    async def run_once(self) -> None:
        """Run all rounds until nothing is due."""
        for run_round in (self.read_pushes, self.count_missed_entries, self.request_subscriptions):
            while await run_round():
                pass

    async def request_subscriptions(self) -> int:
        """Send the requests to hubs that are due. Return their number."""
        due = await self._resources.in_thread(
            subscriptions.claim_due,
            self._engine,
            now=self._clock(),
            limit=CONCURRENT_REQUESTS,
            host_limits=self._host_limits,
        )
        if due:
            failpoint("push.asking")
            await asyncio.gather(*(self._request_subscription(subscription) for subscription in due))
        return len(due)

    async def _request_subscription(self, requested: Subscription) -> None:
        cancelled = requested.state is SubscriptionState.CANCELLED
        form = {
            "hub.mode": "unsubscribe" if cancelled else "subscribe",
            "hub.topic": requested.topic,
            "hub.callback": self._callback + requested.token,
            "hub.secret": requested.secret,
            "hub.lease_seconds": str(int(websub.REQUESTED_LEASE.total_seconds())),
            "hub.verify": "async",  # required by hubs of PubSubHubbub 0.3, before the Recommendation
        }
        response = _hub_response(
            await self._resources.fetcher.post(requested.hub, form=form, now=self._clock())
        )
        failpoint("push.asked")
        self.counts.requests += 1
        now = self._clock()

        def apply(current: Subscription) -> Subscription | None:
            # The feed may have changed its hub since, or an operator may have cancelled or restored the subscription.
            unchanged = current.token == requested.token
            if not unchanged or (current.state is SubscriptionState.CANCELLED) is not cancelled:
                return None
            return websub.after_response(current, response, now=now)

        changed = await self._resources.in_thread(
            subscriptions.change, self._engine, apply, feed_id=requested.feed_id, now=now
        )
        if changed is not None and changed.failures:
            logger.info("hub %s, feed %d: %s", requested.hub, requested.feed_id, changed.detail)

    async def count_missed_entries(self) -> int:
        """Lower the trust in hubs that did not push entries in time. Return the number of the entries."""
        missed = await self._resources.in_thread(
            subscriptions.count_missed_entries, self._engine, now=self._clock()
        )
        self.counts.missed += missed
        return missed

    async def read_pushes(self) -> int:
        """Read pushes that wait. Return their number."""
        leased = await self._resources.in_thread(
            pushes.lease, self._engine, now=self._clock(), limit=CONCURRENT_PUSHES, lease=self._lease
        )
        if not leased:
            return 0
        failpoint("push.leased")
        tasks = {asyncio.create_task(self._read(push)): push for push in leased}
        try:
            await asyncio.gather(*tasks)
        except BaseException:
            for task in tasks:
                task.cancel()
            results = await asyncio.gather(*tasks, return_exceptions=True)
            unread = [
                push
                for push, result in zip(tasks.values(), results, strict=True)
                if isinstance(result, BaseException)
            ]
            await self._resources.in_thread(pushes.release, self._engine, unread)
            raise
        return len(leased)

    async def _read(self, push: Push) -> None:
        now = self._clock()
        if not push.enabled:
            detail = "the feed is muted: not read"
            await self._record(PushOutcome(push=push, finished_at=now, detail=detail))
            return
        if not push.body.strip():
            detail = "an empty body: only announces that the feed has changed"
            await self._record(PushOutcome(push=push, finished_at=now, detail=detail, poll_at=now))
            return
        parsed = await self._resources.parsers.parse(
            Document(
                feed_id=push.feed_id,
                feed_url=push.feed_url,
                poll_id=push.id,
                seen_at=push.received_at,
                url=push.feed_url,
                content_type=push.content_type,
                language=push.language,
                body=push.body,
                identity=push.identity,
                pushed=True,
            )
        )
        failpoint("push.parsed")
        if isinstance(parsed, Failed):
            now = self._clock()
            outcome = PushOutcome(
                push=push,
                finished_at=now,
                failure=parsed.kind,
                detail=parsed.detail,
                sample=parsed.sample,
                poll_at=now,
            )
            await self._record(outcome)
            return
        await self._write(push, parsed)

    async def _write(self, push: Push, parsed: ParsedDocument) -> None:
        """Append the messages, then record the outcome: see :meth:`ingest.poll.recorder.Recorder.write`."""
        appended, refused = await self._resources.in_thread(self._append, parsed.messages)
        failpoint("push.appended")
        now = self._clock()
        summary = parsed.summary
        poll_at = None
        if not summary.complete or not summary.entries:
            poll_at = now
        elif lags_behind_hub(push.feed_url):
            poll_at = now + websub.YOUTUBE_LAG
        outcome = PushOutcome(
            push=push,
            finished_at=now,
            detail=None if summary.complete else "the document is truncated",
            entries=summary.entries,
            appended=appended,
            created=summary.created,
            duplicates=summary.duplicates,
            keys=parsed.keys,
            seen=summary.seen,
            poll_at=poll_at,
        )
        rejected = [
            QuarantineItem(
                stage="normalise",
                topic=f"feed:{push.feed_id}",
                key=entry.key,
                value=entry.value,
                content_key=entry.value,
                error=entry.error,
                detail=entry.detail,
                headers={"feed_url": push.feed_url, "poll_id": str(push.id)},
            )
            for entry in parsed.rejected
        ]
        await self._record(outcome, [*rejected, *refused])

    def _append(self, messages: Sequence[Message]) -> tuple[int, list[QuarantineItem]]:
        if not messages:
            return 0, []
        try:
            self._log.append(ARTICLES, messages)
        except Unusable:
            return append_singly(self._log, messages)
        return len(messages), []

    async def _record(self, outcome: PushOutcome, quarantined: Sequence[QuarantineItem] = ()) -> None:
        recorded = await self._resources.in_thread(
            pushes.record, self._engine, outcome, quarantined=quarantined, now=self._clock()
        )
        failpoint("push.recorded")
        self.counts.pushes += recorded
        self.counts.appended += outcome.appended


async def _repeat(
    run_round: Callable[[], Awaitable[int]], *, seconds: float, stopping: asyncio.Event
) -> None:
    while not stopping.is_set():
        if not await run_round():
            try:
                async with asyncio.timeout(seconds):
                    await stopping.wait()
            except TimeoutError:
                continue


def _hub_response(response: PostResponse | Failed) -> HubResponse:
    if isinstance(response, PostResponse):
        text = response.body[:RESPONSE_CHARACTERS].decode("utf-8", "replace")
        return HubResponse(status=response.status, text=text)
    text = (response.sample or b"").decode("utf-8", "replace") if response.status else response.detail
    # A redirect that cannot be followed does not answer the request.
    status = None if response.kind is FailureKind.REDIRECT else response.status
    return HubResponse(status=status, text=text or response.detail, retry_after=response.retry_after)
