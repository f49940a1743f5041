"""Handlers of articles: search, one article with its history, the ledger of a URL."""

from __future__ import annotations

from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from ingest.api.parameters import query_parameters, read_number, required
from ingest.api.responses import Json, NotFound
from ingest.api.threads import Threads
from ingest.db import article_search
from ingest.db.article_history import find_article
from ingest.db.engine import Engine
from ingest.db.ledger import read_ledger
from ingest.query import QUERY_PARAMETERS, read_query, read_text, read_uuid
from ingest.response_bodies import article_body, ledger_body, result_page_body

URL_ACCEPTED: Final = "the address of an article or feed"


class ArticleRoutes:
    """Handlers that read the article database."""

    def __init__(self, engine: Engine, threads: Threads, search_threads: Threads) -> None:
        """``search_threads`` run full-text searches, so that slow ones do not keep other requests waiting."""
        self._engine = engine
        self._threads = threads
        self._search_threads = search_threads

    async def search(self, request: Request) -> Response:
        """Respond with articles that match a query."""
        query = read_query(query_parameters(request, *QUERY_PARAMETERS))
        threads = self._threads if query.q is None else self._search_threads
        page = await threads.run(lambda: article_search.find(self._engine, query))
        articles = [article_body(article) for article in page.articles]
        return Json({"articles": articles, **result_page_body(page)})

    async def show(self, request: Request) -> Response:
        """Respond with one article and its history."""
        parameters = query_parameters(request, "before")
        before = (
            read_number("before", parameters["before"], least=1, most=2**31 - 1)
            if "before" in parameters
            else None
        )
        id_text = request.path_params["id"]
        article_id = read_uuid("id", id_text)
        history = await self._threads.run(lambda: find_article(self._engine, article_id, before=before))
        if history is None:
            raise NotFound("id", id_text, "the id of a stored article")
        return Json({"article": history})

    async def ledger(self, request: Request) -> Response:
        """Respond with the ledger of a URL; 404 for an unknown URL."""
        url = read_text("url", required(query_parameters(request, "url"), "url", URL_ACCEPTED))
        ledger = await self._threads.run(lambda: read_ledger(self._engine, url))
        return Json(ledger_body(ledger), 200 if ledger.is_recorded else 404)
