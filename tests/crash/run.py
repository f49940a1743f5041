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
from tests.crash.subscriber import Subscriber, Told
from tests.feedworld import FeedWorld
from tests.feedworld.hub import Hub

STREAMS: Final = (EVERYTHING, STORMS)
FEEDS: Final = 4
SHOWN: Final = 50
"""Violations that a report names."""
NUDGE_SECONDS: Final = 2.0
"""A step that was not reached by then is one of starting or stopping: its process is asked to stop."""
REACH_SECONDS: Final = (4.0, 8.0, 16.0, 32.0, 64.0)
"""So long each time it is asked: one that was only starting, and had no subscriber yet, stops without passing it. On a
machine with other work a start alone takes longer than the first of them."""
SHARING_ROUNDS: Final = 20
EARLY: Final = 0.9
"""The part of the interval that must lie between two requests for one feed. Not all of it: it counts from when
the poll was decided, and a request is made some milliseconds later, not always as many."""


@dataclass(slots=True, kw_only=True)
class Outcome:
    """What a run came to."""

    log: str
    seed: int
    violations: list[Violation] = field(default_factory=list)
    kills: int = 0
    killed: str = ""
    """The same by target, in words."""
    struck: frozenset[str] = frozenset()
    """Labels at which something was killed."""
    cycles: int = 0
    articles: int = 0
    revisions: int = 0
    events: int = 0
    """On all streams together."""
    connections: int = 0
    """How often the subscriber of everything had to connect."""
    seconds: float = 0.0
    last_words: str = ""

    def count(self, kind: Kind) -> int:
        return sum(violation.kind is kind for violation in self.violations)

    def report(self) -> str:
        """The violations, and what it takes to see them again."""
        lines = [
            f"{len(self.violations)} violations on {self.log}, seed {self.seed} ({self.killed} killed):",
            *(f"  {violation.kind}: {violation.what}" for violation in self.violations[:SHOWN]),
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
            outcome.last_words = rig.last_words()
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

    def violated(self, kind: Kind, what: str) -> None:
        self._outcome.violations.append(Violation(kind, f"{what}   [cycle: {self._cycle}]"))
        self._say(f"VIOLATION {kind}: {what}")

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
                self._given_up()
                self._outcome.cycles += 1
                self._say(f"[{self._outcome.log}] {cycle}")
            self._open()
            for number, cycle in enumerate(live, 1):
                if self._enough is not None and sum(rig.kills.values()) >= self._enough:
                    break
                self._one(cycle, name=f"[{self._outcome.log} {number}/{len(live)}]")
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
        self._one(Cycle(()), name=f"[{self._outcome.log}]")
        if rig.paired:
            self._share()

    def _share(self) -> None:
        """Until both of a pair have work; the embedded log has one consumer at work and one that stands by."""
        rig = self._rig
        for label in ("poll.leased", *(["consume.committed"] if rig.kafka else [])):
            for _ in range(SHARING_ROUNDS):
                if len(rig.steps.pids.get(label, ())) > 1:
                    break
                self._one(Cycle(()), name=f"[{self._outcome.log}]")
            else:
                self.violated(
                    Kind.STUCK, f"of the two processes that pass {label} only one has anything to do"
                )

    def _one(self, cycle: Cycle, *, name: str) -> None:
        begun = time.monotonic()
        self._cycle = cycle
        self._news.publish_round()
        # Not before the news: most steps are passed all the time, and a poll that brings nothing risks nothing.
        self._rig.arm(cycle)
        self._quarantined += provoke.provoke(self._rig, self._news, self._hub, cycle)
        self._rig.until(lambda: not self._rig.pending, patience=NUDGE_SECONDS)
        for patience in REACH_SECONDS:
            if not (waiting := self._awaited()):
                break
            for role in waiting:
                self._rig.ask_to_stop(role)
            self._rig.until(lambda: not self._awaited(), patience=patience)
        self._given_up()
        if not self._rig.until(self._drained, patience=self._patience):
            raise StuckError(f"{self._patience:.0f} s after the last kill: {self._lacking()}")
        self._outcome.cycles += 1
        self._say(f"{name} {cycle}: {time.monotonic() - begun:.1f} s")

    def _awaited(self) -> set[Role]:
        """Whose first passing of an armed step is still to come."""
        return {strike.label.role for strike in self._rig.pending if strike.occurrence == 1}

    def _given_up(self) -> None:
        for strike in self._rig.disarm():
            if strike.occurrence == 1:  # how often a later one comes in a round is a matter of luck
                where = f"{strike.label.file}:{strike.label.line}"
                self.violated(Kind.NOT_REACHED, f"{strike.label.name} ({where})")

    def _drained(self) -> bool:
        """Everything published has come through, by the numbers."""
        return not self._lacking()

    def _lacking(self) -> str:
        """What has not come through yet, in words; empty when everything has."""
        try:
            found = reading.progress(self._rig.postgres.engine, STREAMS)
            reading.hasten_pages(self._rig.postgres.engine)
        except Unavailable as error:
            return str(error)
        wanted = {topic: self._wanted(topic) for topic in STREAMS}
        for reader in self._readers:
            reader.read()
        have = {
            "revisions stored": (found.revisions, self._news.revisions),
            "records in quarantine": (found.quarantined, self._quarantined),
            "records of the log done with": (-found.behind, 0),
            **{f"events of {topic}": (found.cursors[topic], wanted[topic]) for topic in STREAMS},
            **{f"events of {one.topic} told": (one.cursor, wanted[one.topic]) for one in self._subscribers},
            **{
                f"events of {topic} in Kafka": (reader.cursor, wanted[topic])
                for reader, topic in zip(self._readers, STREAMS, strict=False)
            },
        }
        return ", ".join(f"{what}: {n} of {all_}" for what, (n, all_) in have.items() if n < all_)

    def _wanted(self, topic: str) -> int:
        return sum(len(stream_kinds(article, topic)) for article in self._news.articles.values())

    def _settle(self) -> None:
        """Every feed is polled once more, then no more: what would come twice has come."""
        self._cycle = Cycle(())
        for feed in self._news.feeds:
            wanted = feed.request_count + 2
            self._rig.until(lambda feed=feed, wanted=wanted: feed.request_count >= wanted, patience=10.0)  # type: ignore[misc]
        self._rig.stop(Role.POLL)
        if not self._rig.until(self._drained, patience=self._patience):
            raise StuckError(f"after the last poll: {self._lacking()}")

    # --- the comparison ---

    def _compare(self) -> None:
        rig, outcome, published = self._rig, self._outcome, self._news.articles
        stored = reading.stored_revisions(rig.postgres.engine)
        outcome.violations += compare_store(published, stored)
        ids = {row.url: row.id for row in stored}
        for number, topic in enumerate(STREAMS):
            streams = self._streams(topic, number)
            for where, told in streams.items():
                outcome.violations += compare_stream(where, topic, told, published.values(), ids)
            outcome.events += len(streams["the stream's table"])
        for subscriber in self._subscribers:
            for strange in subscriber.strange:
                self.violated(Kind.GAP, strange)
        found = reading.leases(rig.postgres.engine)
        outcome.violations += compare_polls(found.given, found.recorded, found.current)
        aside = reading.quarantined(rig.postgres.engine)
        if len(aside) != self._quarantined:
            self.violated(
                Kind.QUARANTINED,
                f"{len(aside)} records, {self._quarantined} expected: {'; '.join(aside[:5])}",
            )
        if rig.paired:
            self._compare_pairs()
        outcome.kills = sum(rig.kills.values())
        outcome.killed = ", ".join(f"{count} {target}" for target, count in sorted(rig.kills.items()))
        outcome.struck = frozenset(rig.struck)
        outcome.articles, outcome.revisions = len(published), self._news.revisions
        outcome.connections = self._subscribers[0].connections if self._subscribers else 0

    def _streams(self, topic: str, number: int) -> dict[str, Sequence[Told]]:
        """What each way to read the stream has, by its name."""
        rig = self._rig
        found: dict[str, Sequence[Told]] = {
            "the stream's table": reading.stream_events(rig.postgres.engine, topic)
        }
        try:
            found["GET …/events"] = reading.stream_pages(rig.port, topic)
        except (OSError, HTTPException) as error:
            self.violated(Kind.STUCK, f"the API does not answer: {error}")
        if self._subscribers:
            found["the subscriber"] = self._subscribers[number].told
        if rig.kafka is not None:
            # Another reader, from the beginning: the first one may have been lucky.
            reader = KafkaReader(rig.kafka.bootstrap, stream_topic(topic))
            reader.read_all(self._wanted(topic), patience=20.0)
            reader.close()
            found["Kafka"] = reader.told
        return found

    def _compare_pairs(self) -> None:
        interval = self._rig.timing.interval_min / 1000 * EARLY
        for feed in self._news.feeds:
            times = [request.at for request in feed.requests]
            self._outcome.violations += compare_intervals(feed.path, times, interval=interval)
        if self._rig.kafka is not None:
            unused = set(range(PARTITIONS)) - reading.partitions_used(self._rig.postgres.engine)
            for partition in sorted(unused):
                self.violated(Kind.PARTITION_UNUSED, f"nothing was stored from partition {partition}")


def _is_of(cycle: Cycle, role: Role) -> bool:
    return any(strike.label.role is role for strike in cycle.strikes)
