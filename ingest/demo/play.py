"""Publish the demo's four days of news over HTTP in less than a minute, for the service to poll.

::

    with DemoWorld(now=now(), seconds=40) as demo:
        …                      # add demo.feeds to the registry, start the service
        demo.play()            # starts the clock
        demo.wait()            # returns after the last publication
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import TracebackType
from typing import Final, Self

from ingest.demo.feeds import WorldFeed
from ingest.demo.pages import Version
from ingest.demo.render import CONTENT_TYPES, render
from ingest.demo.responses import HttpResponse, Script, Truth, late
from ingest.demo.story import LENGTH, Outlet, Printed, read_story
from ingest.demo.world import FeedWorld

SLOWNESS: Final = timedelta(seconds=2)
_TUESDAY: Final = 1
_WEB_PAGE: Final = (
    b"<!DOCTYPE html><html><head><title>Flicker News</title></head>"
    b"<body><h1>We will be right back</h1><p>Our hamster needs a moment.</p></body></html>"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoFeed:
    """One feed of the demo, with the data that the registry and the output of the demo need."""

    name: str
    url: str
    language: str
    note: str | None
    """The fault of the feed; None: no fault."""


_NOTES: Final = {
    "slow": f"responds after {SLOWNESS.seconds} seconds",
    "flickering": "every third response is a web page",
    "malformed": "its XML is broken",
}


class DemoWorld:
    """The feeds of the demo on their own server; before :meth:`play` they have the articles of the first hour.

    Args:
        now: the current time; the story is dated from Tuesday to Friday of the last completed week.
        seconds: the duration of the story.
        port: 0 chooses a free port.
    """

    def __init__(self, *, now: datetime, seconds: float = 40.0, port: int = 0) -> None:
        if seconds <= 0:
            raise ValueError(f"the demo cannot take {seconds} seconds")
        self.seconds = seconds
        self.start = story_start(now)
        self.outlets = read_story()
        self.world = FeedWorld(port=port, now=self.start)
        self._stopped = threading.Event()
        self._done = threading.Event()
        self._player: threading.Thread | None = None
        self._feeds: list[tuple[Outlet, WorldFeed]] = []

    def __enter__(self) -> Self:
        self.world.__enter__()
        for outlet in self.outlets:
            feed = self.world.feed(f"/{outlet.slug}.xml")
            feed.queue(*_versions(outlet, self.start))
            if outlet.behaviour == "slow":
                feed.fail_always(late(SLOWNESS.total_seconds()))
            elif outlet.behaviour == "flickering":
                feed.fail_when(lambda number: number % 3 == 0, web_page)
            self._feeds.append((outlet, feed))
        self.world.at(self.start + timedelta(hours=1))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopped.set()
        if self._player is not None:
            self._player.join()
        self.world.__exit__(kind, error, trace)

    @property
    def feeds(self) -> tuple[DemoFeed, ...]:
        """All feeds with their URLs."""
        return tuple(
            DemoFeed(
                name=outlet.name,
                url=feed.url,
                language=outlet.language,
                note="has no articles"
                if not outlet.editions[-1].printed
                else _NOTES.get(outlet.behaviour or ""),
            )
            for outlet, feed in self._feeds
        )

    @property
    def articles(self) -> tuple[Printed, ...]:
        """All articles of the story in their last versions, as a service without loss has stored them."""
        return tuple(printed for outlet in self.outlets for printed in outlet.editions[-1].printed)

    def play(self) -> None:
        """Start the clock of the story and return at once. A second call has no effect."""
        if self._player is None:
            self._player = threading.Thread(target=self._run, name="demo-player", daemon=True)
            self._player.start()

    @property
    def done(self) -> bool:
        """True after the last publication."""
        return self._done.is_set()

    def wait(self, timeout: float | None = None) -> bool:
        """Block until the last publication; return False after ``timeout`` seconds."""
        return self._done.wait(timeout)

    def _run(self) -> None:
        began = time.monotonic()
        opening = self.world.now - self.start
        changes = sorted({edition.at for outlet in self.outlets for edition in outlet.editions})
        for at in changes:
            if at <= opening:
                continue
            due = began + self.seconds * ((at - opening) / (LENGTH - opening))
            if self._stopped.wait(max(0.0, due - time.monotonic())):
                return
            self.world.at(self.start + at)
        self._done.set()


def story_start(now: datetime) -> datetime:
    """Return midnight of the latest Tuesday from which the whole story is in the past."""
    latest = (now - LENGTH).replace(hour=0, minute=0, second=0, microsecond=0)
    return latest - timedelta(days=(latest.weekday() - _TUESDAY) % 7)


def web_page(_truth: Truth) -> Script:
    """Respond with an HTML page and status 200 instead of the feed."""
    response = HttpResponse(status=200, headers=(("Content-Type", "text/html"),), body=_WEB_PAGE)
    return Script(status=200, steps=(response.encoded(),))


def _versions(outlet: Outlet, start: datetime) -> list[Version]:
    return [
        Version(
            body=render(outlet, edition, start=start),
            at=start + edition.at,
            content_type=f"{CONTENT_TYPES[outlet.kind]}; charset={outlet.encoding}",
        )
        for edition in outlet.editions
    ]
