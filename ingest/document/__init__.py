"""The way of one document: parse, normalise against the feed's seen-set, encode. Pure: no clock, no I/O.

::

    Document ─prepare─▶ PreparedDocument ─SeenLookup─▶ (the caller's look-up) ─rows─▶ finish ─▶ ParsedDocument
                 └─▶ Failed
    PageBody ─read_page─▶ Message | Failed

The way has two steps, because a seen-set may be large and a document needs the rows of its own entries only.

    values        input and result: light, so that the parent of the parser processes can import them
    feed          a feed document: ``prepare`` and ``finish``
    completeness  whether a document was cut, and where
    page          an article's page: ``read_page``

This face exports the values alone. ``feed`` and ``page`` import the parsers, which takes seconds: only parser
processes import them (:mod:`ingest.parse_pool.worker`).
"""

from __future__ import annotations

from ingest.document.values import Document, PageBody, ParsedDocument, RejectedEntry, SeenLookup

__all__ = ["Document", "PageBody", "ParsedDocument", "RejectedEntry", "SeenLookup"]
