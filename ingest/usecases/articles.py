"""Articles by id or address."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import Engine

from ingest.db import article_search, ledger
from ingest.errors import Refused

ARTICLE_NAME = "ID|URL"


def require_article(engine: Engine, name: str, *, before: int | None = None) -> ledger.History:
    """Return the history of the article with this id or address, with revisions below number ``before``.

    Raises:
        Refused: no such article is stored.
    """
    try:
        article_id: UUID | None = article_search.read_uuid("ID", name)
    except Refused:
        articles = ledger.ledger(engine, article_search.read_text(ARTICLE_NAME, name)).articles
        article_id = articles[0].id if articles else None
    history = None if article_id is None else ledger.article(engine, article_id, before=before)
    if history is None:
        raise Refused(
            ARTICLE_NAME,
            name,
            "the id or address of a stored article (`ingest explain URL` shows the history of any URL)",
        )
    return history
