"""The parser pool: documents are read in processes that can be killed.

::

    PageBody ─frame─▶ worker: article_html ─▶ with_page_text ─▶ encode ─frame─▶ Message | Failed
    Document ─frame─▶ worker: parse_feed ─▶ draft ─keys─▶ seen-set ─rows─▶ settle ─▶ encode ─frame─▶ Digested | Failed
                      stuck:   no answer by the deadline   ─▶ killed, Failed(PARSE_LIMIT)
                      bloated: past its address space      ─▶ ends,   Failed(PARSE_LIMIT)

A worker does everything that costs, so its parent only moves bytes, and a lost worker loses one document;
another takes its place. A worker remembers the entries it read (``EntryCache``), so a feed's documents go to
the same one where that is free, and to any other where it is not. Frames are a length and a ``marshal`` value
of builtin types: both ends are one interpreter's. No worker outlives its parent: the kernel kills it with the
thread that started it, and while it waits the end of its socket ends it.

    pool     the parent: who gets which worker, and what becomes of one that is stuck, bloated or dead
    worker   a worker's life, and what it makes of a document
    frames   what goes between the two, packed
"""

from __future__ import annotations

from ingest.parse_pool.ipc import Document, PageBody, ParsedDocument, RejectedEntry
from ingest.parse_pool.pool import Lookup, ParserPool, nothing_seen
from ingest.parse_pool.worker import ENTRY_CACHE

__all__ = [
    "ENTRY_CACHE",
    "Document",
    "Lookup",
    "PageBody",
    "ParsedDocument",
    "ParserPool",
    "RejectedEntry",
    "nothing_seen",
]
