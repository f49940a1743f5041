"""Feeds: all of them in pages, and one with its last polls. What changes them is the command line's."""

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
from ingest.jsonable import jsonable

MAX_FEEDS: Final = 500
DEFAULT_FEEDS: Final = 100
MAX_ID: Final = 10**18 - 1
"""More than there will ever be, and still a number that the database can hold."""


class FeedRoutes:
    """Handlers over the registry."""

    def __init__(self, engine: Engine, threads: Threads) -> None:
        self._engine = engine
        self._threads = threads

    async def listed(self, request: Request) -> Response:
        found = query_parameters(request, "state", "failing", "limit", "after")
        state = _read_state(found["state"]) if "state" in found else None
        failing = "failing" in found and _read_failing(found["failing"])
        limit = (
            read_number("limit", found["limit"], least=1, most=MAX_FEEDS)
            if "limit" in found
            else DEFAULT_FEEDS
        )
        after = read_number("after", found.get("after", "0"), least=0, most=MAX_ID)
        page = await self._threads.run(
            lambda: feeds.page_feeds(self._engine, state=state, failing=failing, limit=limit, after=after)
        )
        return Json({"feeds": page.feeds, "next_after": page.next_after})

    async def one(self, request: Request) -> Response:
        query_parameters(request)
        given_id = request.path_params["id"]
        feed_id = read_number("id", given_id, least=1, most=MAX_ID)
        now = runtime.now()
        found = await self._threads.run(lambda: feeds.find_history(self._engine, feed_id, now=now))
        if found is None:
            raise NotFound("id", given_id, "the id of a feed of /v1/feeds")
        told = {"subscription": found.subscription, "polls": found.polls}
        return Json({"feed": {**jsonable(found.feed), **told}})


def _read_state(value: str) -> str:
    """
    Raises:
        Refused: no feed is ever in such a state.
    """
    if value not in FEED_STATES:
        raise Refused("state", value, f"one of {', '.join(FEED_STATES)}")
    return value


def _read_failing(value: str) -> bool:
    """
    Raises:
        Refused: anything but ``true``: whether ``false`` asks for all or for those that succeed is anyone's guess.
    """
    if value != "true":
        raise Refused("failing", value, "true; without it feeds are told whether they fail or not")
    return True
