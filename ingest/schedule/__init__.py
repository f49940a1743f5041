"""When a feed is polled next, and what is remembered of the poll that just ended. Pure.

::

    NotModified      validators updated   interval                        reset failures
    Fetched, same    validators replaced  interval                        reset failures
    Fetched, read    validators replaced  interval                        reset failures
    Fetched, cut     validators forgotten interval                        reset failures
    Failed           validators kept      back-off, at least Retry-After  failures + 1
      400, 412, 431  validators forgotten

A failure may follow a 200 (a body that is no feed): the old validators stay, so the next poll asks for the
same bytes again. The order matters: what is here decided is stored only after the articles are in the log.

The interval is what the feed is worth (:mod:`ingest.schedule.publish_rate`), not less than server and feed ask for
(:mod:`ingest.schedule.hints`), not so long that entries could come and go unseen, and within the policy's
bounds. The reason of an outcome says which of these it was.

How the feed stands after it, and what is to be told of it, is :mod:`ingest.schedule.states`'.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Final
from urllib.parse import urlsplit

from ingest.errors import Refused
from ingest.identity import PARSER_VERSION
from ingest.schedule import hints, publish_rate, silence, user_agents
from ingest.schedule.site_change import merge_site, site_changed_reason
from ingest.schedule.sitemap_index import children_of
from ingest.schedule.states import apply_state, idle_state, since_when
from ingest.types import (
    ChildSitemap,
    Failed,
    FailureKind,
    FeedState,
    Fetched,
    FetchResult,
    Lease,
    NotModified,
    Pause,
    PollHints,
    PollOutcome,
    PollResult,
    PublishGaps,
    PublishRate,
    Seen,
    SiteIdentity,
    SitemapLink,
    UserAgentTrial,
)
from ingest.urls import feed_url

JITTER: Final = 0.1
"""At most this share of a delay is added, so that feeds added together do not stay together."""
MAX_DOUBLINGS: Final = 16
ROLLS: Final = 0.5
"""Of the time in which a feed's document rolls over: a poll that late still sees half of what the last one saw."""
SKIP_AT_MOST: Final = timedelta(days=3)
"""Days and hours a feed asks to be left alone are skipped up to here; a longer silence is a slip of somebody's."""
WEIGHTS: Final[Mapping[FailureKind, float]] = {
    FailureKind.ADDRESS: 1.0,
    FailureKind.NOT_A_FEED: 1.0,
    FailureKind.TOO_LARGE: 1.0,
    FailureKind.REDIRECT: 1.0,
    FailureKind.CHALLENGED: 1.0,
    FailureKind.ABANDONED: 0.0,
}
"""How many doublings of the back-off a failure is; others are half a one: most pass by themselves."""
STATUS_WEIGHTS: Final[Mapping[int, float]] = {404: 1.0, 410: 1.0, 401: 1.0, 429: 0.25, 503: 0.25}
SOFT: Final = 0.5
GONE: Final = 410
UNWELCOME: Final = frozenset({400, 412, 431})
"""May be said of our conditions: after it the next request has none."""
BELIEVED: Final = timedelta(days=8)
"""So long a 304 is taken for an answer at most; then the document is asked for, whatever the validators."""
LEAST_BELIEVED: Final = timedelta(hours=1)
DOUBTED: Final = 0.25
"""Of the time in which a feed's document rolls over: 304s for so long make one doubt them."""
READ_AGAIN_WITHIN: Final = timedelta(days=1)
"""When documents are to be read anew by a new reader, the feeds are spread over so long."""
MOVED_AFTER: Final = timedelta(days=7)
"""So long all answers have to come from another address before it becomes the feed's own (docs/polling.md, case 31)."""
OUTAGE: Final = timedelta(minutes=1)
"""After this a feed is tried again that could not be reached because of us."""
PAUSE: Final = timedelta(minutes=1)
"""A host that asks us to slow down is left alone at least this long, all its feeds."""
LONGEST_PAUSE: Final = timedelta(hours=1)
"""And at most this long; the feed that was told waits as long as it was told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How often a feed is polled."""

    interval: timedelta = timedelta(minutes=15)
    """Of a feed that has an entry an hour; of every feed where the policy does not adapt."""
    minimum: timedelta = timedelta(minutes=1)
    maximum: timedelta = timedelta(days=1)
    adaptive: bool = True
    """Poll a feed that publishes more more often, and one that publishes less less often."""
    fallback_user_agent: str | None = None
    """What a feed is asked with that refuses our own (:mod:`ingest.schedule.user_agents`); None: nothing."""
    max_children: int = 50
    """Sitemaps of one index that are polled, at most."""
    child_stagger: timedelta = timedelta(minutes=1)
    """Between the first polls of two of them."""
    interval_with_hub: timedelta | None = None
    """A hub that is trusted sends what the feed publishes: so often is often enough."""

    def clamp(self, delay: timedelta) -> timedelta:
        return min(max(delay, self.minimum), self.maximum)


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentSummary:
    """What a document came to, once it was parsed and normalised against its feed's seen-set."""

    title: str | None
    entries: int
    appended: int
    duplicates: int
    seen: tuple[Seen, ...]
    complete: bool
    """False: the document was cut, though its framing said nothing; there may be more where it came from."""
    created: int = 0
    """Entries that were never seen before."""
    has_seen_entries: bool = True
    """At least one entry was seen before."""
    dates: tuple[datetime, ...] = ()
    """When its entries say they were published."""
    poll_hints: PollHints = PollHints()
    site_identity: SiteIdentity | None = None
    children: tuple[SitemapLink, ...] | None = None
    """The sitemaps of an index; None: it is none."""
    new_entry_keys: tuple[bytes, ...] = ()
    """Keys of the entries that were never seen before."""
    hubs: tuple[str, ...] = ()
    """Where it can be subscribed to, as its document says; ``self_url``: what it calls itself."""
    self_url: str | None = None


def body_hash(body: bytes, content_type: str | None) -> bytes:
    """Of all that parsing depends on: the same bytes under another charset are another document."""
    return blake2b(body, digest_size=16, key=(content_type or "").encode("utf-8", "replace")[:64]).digest()


def decide_outcome(
    lease: Lease,
    result: FetchResult,
    reading: DocumentSummary | None,
    *,
    now: datetime,
    policy: Policy,
    hashed: bytes | None = None,
    body_bytes: int = 0,
) -> PollOutcome:
    """What the poll came to.

    ``hashed`` is the :func:`body_hash` of a :class:`Fetched` body. ``reading`` belongs to a body that was
    parsed; one with the hash of the last one was not, and has None. A body that could not be used is given as
    the :class:`Failed` it came to, with its size.
    """
    agent = user_agents.next_agent(lease, result, fallback=policy.fallback_user_agent, now=now)
    if isinstance(result, Failed):
        failed = _failed(lease, result, now=now, policy=policy, body_bytes=body_bytes)
        if agent != lease.user_agent_trial and user_agents.is_trying(agent):
            failed = replace(failed, reason=f"{failed.reason}; then under the fall-back user agent")
        return apply_state(lease, replace(failed, user_agent_trial=agent), whole=True)
    whole = reading is None or reading.complete
    ended = _answered(lease, result, reading, agent=agent, now=now, policy=policy, hashed=hashed)
    if result.moved_to is not None:
        ended = _where(lease, result.moved_to, ended, now=now)
    return apply_state(lease, ended, whole=whole)


def _answered(
    lease: Lease,
    result: Fetched | NotModified,
    reading: DocumentSummary | None,
    *,
    agent: UserAgentTrial | None,
    now: datetime,
    policy: Policy,
    hashed: bytes | None,
) -> PollOutcome:
    published = _cadence(lease, reading, now=now)
    asked = lease.poll_hints if reading is None else reading.poll_hints
    plan = _plan(
        published,
        asked=asked,
        fresh=hints.freshness_lifetime(result.headers, now=now),
        entries=lease.entries if reading is None else reading.entries,
        policy=policy,
    )
    next_poll_at, reason = _due(lease, plan, asked=asked, now=now, policy=policy)
    rhythm = _rhythm(lease, reading, now=now)
    # What nearly every poll comes to; making another outcome of it costs as much as all the rest (see `standing`).
    state, state_reason = idle_state(rhythm, now=now)
    ended = PollOutcome(
        feed_id=lease.feed_id,
        poll_id=lease.poll_id,
        result=PollResult.NOT_MODIFIED,
        started_at=lease.leased_at,
        finished_at=now,
        next_poll_at=next_poll_at,
        reason=reason,
        interval=plan.interval,
        failures=0,
        # RFC 9111 §4.3.4: what a 304 does not mention stays as it was.
        etag=lease.etag if result.etag is None else result.etag,
        last_modified=lease.last_modified if result.last_modified is None else result.last_modified,
        body_hash=lease.body_hash,
        status=304,
        succeeded_at=now,
        publish_rate=published,
        poll_hints=asked,
        last_body_at=lease.last_body_at,
        validators_unreliable=lease.validators_unreliable,
        publish_gaps=rhythm,
        site_identity=lease.site_identity,
        site_changed_reason=lease.site_changed_reason,
        parser_version=lease.parser_version,
        user_agent_trial=agent,
        state=state,
        state_since=since_when(lease, state, now=now),
        state_reason=state_reason,
    )
    if isinstance(result, NotModified):
        return ended
    # Remembering anything of a document that was cut would let a later 304, or an equal cut, hide its rest.
    whole = reading is None or reading.complete
    ended = replace(
        ended,
        result=PollResult.UNCHANGED,
        etag=result.etag if whole else None,
        last_modified=result.last_modified if whole else None,
        body_hash=hashed if whole else None,
        status=result.status,
        body_bytes=len(result.body),
        last_body_at=now,
        validators_unreliable=lease.validators_unreliable or _stood_still(lease, result, hashed, now=now),
    )
    if reading is None:
        return ended
    missed = _missed(lease, reading, now=now)
    # The other site's entries are known from its second document on; what makes it its old self is its hosts or title.
    known = reading.has_seen_entries and lease.site_changed_reason is None
    another = site_changed_reason(lease.site_identity, reading.site_identity, known=known)
    parts = None
    if reading.children is not None:
        parts = children_of(
            reading.children,
            url=result.url,
            now=now,
            limit=policy.max_children,
            stagger=policy.child_stagger,
            interval=policy.interval,
        )
    return replace(
        ended,
        result=PollResult.FETCHED,
        feed_title=reading.title,
        site_identity=lease.site_identity
        if another
        else merge_site(lease.site_identity, reading.site_identity),
        site_changed_reason=another,
        parser_version=PARSER_VERSION if whole else lease.parser_version,
        detail=_remark(whole=whole, missed=missed, reading=reading, parts=parts),
        entries=reading.entries,
        appended=reading.appended,
        created=reading.created,
        duplicates=reading.duplicates,
        missed=missed,
        seen=reading.seen,
        # Of an index that was cut the rest is not known.
        children=parts if whole else None,
    )


def is_conditional(lease: Lease, *, now: datetime) -> bool:
    """Whether to send the validators: not those of a server that is known to answer 304 whatever it has; not even
    others where none but 304 came for so long that a feed like this one should have had something new; once when a
    feed is silent; and once for a new reader."""
    if lease.validators_unreliable or needs_reparse(lease):
        return False
    if lease.last_body_at is None:
        return True
    doubted_since = lease.state_since if lease.state is FeedState.SILENT else None
    if doubted_since is not None and lease.last_body_at < doubted_since:
        return False
    return now - lease.last_body_at < _believed(lease)


def _believed(lease: Lease) -> timedelta:
    """How long 304s are taken for answers: a part of the time in which the feed's entries become others, so that what
    was published behind a validator that stands still is mostly still there when it is found out."""
    rolls_over = (
        None
        if lease.publish_rate is None
        else publish_rate.window_turnover(lease.publish_rate, entries=lease.entries)
    )
    if rolls_over is None:
        return BELIEVED
    return min(max(rolls_over * DOUBTED, LEAST_BELIEVED), BELIEVED)


def needs_reparse(lease: Lease) -> bool:
    """Whether this poll is the one in which its feed is read anew because its last document had an older reader.

    Each poll is it with the share that its interval has in :data:`READ_AGAIN_WITHIN`, so that not all feeds are read
    anew in the first minutes after an upgrade.
    """
    if lease.parser_version >= PARSER_VERSION or lease.last_body_at is None:
        return False
    drawn = blake2b(b"%d %d" % (lease.feed_id, lease.poll_id), digest_size=4).digest()
    return int.from_bytes(drawn, "big") / 2**32 < lease.interval / READ_AGAIN_WITHIN


def _where(lease: Lease, moved_to: str, ended: PollOutcome, *, now: datetime) -> PollOutcome:
    """``ended`` with what is known of the address that answered. Only an answer that could be used counts: what
    redirects to a home page or a parking page ends as a failure, and is not believed (docs/polling.md, case 33)."""
    target = _new_address(lease, moved_to)
    if target is None:
        if moved_to == lease.url:
            return ended
        return replace(
            ended, detail=ended.detail or f"redirected for good to {moved_to}, which is not believed"
        )
    since = lease.moved_since if lease.moved_to == target and lease.moved_since is not None else now
    ended = replace(ended, moved_to=target, moved_since=since)
    # A domain that was sold sends us to its buyer's for good: an operator has to accept that first.
    believed = ended.site_changed_reason is None and now - since >= MOVED_AFTER
    return replace(ended, relocate=target) if believed else ended


def _new_address(lease: Lease, moved_to: str) -> str | None:
    """The address as the registry would have it; None: it is none that we would go to for good."""
    try:
        target = feed_url(moved_to)
    except Refused:
        return None
    # Whoever sits between us and the server can make such a redirect; it would be believed for ever.
    downgraded = lease.url.startswith("https:") and target.startswith("http:")
    return None if downgraded or target == lease.url else target


def _rhythm(lease: Lease, reading: DocumentSummary | None, *, now: datetime) -> PublishGaps | None:
    if reading is None or not reading.created:
        return lease.publish_gaps
    if lease.publish_gaps is None and lease.succeeded_at is None:
        return silence.initial_gaps(reading.dates, now=now)
    return silence.update_gaps(lease.publish_gaps, at=now)


def _stood_still(lease: Lease, fetched: Fetched, hashed: bytes | None, *, now: datetime) -> bool:
    """Whether a GET without validators brought another document under the very validators that we have."""
    if is_conditional(lease, now=now) or lease.body_hash is None or hashed == lease.body_hash:
        return False
    return (lease.etag, lease.last_modified) == (fetched.etag, fetched.last_modified) != (None, None)


def _cadence(lease: Lease, reading: DocumentSummary | None, *, now: datetime) -> PublishRate:
    """How much the feed publishes, this poll counted."""
    if lease.publish_rate is None or lease.succeeded_at is None:
        return publish_rate.initial_rate(reading.dates if reading else (), now=now)
    # A clock that was set back is no time that passed.
    since = max(now - lease.succeeded_at, timedelta(0))
    if reading is None:
        return publish_rate.update_rate(lease.publish_rate, created=0, since=since)
    # An index is worth a poll again where any of its sitemaps changed, and no more for many.
    changed = [child.updated for child in reading.children or () if child.updated is not None]
    created = reading.created + any(lease.succeeded_at < at <= now for at in changed)
    if _missed(lease, reading, now=now):
        # What was there to be seen says nothing of what was not: the rate may rise and does not fall. To add the
        # estimate, which grows with the rate, would let one that publishes in batches run away.
        created = max(
            created, round(publish_rate.entries_an_hour(lease.publish_rate) * (since / publish_rate.HOUR))
        )
    return publish_rate.update_rate(lease.publish_rate, created=created, since=since)


def _missed(lease: Lease, reading: DocumentSummary, *, now: datetime) -> int:
    """How many entries came and went since the last poll: some did where all of the document is new and young."""
    if (
        lease.first
        or lease.publish_rate is None
        or lease.succeeded_at is None
        or reading.children is not None
    ):
        return 0
    if reading.has_seen_entries or not reading.complete or len(reading.dates) < max(2, reading.entries):
        return 0
    gap = min(reading.dates) - lease.succeeded_at
    if gap <= timedelta(0) or gap > now - lease.succeeded_at:
        return 0
    return max(1, round(publish_rate.entries_an_hour(lease.publish_rate) * (gap / publish_rate.HOUR)))


def _remark(
    *, whole: bool, missed: int, reading: DocumentSummary, parts: tuple[ChildSitemap, ...] | None
) -> str | None:
    if not whole:
        return "the document was cut short"
    if parts is not None:
        return f"an index of {len(reading.children or ())} sitemaps; {len(parts)} of them are polled"
    return f"its oldest entry is newer than the last poll: about {missed} were missed" if missed else None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    interval: timedelta
    reason: str
    rolls_over: timedelta | None
    """The feed's document has none of today's entries after this."""


def _plan(
    published: PublishRate, *, asked: PollHints, fresh: timedelta | None, entries: int, policy: Policy
) -> _Plan:
    """The interval between two polls of a feed that answers, and because of what it is that."""
    interval, reason = policy.interval, "as set"
    rolls_over = publish_rate.window_turnover(published, entries=entries)
    if policy.adaptive:
        interval = publish_rate.interval_for(published, interval=policy.interval, longest=policy.maximum)
        reason = f"it has {publish_rate.format_rate(published)}"
    for wish, why in (
        (asked.interval, "the feed asks for it"),
        (fresh, "the server says it is good as long"),
    ):
        if wish is not None and wish > interval:
            interval, reason = wish, why
    if policy.interval_with_hub is not None and policy.interval_with_hub > interval:
        interval, reason = policy.interval_with_hub, "its hub sends what is new, and polls are a backup"
    bounded = policy.clamp(interval)
    if bounded != interval and reason != "as set":
        reason = f"the {'least' if bounded > interval else 'most'} that is set; {reason}"
    # What a hub lost must still be there when the backup comes.
    if (
        (policy.adaptive or policy.interval_with_hub)
        and rolls_over is not None
        and bounded > rolls_over * ROLLS
    ):
        bounded = policy.clamp(rolls_over * ROLLS)
        reason = f"its {entries} entries are others after {format_duration(_rounded(rolls_over))}"
    return _Plan(
        interval=bounded,
        reason=f"every {format_duration(_rounded(bounded))}: {reason}",
        rolls_over=rolls_over,
    )


def _due(
    lease: Lease, plan: _Plan, *, asked: PollHints, now: datetime, policy: Policy
) -> tuple[datetime, str]:
    """When the next poll is, hours and days left out that the feed wants left out."""
    due = now + with_jitter(lease.feed_id, plan.interval, policy=policy)
    after = hints.after_skipped(due, asked)
    if after == due:
        return due, plan.reason
    longest = SKIP_AT_MOST if plan.rolls_over is None else min(SKIP_AT_MOST, plan.rolls_over * ROLLS)
    if after - now > longest:
        return due, plan.reason
    return after, f"{plan.reason}; not before, as the feed asks to be left alone (skipHours, skipDays)"


def _failed(lease: Lease, failed: Failed, *, now: datetime, policy: Policy, body_bytes: int) -> PollOutcome:
    if failed.kind is FailureKind.OUTAGE:
        failures, delay, reason = lease.failures, policy.clamp(OUTAGE), "our own network seems to be down"
    else:
        failures = lease.failures + 1
        delay, reason = _backoff(lease, failed, failures, policy=policy)
    unwelcome = failed.status in UNWELCOME
    return PollOutcome(
        feed_id=lease.feed_id,
        poll_id=lease.poll_id,
        result=PollResult.FAILED,
        started_at=lease.leased_at,
        finished_at=now,
        next_poll_at=now + with_jitter(lease.feed_id, delay, policy=policy),
        reason=reason,
        interval=lease.interval,
        failures=failures,
        etag=None if unwelcome else lease.etag,
        last_modified=None if unwelcome else lease.last_modified,
        body_hash=lease.body_hash,
        status=failed.status,
        failure=failed.kind,
        detail=failed.detail,
        sample=failed.sample,
        body_bytes=body_bytes,
        succeeded_at=lease.succeeded_at,
        publish_rate=lease.publish_rate,
        poll_hints=lease.poll_hints,
        last_body_at=lease.last_body_at,
        validators_unreliable=lease.validators_unreliable,
        moved_to=lease.moved_to,
        moved_since=lease.moved_since,
        publish_gaps=lease.publish_gaps,
        site_identity=lease.site_identity,
        site_changed_reason=lease.site_changed_reason,
        parser_version=lease.parser_version,
        state=lease.state,
        state_since=lease.state_since,
        retry_after_until=None
        if failed.retry_after is None
        else now + min(failed.retry_after, policy.maximum),
        pause=pause_for(lease.url, failed, now=now),
    )


def _backoff(lease: Lease, failed: Failed, failures: int, *, policy: Policy) -> tuple[timedelta, str]:
    """How long to wait after so many failures in a row, and why."""
    # However seldom a feed is polled that answers: one that does not is asked again soon, and then less and less.
    first = policy.clamp(min(policy.interval, lease.interval))
    if failed.status == GONE and failures > 1:
        return policy.maximum, "it is gone (410), and looked at now and then"
    doublings = min(_weight(failed) * (failures - 1), MAX_DOUBLINGS)
    backoff = policy.clamp(first * 2**doublings)
    delay, reason = backoff, f"failed {failures} times in a row" if failures > 1 else "failed once"
    if failed.retry_after is not None and failed.retry_after > backoff:
        delay = policy.clamp(failed.retry_after)
        reason = f"asked to wait {format_duration(failed.retry_after)}"
        if delay < failed.retry_after:
            reason += f", which we do for {format_duration(delay)} at most"
    return delay, reason


def pause_for(url: str, failed: Failed, *, now: datetime) -> Pause | None:
    """Too many requests is said of us, not of one feed."""
    if failed.status != 429 and (failed.status != 503 or failed.retry_after is None):
        return None
    length = min(max(failed.retry_after or PAUSE, PAUSE), LONGEST_PAUSE)
    said = f"{failed.status} for {url}"
    if failed.retry_after is not None:
        said += f", Retry-After {format_duration(failed.retry_after)}"
    host = urlsplit(failed.url or url).hostname or ""
    return Pause(host=f"[{host}]" if ":" in host else host, at=now, until=now + length, reason=said)


def _weight(failed: Failed) -> float:
    if failed.kind is FailureKind.STATUS and failed.status is not None:
        return STATUS_WEIGHTS.get(failed.status, SOFT)
    return WEIGHTS.get(failed.kind, SOFT)


def with_jitter(feed_id: int, delay: timedelta, *, policy: Policy) -> timedelta:
    """``delay`` and up to ``JITTER`` of it, always the same for one feed; never beyond the maximum."""
    share = blake2b(feed_id.to_bytes(8, "big", signed=True), digest_size=2).digest()
    longer = delay * (1 + JITTER * int.from_bytes(share, "big") / 0xFFFF)
    return max(delay, min(longer, policy.maximum))


def _rounded(delay: timedelta) -> timedelta:
    """For people: whole hours from ten on, whole minutes from ten on, else whole seconds where there is one."""
    seconds = delay.total_seconds()
    for unit, least in ((3600, 36_000), (60, 600), (1, 1)):
        if seconds >= least:
            return timedelta(seconds=round(seconds / unit) * unit)
    return delay


def format_duration(delay: timedelta) -> str:
    """As settings spell it: ``15m``, ``6h``, ``90s``."""
    seconds = delay.total_seconds()
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= size and seconds % size == 0:
            return f"{seconds / size:g}{unit}"
    return f"{seconds:g}s"
