"""Play the recording: round by round, one version of every feed that has another version.

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
    """A round did not end in exactly one poll for each of its feeds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """One replay: the service's poll for each recorded poll, and the time taken, including the consumer's."""

    polls: Mapping[tuple[str, str], Poll]
    """Polls by feed and name of the recorded poll."""
    seconds: float


class Playback:
    """The recording on a feed world. Each feed has an address of its own, the same in every replay."""

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
        """Play all rounds; stop and restart everything before round ``restart_at``.

        Raises:
            MiscountedError: a feed was not polled, or more than once.
        """
        pages = self.recording.load(self._world)
        names = {feed_id: name for name, feed_id in ids.items()}
        began = reported_at = time.monotonic()
        last = max((poll.id for poll in new_polls(service.engine, after=0)), default=0)
        polls: dict[tuple[str, str], Poll] = {}
        rounds = list(self.recording.rounds())
        for number, recorded in enumerate(rounds):
            if number == restart_at:
                say(f"round {number}: everything stops and starts again")
                service.restart()
            self._world.advance_all()
            service.poll([ids[poll.feed] for poll in recorded])
            new = new_polls(service.engine, after=last)
            last = max((poll.id for poll in new), default=last)
            polls |= self._matched(recorded, new, names)
            if time.monotonic() - reported_at > SAY_EVERY_SECONDS:
                reported_at = time.monotonic()
                rate = len(polls) / (reported_at - began)
                say(f"{len(polls)} of {len(self.recording.polls)} polls, {rate:.1f}/s")
        service.drain()
        for page in pages.values():
            page.recover()
        return Played(polls=polls, seconds=time.monotonic() - began)

    def _matched(
        self, recorded: Sequence[RecordedPoll], new: Sequence[Poll], names: Mapping[int, str]
    ) -> dict[tuple[str, str], Poll]:
        by_feed = {names[poll.feed_id]: poll for poll in new}
        expected = {poll.feed for poll in recorded}
        if len(by_feed) != len(new) or by_feed.keys() != expected:
            actual = sorted(names[poll.feed_id] for poll in new)
            raise MiscountedError(f"wanted one poll of each of {sorted(expected)}, got {actual}")
        return {(poll.feed, poll.name): by_feed[poll.feed] for poll in recorded}


def world_of(recording: Recording) -> FeedWorld:
    """Return a world, not started yet, with an address for each feed."""
    addresses = loopback_addresses(max(1, len(recording.feeds)))
    return FeedWorld(addresses=addresses, codings=ALL_CODINGS, keep_requests=False)
