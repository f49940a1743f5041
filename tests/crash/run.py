"""One run over one log.

::

    cycle    arm the strikes ─▶ publish a round of news ─▶ each armed step is reached: kill, let live, restart
             ─▶ drained: stored, on the streams, told to the subscribers, on Kafka
    end      stop the pollers; compare everything with everything
"""

from __future__ import annotations

import random
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from http.client import HTTPException
from pathlib import Path
from typing import Final

from ingest.db import feeds
from ingest.errors import Unavailable
from ingest.log.api import stream_topic
from ingest.runtime import now
from tests.crash import provoke, reading
from tests.crash.compare import (
    Kind,
    Violation,
    compare_intervals,
    compare_polls,
    compare_store,
    compare_stream,
)
from tests.crash.labels import Role
from tests.crash.news import EVERYTHING, STORMS, Newsroom, stream_kinds
from tests.crash.parts import KafkaReader
from tests.crash.plan import Cycle
from tests.crash.rig import CHECKOUT, PARTITIONS, Rig, StuckError, build
from tests.crash.subscriber import ReceivedEvent, Subscriber
from tests.feedworld import FeedWorld, WorldFeed
from tests.feedworld.hub import Hub

STREAMS: Final = (EVERYTHING, STORMS)
FEEDS: Final = 4
SHOWN: Final = 50
"""Number of violations that a report lists."""
NUDGE_SECONDS: Final = 2.0
"""A step not reached within this time belongs to starting or stopping, so its process is asked to stop."""
REACH_SECONDS: Final = (4.0, 8.0, 16.0, 32.0, 64.0)
"""Seconds to wait after each such request. A process that was still starting, without a subscriber, stops without
passing the step. On a busy machine a start alone takes longer than the first of these."""
SHARING_ROUNDS: Final = 20
EARLY: Final = 0.9
"""Part of the interval that must lie between two requests for one feed. The interval counts from the decision to poll,
and the request follows some milliseconds later, by a varying delay."""


@dataclass(slots=True, kw_only=True)
class Outcome:
    """Result of a run."""

    log: str
    seed: int
    violations: list[Violation] = field(default_factory=list)
    kills: int = 0
    killed: str = ""
    """Kills by target, as text."""
    struck: frozenset[str] = frozenset()
    """Labels at which something was killed."""
    cycles: int = 0
    articles: int = 0
    revisions: int = 0
    events: int = 0
    """Events on all streams together."""
    connections: int = 0
    """How often the subscriber of the topic ``everything`` had to connect."""
    seconds: float = 0.0
    log_tails: str = ""

    def count(self, kind: Kind) -> int:
        return sum(violation.kind is kind for violation in self.violations)

    def report(self) -> str:
        """Return the violations, with what is needed to reproduce them."""
        lines = [
            f"{len(self.violations)} violations on {self.log}, seed {self.seed} ({self.killed} killed):",
            *(f"  {violation.kind}: {violation.detail}" for violation in self.violations[:SHOWN]),
        ]
        if len(self.violations) > SHOWN:
            lines.append(f"  … and {len(self.violations) - SHOWN} more")
        return "\n".join(lines)


def run(
    cycles: Sequence[Cycle],
    *,
    log: str,
    seed: int,
    jars: Path | None = None,
    pairs: bool = False,
    patience: float = 180.0,
    enough: int | None = None,
    source: Path = CHECKOUT,
    keep: bool = False,
    say: Callable[[str], None] = print,
) -> Outcome:
    """All ``cycles``, or as many as it takes for ``enough`` kills, or as the service gets through; then the comparison.

    ``patience`` is how many seconds a cycle may take to come through once everything is up again; ``keep`` leaves
    database, broker's files and everybody's words where they are, and says where.
    """
    outcome = Outcome(log=log, seed=seed)
    begun = time.monotonic()
    with ExitStack() as stack:
        folder = tempfile.mkdtemp(prefix="ingest-crash-")
        if keep:
            say(f"the files of this run: {folder}")
        else:
            stack.callback(shutil.rmtree, folder)
        harness = _Run(outcome, patience=patience, enough=enough, say=say)
        rig = stack.enter_context(
            build(
                folder=Path(folder),
                source=source,
                jars=jars if log == "kafka" else None,
                pairs=pairs,
                chance=random.Random(seed),
                on_violation=harness.violated,
            )
        )
        harness.go(rig, stack.enter_context(FeedWorld()), stack.enter_context(Hub()), cycles)
        if outcome.violations:
            outcome.log_tails = rig.log_tails()
    outcome.seconds = time.monotonic() - begun
    return outcome


class _Run:
    def __init__(
        self, outcome: Outcome, *, patience: float, enough: int | None, say: Callable[[str], None]
    ) -> None:
        self._outcome = outcome
        self._enough = enough
        self._patience = patience
        self._say = say
        self._cycle = Cycle(())
        self._quarantined = 0
        self._rig: Rig
        self._news: Newsroom
        self._hub: Hub
        self._subscribers: list[Subscriber] = []
        self._readers: list[KafkaReader] = []

    def violated(self, kind: Kind, detail: str) -> None:
        self._outcome.violations.append(Violation(kind, f"{detail}   [cycle: {self._cycle}]"))
        self._say(f"VIOLATION {kind}: {detail}")

    def go(self, rig: Rig, world: FeedWorld, hub: Hub, cycles: Sequence[Cycle]) -> None:
        self._rig = rig
        self._hub = hub
        chance = random.Random(self._outcome.seed)
        self._news = Newsroom(world, feeds=FEEDS, chance=chance, hub=hub.url)
        before = [cycle for cycle in cycles if _is_of(cycle, Role.MIGRATE)]
        live = [cycle for cycle in cycles if not _is_of(cycle, Role.MIGRATE)]
        try:
            for cycle in before:
                self._cycle = cycle
                provoke.migrate(rig, cycle)
                self._report_unreached()
                self._outcome.cycles += 1
                self._say(f"[{self._outcome.log}] {cycle}")
            self._open()
            for number, cycle in enumerate(live, 1):
                if self._enough is not None and sum(rig.kills.values()) >= self._enough:
                    break
                self._run_cycle(cycle, name=f"[{self._outcome.log} {number}/{len(live)}]")
            self._settle()
        except StuckError as stuck:
            self.violated(Kind.STUCK, str(stuck))
        finally:
            for subscriber in self._subscribers:
                subscriber.__exit__(None, None, None)
        self._compare()
        for reader in self._readers:
            reader.close()

    def _open(self) -> None:
        rig = self._rig
        rig.command("migrate")
        rig.postgres.note_leases()
        interval = timedelta(milliseconds=rig.timing.interval)
        urls = [(feed.url, None) for feed in self._news.feeds]
        feeds.add_feeds(rig.postgres.engine, urls, now=now(), interval=interval)
        feed, _ = feeds.add_feed(rig.postgres.engine, self._news.with_pages.url, now=now(), interval=interval)
        feeds.set_full_text(rig.postgres.engine, feed.id, wanted=True)
        rig.start()
        self._subscribers = [Subscriber(rig.port, topic).__enter__() for topic in STREAMS]
        if rig.kafka is not None:
            self._readers = [KafkaReader(rig.kafka.bootstrap, stream_topic(topic)) for topic in STREAMS]
        self._run_cycle(Cycle(()), name=f"[{self._outcome.log}]")
        if rig.paired:
            self._share()

    def _share(self) -> None:
        """Publish rounds until both processes of a pair have worked; the embedded log keeps one consumer on standby."""
        rig = self._rig
        for label in ("poll.leased", *(["consume.committed"] if rig.kafka else [])):
            for _ in range(SHARING_ROUNDS):
                if len(rig.steps.pids.get(label, ())) > 1:
                    break
                self._run_cycle(Cycle(()), name=f"[{self._outcome.log}]")
            else:
                self.violated(Kind.STUCK, f"only one of the two processes that pass {label} gets any work")

    def _run_cycle(self, cycle: Cycle, *, name: str) -> None:
        begun = time.monotonic()
        self._cycle = cycle
        self._news.publish_round()
        # Arm only now that there is news: most steps are passed all the time, and a poll without news risks nothing.
        self._rig.arm(cycle)
        self._quarantined += provoke.provoke(self._rig, self._news, self._hub, cycle)
        self._rig.until(lambda: not self._rig.pending, patience=NUDGE_SECONDS)
        for patience in REACH_SECONDS:
            if not (waiting := self._unreached_roles()):
                break
            for role in waiting:
                self._rig.ask_to_stop(role)
            self._rig.until(lambda: not self._unreached_roles(), patience=patience)
        self._report_unreached()
        if not self._rig.until(self._drained, patience=self._patience):
            raise StuckError(f"{self._patience:.0f} s after the last kill: {self._missing()}")
        self._outcome.cycles += 1
        self._say(f"{name} {cycle}: {time.monotonic() - begun:.1f} s")

    def _unreached_roles(self) -> set[Role]:
        """Return the roles that have an armed failpoint not reached for the first time yet."""
        return {strike.label.role for strike in self._rig.pending if strike.occurrence == 1}

    def _report_unreached(self) -> None:
        for strike in self._rig.disarm():
            if strike.occurrence == 1:  # a round does not always reach a later occurrence
                where = f"{strike.label.file}:{strike.label.line}"
                self.violated(Kind.NOT_REACHED, f"{strike.label.name} ({where})")

    def _drained(self) -> bool:
        """Return whether everything published has arrived everywhere, by the counts."""
        return not self._missing()

    def _missing(self) -> str:
        """Describe the counts that are still too low; empty when everything has arrived."""
        try:
            progress = reading.progress(self._rig.postgres.engine, STREAMS)
            reading.hasten_pages(self._rig.postgres.engine)
        except Unavailable as error:
            return str(error)
        expected = {topic: self._expected_events(topic) for topic in STREAMS}
        for reader in self._readers:
            reader.read()
        counts = {
            "revisions stored": (progress.revisions, self._news.revisions),
            "records in quarantine": (progress.quarantined, self._quarantined),
            "records of the log consumed": (-progress.behind, 0),
            **{f"events of {topic}": (progress.cursors[topic], expected[topic]) for topic in STREAMS},
            **{
                f"events of {subscriber.topic} received": (subscriber.cursor, expected[subscriber.topic])
                for subscriber in self._subscribers
            },
            **{
                f"events of {topic} in Kafka": (reader.cursor, expected[topic])
                for reader, topic in zip(self._readers, STREAMS, strict=False)
            },
        }
        return ", ".join(f"{figure}: {n} of {all_}" for figure, (n, all_) in counts.items() if n < all_)

    def _expected_events(self, topic: str) -> int:
        return sum(len(stream_kinds(article, topic)) for article in self._news.articles.values())

    def _settle(self) -> None:
        """Poll every feed once more and stop the pollers, so that any repetition has arrived."""
        self._cycle = Cycle(())
        for feed in self._news.feeds:
            expected_requests = feed.request_count + 2
            self._rig.until(partial(_polled, feed, expected_requests), patience=10.0)
        self._rig.stop(Role.POLL)
        if not self._rig.until(self._drained, patience=self._patience):
            raise StuckError(f"after the last poll: {self._missing()}")

    # --- the comparison ---

    def _compare(self) -> None:
        rig, outcome, published = self._rig, self._outcome, self._news.articles
        stored = reading.stored_revisions(rig.postgres.engine)
        outcome.violations += compare_store(published, stored)
        ids = {row.url: row.id for row in stored}
        for number, topic in enumerate(STREAMS):
            streams = self._streams(topic, number)
            for where, events in streams.items():
                outcome.violations += compare_stream(where, topic, events, published.values(), ids)
            outcome.events += len(streams["the stream's table"])
        for subscriber in self._subscribers:
            for irregularity in subscriber.irregularities:
                self.violated(Kind.GAP, irregularity)
        leases = reading.leases(rig.postgres.engine)
        outcome.violations += compare_polls(leases.leased, leases.recorded, leases.current)
        quarantined = reading.quarantined(rig.postgres.engine)
        if len(quarantined) != self._quarantined:
            self.violated(
                Kind.QUARANTINED,
                f"{len(quarantined)} records, {self._quarantined} expected: {'; '.join(quarantined[:5])}",
            )
        if rig.paired:
            self._compare_pairs()
        outcome.kills = sum(rig.kills.values())
        outcome.killed = ", ".join(f"{count} {target}" for target, count in sorted(rig.kills.items()))
        outcome.struck = frozenset(rig.struck)
        outcome.articles, outcome.revisions = len(published), self._news.revisions
        outcome.connections = self._subscribers[0].connections if self._subscribers else 0

    def _streams(self, topic: str, number: int) -> dict[str, Sequence[ReceivedEvent]]:
        """Return the stream as each way of reading it shows it, by name."""
        rig = self._rig
        streams: dict[str, Sequence[ReceivedEvent]] = {
            "the stream's table": reading.stream_events(rig.postgres.engine, topic)
        }
        try:
            streams["GET …/events"] = reading.stream_pages(rig.port, topic)
        except (OSError, HTTPException) as error:
            self.violated(Kind.STUCK, f"the API does not answer: {error}")
        if self._subscribers:
            streams["the subscriber"] = self._subscribers[number].events
        if rig.kafka is not None:
            # Read again from the beginning with another reader: the first one may have missed something only it would
            # miss.
            reader = KafkaReader(rig.kafka.bootstrap, stream_topic(topic))
            reader.read_all(self._expected_events(topic), patience=20.0)
            reader.close()
            streams["Kafka"] = reader.events
        return streams

    def _compare_pairs(self) -> None:
        interval = self._rig.timing.interval_min / 1000 * EARLY
        for feed in self._news.feeds:
            times = [request.at for request in feed.requests]
            self._outcome.violations += compare_intervals(feed.path, times, interval=interval)
        if self._rig.kafka is not None:
            unused = set(range(PARTITIONS)) - reading.partitions_used(self._rig.postgres.engine)
            for partition in sorted(unused):
                self.violated(Kind.PARTITION_UNUSED, f"nothing was stored from partition {partition}")


def _polled(feed: WorldFeed, requests: int) -> bool:
    return feed.request_count >= requests


def _is_of(cycle: Cycle, role: Role) -> bool:
    return any(strike.label.role is role for strike in cycle.strikes)
