"""The parser pool: documents are parsed in processes that can be killed.

::

    PageBody ─ReadPage─▶ worker: read_page ─PageRead | Rejected─▶ Message | Failed
    Document ─ReadDocument─▶ worker: prepare ─SeenQuery─▶ seen-set ─SeenRows─▶ worker: finish
                                                         └─DocumentRead | Rejected─▶ ParsedDocument | Failed
                             stuck:   no reply by the deadline      ─▶ killed, Failed(PARSE_LIMIT)
                             bloated: beyond its address space      ─▶ exits,  Failed(PARSE_LIMIT)

A worker does all the expensive work, so its parent only moves bytes, and a lost worker loses one document; a new
worker takes its place. A worker caches the entries that it parsed (``EntryCache``), so a feed's documents go to the
same worker where that worker is free, and to any worker where it is not. No worker outlives its parent: the kernel
kills it with the thread that started it, and an idle worker exits when its socket closes.

    pool     the parent: assigns documents to workers, and replaces workers that are stuck, bloated or dead
    idle     the workers without a document, and the documents that wait for a worker
    worker   life cycle of one process
    ipc      the messages between the two, typed, as MessagePack
"""

from __future__ import annotations

from ingest.document import Document, PageBody, ParsedDocument, RejectedEntry, SeenLookup
from ingest.parse_pool.pool import Lookup, ParserPool, nothing_seen
from ingest.parse_pool.worker import ENTRY_CACHE_BYTES

__all__ = [
    "ENTRY_CACHE_BYTES",
    "Document",
    "Lookup",
    "PageBody",
    "ParsedDocument",
    "ParserPool",
    "RejectedEntry",
    "SeenLookup",
    "nothing_seen",
]
