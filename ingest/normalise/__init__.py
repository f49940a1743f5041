"""Entries as the feed declares them → articles in our form: one for each entry that is new or changed.

::

    Entry ─draft_entries─▶ EntryDraft ─resolve_articles─▶ its article, against the seen-set ─▶ Article
                                                               └▶ a duplicate within the document

The way has two steps, because a feed's seen-set may be large and a document looks up its own keys only.

    fields       texts, names and languages within their limits
    values       drafts of entries and documents
    drafts       entries, one by one: clean texts, hashes, names
    evidence     which names several entries share, and the name of each entry
    resolution   which article an entry is, and whether the article is new or changed
    articles     a draft as an article
    markup       HTML: safe, or as plain text
    reposts      a text without boilerplate, its origin and credits (boilerplate, origins, credits, bylines)
    rehash       content hashes of stored versions by the present rules
    page_text    the text of an article's page in place of its feed's
"""

from __future__ import annotations

from ingest.normalise.drafts import draft_entries
from ingest.normalise.evidence import keys_to_look_up
from ingest.normalise.fields import (
    MAX_NAMES,
    MAX_TEXT_CHARACTERS,
    MAX_TITLE_CHARACTERS,
    TRUNCATION_MARK,
    truncate,
)
from ingest.normalise.resolution import Normalised, normalise, resolve_articles
from ingest.normalise.values import FeedDraft

__all__ = [
    "MAX_NAMES",
    "MAX_TEXT_CHARACTERS",
    "MAX_TITLE_CHARACTERS",
    "TRUNCATION_MARK",
    "FeedDraft",
    "Normalised",
    "draft_entries",
    "keys_to_look_up",
    "normalise",
    "resolve_articles",
    "truncate",
]
