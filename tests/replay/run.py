"""One log, three replays: stopped in the middle, again over the same database, and straight through.

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
from tests.replay.judge import EXPLAINED, Judgement, Replayed, judge, names_in_order
from tests.replay.play import Played, Stage, world_of
from tests.replay.said import Document, archive_of, read_recording, read_some
from tests.replay.service import Progress, Service, service
from tests.replay.stored import Stored, Totals, read_stored, totals

READ_ALL_FROM: int = 1000
"""Polls from which the second reading of the whole recording, which is kept, is worth its time."""

Print = frozenset[tuple[Any, ...]]
"""What a replay came to, without what may differ from one to another: ids of polls, places, times."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """What is played, and what it is compared with."""

    recording: Recording
    expected: Sequence[ExpectedEntry]
    said: Mapping[tuple[str, str], Document]

    @classmethod
    def read(cls, corpus: Path, recording: Recording, *, limit: int | None, say: Progress) -> Self:
        """
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
            said = read_some(recording.polls)
        else:
            said = read_recording(Recording.open(corpus), archive_of(corpus), workers=usable_cores())
        return cls(recording=recording, expected=expected, said={at: said[at] for at in played})

    @contextmanager
    def on_stage(self) -> Iterator[Stage]:
        """The recording on a feed world that is open inside the block."""
        with world_of(self.recording) as world:
            yield Stage(world, self.recording)


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """What the three replays over one log came to."""

    log: str
    played: Played
    judgement: Judgement
    totals: Totals
    added: int
    """Rows that the second replay added: articles, revisions, matches, events, quarantined records."""
    changed: int
    """Articles whose current text, or entries whose article, is another after the second replay."""
    restart_changed: int
    straight: Print
    """Of the replay that was not stopped."""
    notes: tuple[str, ...]

    @property
    def explained(self) -> int:
        return sum(count for name, count in self.judgement.counts.items() if name in EXPLAINED)


def replay_log(
    stage: Stage,
    material: Material,
    *,
    jars: Path | None,
    straight: Print | None,
    workers: int,
    say: Progress,
) -> Compared:
    """All three replays; the straight one only where ``straight``, what it came to on another log, is not given."""
    log = "postgres" if jars is None else "kafka"
    rounds = max(len(material.recording.of(feed)) for feed in material.recording.feeds)

    def tell(line: str) -> None:
        say(f"{log}: {line}")

    with _running(stage, jars=jars, workers=workers) as (running, ids):
        tell(f"{len(material.recording.polls)} polls in {rounds} rounds, with a stop in the middle")
        played = stage.play(running, ids, restart_at=rounds // 2, say=tell)
        timing = (
            f"{played.seconds:.0f} s, of which polling {running.poll_seconds:.0f} s, "
            f"waiting for the consumer at the end {running.drain_seconds:.0f} s"
        )
        tell(f"{timing}; now comparing")
        first, counted = read_stored(running.engine), totals(running.engine)
        judgement = judge(
            Replayed(
                recording=material.recording,
                said=material.said,
                expected=material.expected,
                polls=played.polls,
                ids=ids,
                stored=first,
                sent=list(running.sent()),
            )
        )
        tell(", ".join(f"{count} {name}" for name, count in names_in_order(judgement.counts)))
        restarted = _print(first, played, ids)
        tell("again, over the same database")
        again = stage.play(running, ids, restart_at=None, say=tell)
        counted_again, second = totals(running.engine), read_stored(running.engine)
    if straight is None:
        with _running(stage, jars=jars, workers=workers) as (running, ids):
            tell("straight through, into a fresh database")
            whole = stage.play(running, ids, restart_at=None, say=tell)
            straight = _print(read_stored(running.engine), whole, ids)
    added = {
        each.name: getattr(counted_again, each.name) - getattr(counted, each.name) for each in fields(Totals)
    }
    changed = _changed(first, second)
    different = restarted ^ straight
    notes = [
        timing,
        f"second replay, {again.seconds:.0f} s: "
        + (", ".join(f"{count} {name} added" for name, count in added.items())),
        f"second replay: {len(changed)} articles or entries are another than before {changed[:3] or ''}",
        f"with and without a stop: {len(different)} rows differ {sorted(map(str, different))[:3] or ''}",
    ]
    return Compared(
        log=log,
        played=played,
        judgement=judgement,
        totals=counted,
        added=sum(map(abs, added.values())),
        changed=len(changed),
        restart_changed=len(different),
        straight=straight,
        notes=tuple(notes),
    )


def usable_cores() -> int:
    return len(os.sched_getaffinity(0))


@contextmanager
def _running(stage: Stage, *, jars: Path | None, workers: int) -> Iterator[tuple[Service, Mapping[str, int]]]:
    """A service with the recording's feeds in a fresh database."""
    with (
        tempfile.TemporaryDirectory(prefix="ingest-replay-") as folder,
        service(Path(folder), jars=jars, workers=workers) as running,
    ):
        ids = running.prepare(stage.urls)
        running.start()
        yield running, ids
        running.stop()


def _print(stored: Stored, played: Played, ids: Mapping[str, int]) -> Print:
    names = {feed_id: name for name, feed_id in ids.items()}
    polls = {poll.id: at for at, poll in played.polls.items()}
    articles = (
        ("article", str(article), stored.urls[article], frozenset(each.digest for each in revisions.values()))
        for article, revisions in stored.revisions.items()
    )
    sightings = (("sighting", str(article), polls.get(poll)) for article, poll in stored.sightings)
    seen = (("seen", names[feed_id], key, str(article)) for (feed_id, key), article in stored.seen.items())
    return frozenset((*articles, *sightings, *seen))


def _changed(first: Stored, second: Stored) -> list[str]:
    """Articles with another current text, and keys with another article."""

    def state(stored: Stored) -> set[tuple[Any, ...]]:
        texts = {
            (article, revision.digest)
            for article, revisions in stored.revisions.items()
            for revision in revisions.values()
            if revision.current
        }
        return texts | {(*key, article) for key, article in stored.seen.items()}

    return sorted(map(str, state(first) ^ state(second)))
