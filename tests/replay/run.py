"""One log, three replays: stopped in the middle, again over the same database, and without a stop.

::

    restarted   fresh database, everything stopped and started half-way ─▶ judged against the expectation
    again       the same database, the whole recording once more        ─▶ nothing may be added
    straight    fresh database, without a stop                          ─▶ must come to the same
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Self

from tests.feedworld.recorded import ExpectedEntry, Recording, read_expected
from tests.replay.judge import judge
from tests.replay.play import Playback, Played, world_of
from tests.replay.reference import Document, archive_of, read_recording, read_some
from tests.replay.replayed import Replayed
from tests.replay.service import Progress, Service, service
from tests.replay.stored import Stored, Totals, read_stored, totals
from tests.replay.verdicts import EXPLAINED, Judgement, in_order

READ_ALL_FROM: int = 1000
"""Number of polls from which reading and caching the whole recording is faster than reading the polls alone."""

Fingerprint = frozenset[tuple[Any, ...]]
"""The result of a replay without values that may differ between replays: poll ids, log positions, times."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """The recording, with everything that its replay is compared with."""

    recording: Recording
    expected: Sequence[ExpectedEntry]
    documents: Mapping[tuple[str, str], Document]

    @classmethod
    def read(cls, corpus: Path, recording: Recording, *, limit: int | None, say: Progress) -> Self:
        """Read expectation and reference for ``recording``, cut to the first ``limit`` polls of each feed.

        Raises:
            CorpusAbsentError: the corpus has no expectation.
        """
        if limit is not None:
            recording = Recording(
                polls=tuple(
                    sorted(
                        (poll for feed in recording.feeds for poll in recording.of(feed)[:limit]),
                        key=lambda poll: (poll.at, poll.feed),
                    )
                )
            )
        played = {(poll.feed, poll.name) for poll in recording.polls}
        expected = [entry for entry in read_expected(corpus) if (entry.feed, entry.poll) in played]
        say("the second reader reads the recording")
        if len(recording.polls) < READ_ALL_FROM:
            documents = read_some(recording.polls)
        else:
            documents = read_recording(Recording.open(corpus), archive_of(corpus), workers=usable_cores())
        return cls(recording=recording, expected=expected, documents={at: documents[at] for at in played})

    @contextmanager
    def playback(self) -> Iterator[Playback]:
        """Serve the recording from a feed world inside the block."""
        with world_of(self.recording) as world:
            yield Playback(world, self.recording)


@dataclass(frozen=True, slots=True, kw_only=True)
class LogComparison:
    """Result of the three replays over one log."""

    log: str
    played: Played
    judgement: Judgement
    totals: Totals
    added: int
    """Rows that the second replay added: articles, revisions, matches, events, quarantined records."""
    changed: int
    """Articles whose current text changed in the second replay, and entries whose article did."""
    restart_changed: int
    straight: Fingerprint
    """Fingerprint of the replay without a stop."""
    notes: tuple[str, ...]

    @property
    def explained(self) -> int:
        return sum(count for name, count in self.judgement.counts.items() if name in EXPLAINED)


def replay_log(
    playback: Playback,
    material: Material,
    *,
    jars: Path | None,
    straight: Fingerprint | None,
    workers: int,
    say: Progress,
) -> LogComparison:
    """Run all three replays; skip the one without a stop where ``straight``, its result on another log, exists."""
    log = "postgres" if jars is None else "kafka"
    rounds = max(len(material.recording.of(feed)) for feed in material.recording.feeds)

    def report(line: str) -> None:
        say(f"{log}: {line}")

    with _running(playback, jars=jars, workers=workers) as (running, ids):
        report(f"{len(material.recording.polls)} polls in {rounds} rounds, with a stop in the middle")
        played = playback.play(running, ids, restart_at=rounds // 2, say=report)
        timing = (
            f"{played.seconds:.0f} s, of which polling {running.poll_seconds:.0f} s, "
            f"waiting for the consumer at the end {running.drain_seconds:.0f} s"
        )
        report(f"{timing}; now comparing")
        first, totals_before = read_stored(running.engine), totals(running.engine)
        judgement = _judge(material, running, played, ids, first)
        report(", ".join(f"{count} {verdict}" for verdict, count in in_order(judgement.counts)))
        report("again, over the same database")
        again = playback.play(running, ids, restart_at=None, say=report)
        totals_after, second = totals(running.engine), read_stored(running.engine)
    restarted = _fingerprint(first, played, ids)
    if straight is None:
        report("straight through, into a fresh database")
        straight = _play_straight(playback, jars=jars, workers=workers, say=report)
    added = {
        field.name: getattr(totals_after, field.name) - getattr(totals_before, field.name)
        for field in fields(Totals)
    }
    changed = _changed(first, second)
    different = restarted ^ straight
    notes = [
        timing,
        f"second replay, {again.seconds:.0f} s: "
        + (", ".join(f"{count} {name} added" for name, count in added.items())),
        f"second replay: {len(changed)} articles or entries changed {changed[:3] or ''}",
        f"with and without a stop: {len(different)} rows differ {sorted(map(str, different))[:3] or ''}",
    ]
    return LogComparison(
        log=log,
        played=played,
        judgement=judgement,
        totals=totals_before,
        added=sum(map(abs, added.values())),
        changed=len(changed),
        restart_changed=len(different),
        straight=straight,
        notes=tuple(notes),
    )


def _judge(
    material: Material, running: Service, played: Played, ids: Mapping[str, int], stored: Stored
) -> Judgement:
    return judge(
        Replayed(
            recording=material.recording,
            documents=material.documents,
            expected=material.expected,
            polls=played.polls,
            feed_ids=ids,
            stored=stored,
            records=list(running.records()),
        )
    )


def _play_straight(playback: Playback, *, jars: Path | None, workers: int, say: Progress) -> Fingerprint:
    with _running(playback, jars=jars, workers=workers) as (running, ids):
        played = playback.play(running, ids, restart_at=None, say=say)
        return _fingerprint(read_stored(running.engine), played, ids)


def usable_cores() -> int:
    return len(os.sched_getaffinity(0))


@contextmanager
def _running(
    playback: Playback, *, jars: Path | None, workers: int
) -> Iterator[tuple[Service, Mapping[str, int]]]:
    """Start a service with the recording's feeds in a fresh database."""
    with (
        tempfile.TemporaryDirectory(prefix="ingest-replay-") as folder,
        service(Path(folder), jars=jars, workers=workers) as running,
    ):
        ids = running.prepare(playback.urls)
        running.start()
        yield running, ids
        running.stop()


def _fingerprint(stored: Stored, played: Played, ids: Mapping[str, int]) -> Fingerprint:
    names = {feed_id: name for name, feed_id in ids.items()}
    polls = {poll.id: at for at, poll in played.polls.items()}
    articles = (
        (
            "article",
            str(article),
            stored.urls[article],
            frozenset(revision.content_hash for revision in revisions.values()),
        )
        for article, revisions in stored.revisions.items()
    )
    sightings = (("sighting", str(article), polls.get(poll)) for article, poll in stored.sightings)
    seen = (("seen", names[feed_id], key, str(article)) for (feed_id, key), article in stored.seen.items())
    return frozenset((*articles, *sightings, *seen))


def _changed(first: Stored, second: Stored) -> list[str]:
    """Return the articles whose current text differs, and the keys whose article differs."""

    def state(stored: Stored) -> set[tuple[Any, ...]]:
        texts = {
            (article, revision.content_hash)
            for article, revisions in stored.revisions.items()
            for revision in revisions.values()
            if revision.current
        }
        return texts | {(*key, article) for key, article in stored.seen.items()}

    return sorted(map(str, state(first) ^ state(second)))
