"""RSS and Atom of the usual form, read many times faster than by feedparser, to equal values.

::

    bytes ─Split─▶ the document around its entries ─expat─▶ tree ─Reader─▶ title, link, version …
             └──▶ the entries' bytes ─cached─▶ the Entry of an earlier poll
                            └─ new ─expat─▶ trees ─EntryReader─▶ a dictionary as feedparser's ─▶ Entry

The fast path reads a strict part of feedparser's input: well-formed, without a DOCTYPE, with text alone where text is
expected. Anything else raises :class:`~ingest.parse.namespaces.NeedsFeedparser`, and the caller runs feedparser. Within
that part feedparser's habits apply, and each is a line here: the last of several titles at one depth, but none that is
nested deeper; a second description becomes content; an ``xml:base`` outlives its element; and so on.
``tests/pure/test_fastpath_corpus.py`` compares both over the corpus.

    splitting  bytes: the entries, and the document around them
    feed       the document around the entries; entries from the cache
    entries    the elements of an entry
    state      the state that both share
    values     texts, content types, dates

Entries are separated without parsing them, and checked afterwards. Each becomes an element between marks that the
document does not contain. If expat does not find mark, entry, mark in turn, the split was wrong, and the document is
read as a whole.
"""

from __future__ import annotations

from ingest.parse.fastpath.feed import FeedContents, read

__all__ = ["FeedContents", "read"]
