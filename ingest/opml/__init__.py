"""OPML 2.0: lists of feeds, which feed readers exchange. Pure.

::

    bytes ─▶ well-formed XML: document.py ─┬─▶ Outline   a row that names a feed
         └─▶ anything else: recovery.py ───┘  Damage    a row that cannot be read, with its line
"""

from __future__ import annotations

from ingest.opml.document import (
    ACCEPTED,
    MAX_BYTES,
    NAMESPACE,
    ExportRow,
    Opml,
    read_opml,
    write_opml,
)
from ingest.opml.rows import MAX_DEPTH, USER_AGENT, Damage, Outline

__all__ = [
    "ACCEPTED",
    "MAX_BYTES",
    "MAX_DEPTH",
    "NAMESPACE",
    "USER_AGENT",
    "Damage",
    "ExportRow",
    "Opml",
    "Outline",
    "read_opml",
    "write_opml",
]
