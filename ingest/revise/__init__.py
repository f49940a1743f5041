"""Decide how records change the store: pure functions over the stored state, without a database.

::

    StoredBatch ──────┐
    Decoded records ──┴─ decide_batch ─▶ ArticleChange, one per record ─ stream_events ─▶ messages by log topic
                           │    ▲
             decide_change ▼    │ apply_change: the stored state that the next record of the batch meets

``versions`` maps the content hashes of feeds to stored revisions. The transaction is :mod:`ingest.persist`.
"""

from ingest.revise.batch import DecodedRecord, StoredBatch, articles_to_classify, decide_batch
from ingest.revise.changes import apply_change, decide_change, is_late
from ingest.revise.events import stream_events

__all__ = [
    "DecodedRecord",
    "StoredBatch",
    "apply_change",
    "articles_to_classify",
    "decide_batch",
    "decide_change",
    "is_late",
    "stream_events",
]
