"""Index articles that have no search row of the present index version, in a thread of every ``ingest consume``.

::

    articles without a row (after a migration) ─┐
    rows of another INDEX_VERSION ──────────────┴─ read a batch ─ index ─ replace its rows, one transaction ─▶ repeat

One process at a time does so: an advisory lock, which PostgreSQL releases when its holder dies, selects the process.
Batches are bounded and newest first, and the thread pauses between them, so that storing continues meanwhile. A crash
at any step repeats at most one batch.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from threading import Thread
from typing import Final
from uuid import UUID

from ingest import search
from ingest.db import search_reindex
from ingest.db.engine import CONFLICT_RETRY, Engine, Rejected, transaction
from ingest.db.search_reindex import UnindexedArticle
from ingest.db.search_segments import Period, drop_if_empty, open_segments
from ingest.runtime import Stop, failpoint

logger = logging.getLogger(__name__)

BATCH: Final = 100
CHECK_SECONDS: Final = 60.0
"""Time between two checks whether articles wait to be indexed."""
PAUSE: Final = 1.0
"""The pause after a batch, as a multiple of the batch's time: the thread uses at most half of a processor."""


class Reindexing:
    """Reindex in a thread until ``stop``. A failure requests the stop, and :meth:`check` raises it."""

    def __init__(self, engine: Engine, stop: Stop, *, check_seconds: float = CHECK_SECONDS) -> None:
        self._engine = engine
        self._stop = stop
        self._check_seconds = check_seconds
        self._failure: Exception | None = None
        self._thread = Thread(target=self._run, name="reindex", daemon=True)

    def __enter__(self) -> Reindexing:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.request()
        self._thread.join()

    def check(self) -> None:
        """Raise the failure of the thread, if there is one."""
        if self._failure is not None:
            raise self._failure

    def _run(self) -> None:
        try:
            while True:
                reindex(self._engine, self._stop, pause=PAUSE)
                if self._stop.wait(self._check_seconds):
                    return
        except Exception as error:  # noqa: BLE001 - handed to the main thread, which raises it
            self._failure = error
            self._stop.request()


def reindex(
    engine: Engine,
    stop: Stop,
    *,
    pause: float = 0.0,
    progress: Callable[[int], object] = lambda count: None,
) -> int | None:
    """Index articles until every one is indexed or a stop is requested.

    Args:
        pause: time between batches, as a multiple of the time of the batch before.
        progress: called with the number of articles indexed so far, after each batch.

    Returns:
        The number of articles indexed; None if another process is reindexing.

    Raises:
        Unavailable: the database.
    """
    with search_reindex.only_one(engine) as selected:
        if not selected:
            return None
        return _reindex(engine, stop, pause=pause, progress=progress)


def count_unindexed(engine: Engine) -> int:
    """Return the number of articles that wait to be indexed."""
    with transaction(engine) as connection:
        return search_reindex.count_unindexed(connection, index_version=search.INDEX_VERSION)


def _reindex(engine: Engine, stop: Stop, *, pause: float, progress: Callable[[int], object]) -> int:
    indexed = 0
    while not stop.requested:
        begun = time.monotonic()
        count = CONFLICT_RETRY(_index_batch, engine)
        if count is None:
            break
        indexed += count
        progress(indexed)
        if pause:
            stop.wait(pause * (time.monotonic() - begun))
    if indexed:
        logger.info("indexed %d articles for search", indexed)
    return indexed


def _index_batch(engine: Engine) -> int | None:
    """Index one batch. Return the number of articles, or None if none waits."""
    articles = search_reindex.read_batch(engine, limit=BATCH, index_version=search.INDEX_VERSION)
    if not articles:
        _drop_outdated(engine)
        return None
    segments = open_segments(
        engine, {article.sort_at for article in articles}, index_version=search.INDEX_VERSION
    )
    try:
        count = _write(engine, articles, _vectors(articles), segments)
    except Rejected:
        count = sum(_index_alone(engine, article, segments) for article in articles)
    failpoint("reindex.batch-written")
    return count


def _index_alone(engine: Engine, article: UnindexedArticle, segments: Mapping[Period, int]) -> int:
    """Index one article of a batch that the database rejected. Give the rejected article an empty vector."""
    try:
        return _write(engine, [article], _vectors([article]), segments)
    except Rejected as rejected:
        logger.warning("article %s is not searchable: %s", article.id, rejected)
        return _write(engine, [article], {article.id: ""}, segments)


def _write(
    engine: Engine,
    articles: Sequence[UnindexedArticle],
    vectors: Mapping[UUID, str],
    segments: Mapping[Period, int],
) -> int:
    return search_reindex.write_batch(
        engine, articles, vectors, segments=segments, index_version=search.INDEX_VERSION
    )


def _vectors(articles: Sequence[UnindexedArticle]) -> dict[UUID, str]:
    return {
        article.id: search.index_document(
            title=article.title,
            text=article.text,
            authors=article.authors,
            publisher=article.publisher,
            language=article.language,
        ).vector
        for article in articles
    }


def _drop_outdated(engine: Engine) -> None:
    """Drop the segments of other versions, which are empty now. A consumer of an older version may still write one."""
    with transaction(engine) as connection:
        outdated = search_reindex.outdated_segments(connection, index_version=search.INDEX_VERSION)
    for segment in outdated:
        drop_if_empty(engine, segment)
