"""Playing the recording: round by round, one version of every feed that has another one.

::

    world.advance_all() ─▶ the feeds of this round are due ─▶ polled ─▶ one row of polls for each
                                                               consumer: meanwhile, in its own process
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from tests.feedworld import ALL_CODINGS, FeedWorld, loopback_addresses
from tests.feedworld.recorded import RecordedPoll, Recording
from tests.replay.service import Progress, Service
from tests.replay.stored import Poll, new_polls

SAY_EVERY_SECONDS: Final = 10.0


class MiscountedError(Exception):
    """A round did not bring exactly one poll for each of its feeds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """One replay: our poll for each recorded one, and how long it took, the consumer's rest included."""

    polls: Mapping[tuple[str, str], Poll]
    """By feed and poll name."""
    seconds: float


class Stage:
    """The recording on a feed world; each feed on an address of its own, the same in every replay."""

    def __init__(self, world: FeedWorld, recording: Recording) -> None:
        self.recording = recording
        self._world = world
        self.urls = {
            name: world.url(f"/{name}", host=address)
            for name, address in zip(recording.feeds, world.addresses, strict=True)
        }

    def play(
        self, service: Service, ids: Mapping[str, int], *, restart_at: int | None, say: Progress
    ) -> Played:
        """All rounds; before round ``restart_at`` everything is stopped and started.

        Raises:
            MiscountedError: a feed was not polled, or more than once.
        """
        pages = self.recording.load(self._world)
        names = {feed_id: name for name, feed_id in ids.items()}
        began = said = time.monotonic()
        last = max((poll.id for poll in new_polls(service.engine, after=0)), default=0)
        found: dict[tuple[str, str], Poll] = {}
        rounds = list(self.recording.rounds())
        for number, recorded in enumerate(rounds):
            if number == restart_at:
                say(f"round {number}: everything stops and starts again")
                service.restart()
            self._world.advance_all()
            service.poll([ids[poll.feed] for poll in recorded])
            ended = new_polls(service.engine, after=last)
            last = max((poll.id for poll in ended), default=last)
            found |= self._matched(recorded, ended, names)
            if time.monotonic() - said > SAY_EVERY_SECONDS:
                said = time.monotonic()
                rate = len(found) / (said - began)
                say(f"{len(found)} of {len(self.recording.polls)} polls, {rate:.1f}/s")
        service.drain()
        for page in pages.values():
            page.recover()
        return Played(polls=found, seconds=time.monotonic() - began)

    def _matched(
        self, recorded: Sequence[RecordedPoll], ended: Sequence[Poll], names: Mapping[int, str]
    ) -> dict[tuple[str, str], Poll]:
        by_feed = {names[poll.feed_id]: poll for poll in ended}
        wanted = {poll.feed for poll in recorded}
        if len(by_feed) != len(ended) or by_feed.keys() != wanted:
            got = sorted(names[poll.feed_id] for poll in ended)
            raise MiscountedError(f"wanted one poll of each of {sorted(wanted)}, got {got}")
        return {(poll.feed, poll.name): by_feed[poll.feed] for poll in recorded}


def world_of(recording: Recording) -> FeedWorld:
    """A world with an address for each feed, not begun yet."""
    addresses = loopback_addresses(max(1, len(recording.feeds)))
    return FeedWorld(addresses=addresses, codings=ALL_CODINGS, keep_requests=False)
