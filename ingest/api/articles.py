"""Handlers of articles: search, one article with its history, the ledger of a URL."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Engine
from starlette.requests import Request
from starlette.responses import Response

from ingest.api.parameters import query_parameters, read_number, required
from ingest.api.responses import Json, NotFound
from ingest.api.threads import Threads
from ingest.db import article_search, ledger
from ingest.jsonable import jsonable

URL_ACCEPTED: Final = "the address of an article or feed"


class ArticleRoutes:
    """Handlers that read the article database."""

    def __init__(self, engine: Engine, threads: Threads) -> None:
        self._engine = engine
        self._threads = threads

    async def search(self, request: Request) -> Response:
        """Respond with articles that match a query."""
        query = article_search.read_query(query_parameters(request, *article_search.QUERY_PARAMETERS))
        page = await self._threads.run(lambda: article_search.find(self._engine, query))
        return Json(
            {
                "articles": [article_search.listed_body(article) for article in page.articles],
                "next_cursor": None if page.behind is None else article_search.encode_cursor(page.behind),
            }
        )

    async def show(self, request: Request) -> Response:
        """Respond with one article and its history."""
        parameters = query_parameters(request, "before")
        before = (
            read_number("before", parameters["before"], least=1, most=2**31 - 1)
            if "before" in parameters
            else None
        )
        id_text = request.path_params["id"]
        article_id = article_search.read_uuid("id", id_text)
        history = await self._threads.run(lambda: ledger.article(self._engine, article_id, before=before))
        if history is None:
            raise NotFound("id", id_text, "the id of a stored article")
        return Json({"article": history})

    async def ledger(self, request: Request) -> Response:
        """Respond with the ledger of a URL; 404 for an unknown URL."""
        url = article_search.read_text("url", required(query_parameters(request, "url"), "url", URL_ACCEPTED))
        entries = await self._threads.run(lambda: ledger.ledger(self._engine, url))
        body = {"recorded": entries.recorded, **jsonable(entries)}
        return Json(body, 200 if entries.recorded else 404)
