"""RSS and Atom as nearly all feeds write them, read many times faster than by the reference, to the same values.

::

    bytes ─split─▶ what stands around the entries ─expat─▶ tree ─Reader─▶ title, link, version …
             └──▶ the entries' bytes ─known?─▶ the Entry of an earlier poll
                            └─ new ─expat─▶ trees ─Reader.entry─▶ a dictionary as feedparser's ─▶ Entry

What is read here is a strict part of what feedparser reads: well-formed, without a DOCTYPE, with text alone
where a text is expected. Whatever else comes up ends in
:class:`~ingest.parse.namespaces.NeedsFeedparser`, and the caller
asks the reference. Within that part feedparser's habits hold, and each is a line here: the last of several
titles at one depth, but not of those deeper down; a second description becomes content; an ``xml:base``
that outlives its element; and so on. ``tests/pure/test_fastpath_corpus.py`` compares the two over the corpus.

    splitting  the bytes, cut into entries and what stands around them
    document   what stands around the entries, and which of them are known
    entries    what is in an entry
    values     texts, kinds, dates: what the two share

An entry's bytes are told from its neighbours' without reading them, and checked afterwards: each is put as an
element of its own between marks that the document does not contain, and where the parser does not find
mark, entry, mark in turn, the bytes were cut in the wrong place and the document is read as a whole.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Mapping
from typing import Any
from xml.etree import ElementTree as ET

from ingest.parse.cache import EntryCache
from ingest.parse.fastpath.document import Found, Reader
from ingest.parse.fastpath.splitting import Split, SplitError, utf8
from ingest.parse.namespaces import NeedsFeedparser
from ingest.types import Entry

__all__ = ["Found", "read"]


def read(
    prepared: bytes,
    *,
    charset: str | None,
    url: str,
    make: Callable[[Mapping[str, Any]], Entry],
    cache: EntryCache | None = None,
) -> Found | None:
    """What the document says, or None where only the reference can tell.

    ``make`` turns an entry as feedparser would give it into ours; it may depend on ``url``.
    """
    document = utf8(prepared, charset)
    if document is None:
        return None
    # What is made here holds no cycles: a collector that runs meanwhile walks over all that is remembered, in vain.
    collecting = gc.isenabled()
    gc.disable()
    try:
        split = Split.of(document)
        if split is not None:
            try:
                return Reader(split, url=url, make=make, cache=cache).document()
            except ET.ParseError:
                pass  # cut in the wrong place, or not well-formed: the whole of it tells
            except SplitError:
                pass
        return Reader(Split(document, []), url=url, make=make, cache=None).document()
    except (NeedsFeedparser, ET.ParseError, RecursionError):
        return None
    finally:
        if collecting:
            gc.enable()
