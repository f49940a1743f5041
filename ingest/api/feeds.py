"""Handlers of feeds: all feeds in result pages, and one feed with its last polls."""

from __future__ import annotations

from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from ingest import runtime
from ingest.api.parameters import query_parameters, read_number
from ingest.api.responses import Json, NotFound
from ingest.api.threads import Threads
from ingest.db import feeds
from ingest.db.engine import Engine
from ingest.db.feed_codecs import FEED_STATES
from ingest.errors import Refused
from ingest.feed_tags import read_tag
from ingest.jsonable import jsonable

MAX_FEEDS: Final = 500
DEFAULT_FEEDS: Final = 100
MAX_ID: Final = 10**18 - 1
"""Larger than any id will be, and within the range of the database column."""


class FeedRoutes:
    """Handlers that read the registry of feeds."""

    def __init__(self, engine: Engine, threads: Threads) -> None:
        self._engine = engine
        self._threads = threads

    async def list_feeds(self, request: Request) -> Response:
        """Respond with a result page of feeds."""
        parameters = query_parameters(request, "state", "failing", "tag", "limit", "after")
        state = _read_state(parameters["state"]) if "state" in parameters else None
        tag = read_tag(parameters["tag"]) if "tag" in parameters else None
        failing = "failing" in parameters and _read_failing(parameters["failing"])
        limit = (
            read_number("limit", parameters["limit"], least=1, most=MAX_FEEDS)
            if "limit" in parameters
            else DEFAULT_FEEDS
        )
        after = read_number("after", parameters.get("after", "0"), least=0, most=MAX_ID)
        page = await self._threads.run(
            lambda: feeds.page_feeds(
                self._engine, state=state, failing=failing, tag=tag, limit=limit, after=after
            )
        )
        return Json({"feeds": page.feeds, "next_after": page.next_after})

    async def show(self, request: Request) -> Response:
        """Respond with one feed, its WebSub subscription and its last polls."""
        query_parameters(request)
        id_text = request.path_params["id"]
        feed_id = read_number("id", id_text, least=1, most=MAX_ID)
        now = runtime.now()
        history = await self._threads.run(lambda: feeds.find_history(self._engine, feed_id, now=now))
        if history is None:
            raise NotFound("id", id_text, "the id of a feed of /v1/feeds")
        feed = {**jsonable(history.feed), "websub": history.websub, "polls": history.polls}
        return Json({"feed": feed})


def _read_state(value: str) -> str:
    """Return the state.

    Raises:
        Refused: there is no such state.
    """
    if value not in FEED_STATES:
        raise Refused("state", value, f"one of {', '.join(FEED_STATES)}")
    return value


def _read_failing(value: str) -> bool:
    """Return True.

    Raises:
        Refused: anything but ``true``; ``false`` could mean all feeds, or only those that succeed.
    """
    if value != "true":
        raise Refused("failing", value, "true; without it all feeds are listed")
    return True
