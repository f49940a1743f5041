"""Articles by id or address."""

from __future__ import annotations

from uuid import UUID

from ingest.db.article_history import History, find_article
from ingest.db.engine import Engine
from ingest.db.ledger import read_ledger
from ingest.errors import Refused
from ingest.query import read_text, read_uuid

ARTICLE_NAME = "ID|URL"


def require_article(engine: Engine, name: str, *, before: int | None = None) -> History:
    """Return the history of the article with this id or address, with revisions below number ``before``.

    Raises:
        Refused: no such article is stored.
    """
    try:
        article_id: UUID | None = read_uuid("ID", name)
    except Refused:
        articles = read_ledger(engine, read_text(ARTICLE_NAME, name)).articles
        article_id = articles[0].id if articles else None
    history = None if article_id is None else find_article(engine, article_id, before=before)
    if history is None:
        raise Refused(
            ARTICLE_NAME,
            name,
            "the id or address of a stored article (`ingest explain URL` shows the history of any URL)",
        )
    return history
