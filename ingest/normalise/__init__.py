"""Entries as the feed declares them → articles in our form: one for each entry that is new or changed.

::

    Entry ─draft_entries─▶ EntryDraft ─resolve_articles─▶ its article, against the seen-set ─▶ Article
                                                               └▶ a duplicate within the document

The way has two steps, because a feed's seen-set may be large and a document looks up its own keys only.

    fields       texts and names within their limits
    drafts       entries, one by one: clean texts, hashes, keys
    resolution   which article an entry is, and whether the article is new or changed
    articles     a draft as an article
    markup       HTML: safe, or as plain text
    reposts      boilerplate and declared origins
    page_text    the text of an article's page in place of its feed's
"""

from __future__ import annotations

from ingest.normalise.drafts import FeedDraft, draft_entries
from ingest.normalise.fields import (
    MAX_NAMES,
    MAX_TEXT_CHARACTERS,
    MAX_TITLE_CHARACTERS,
    TRUNCATION_MARK,
    truncate,
)
from ingest.normalise.resolution import Normalised, normalise, resolve_articles

__all__ = [
    "MAX_NAMES",
    "MAX_TEXT_CHARACTERS",
    "MAX_TITLE_CHARACTERS",
    "TRUNCATION_MARK",
    "FeedDraft",
    "Normalised",
    "draft_entries",
    "normalise",
    "resolve_articles",
    "truncate",
]
