"""Entries → drafts: clean texts, hashes and names, as far as a document's own fields determine them."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Final

from ingest.errors import Unusable
from ingest.identity import content_hash, entry_fingerprint
from ingest.normalise import markup
from ingest.normalise.evidence import shared_names
from ingest.normalise.fields import (
    MAX_SUMMARY_CHARACTERS,
    MAX_TEXT_CHARACTERS,
    MAX_TITLE_CHARACTERS,
    truncate,
)
from ingest.normalise.reposts import authors_of, clean_text
from ingest.normalise.values import EntryDraft, FeedDraft
from ingest.types import Entry, Evidence, ParsedFeed
from ingest.urls import canonical, is_home

TITLE_FROM_TEXT_CHARACTERS: Final = 120
"""Characters of the text that serve as title where an entry has none."""

_TIME: Final = re.compile(r"\d:\d\d")
_MIDNIGHT: Final = re.compile(r"[T\s]00:00(?::00(?:\.0+)?)?(?!\d)")
"""The time of day of dates without one."""


def draft_entries(
    parsed: ParsedFeed,
    *,
    feed_url: str,
    url: str | None = None,
    evidence: Evidence | None = None,
    rotates: bool = False,
) -> FeedDraft:
    """Draft each entry of a document.

    ``feed_url`` is the address in the registry, ``url`` the one that responded, after redirects. Relative links are
    resolved against ``url``; identities depend on ``feed_url``, which a redirect does not change. The last two
    arguments are those of :class:`~ingest.normalise.values.FeedDraft`.
    """
    base = url or feed_url
    home_urls = {canonical(each, base=base) for each in (parsed.link, feed_url, url) if each}
    drafts: list[EntryDraft] = []
    unusable: list[tuple[Entry, Unusable]] = []
    for number, entry in enumerate(parsed.entries, 1):
        draft = _draft_entry(entry, base=base, home_urls=home_urls)
        if draft is None:
            error = Unusable(f"entry {number} of {feed_url}", "the entry has no title, no text and no link")
            unusable.append((entry, error))
        else:
            drafts.append(draft)
    return FeedDraft(
        parsed=parsed,
        feed_url=feed_url,
        url=url,
        drafts=tuple(drafts),
        unusable=tuple(unusable),
        shared=shared_names(drafts),
        evidence=evidence,
        rotates=rotates,
    )


def _draft_entry(entry: Entry, *, base: str, home_urls: Collection[str | None]) -> EntryDraft | None:
    """None where the entry has no title, no text and no link."""
    url = canonical(entry.link, base=base) if entry.link else None
    # Some feeds put the address into the guid only: a permalink serves where there is no link.
    if url is None and entry.guid and entry.guid.startswith(("http://", "https://")) and not entry.link:
        url = canonical(entry.guid)
    summary, text, html = _texts(entry, base=entry.base or url or base)
    title = markup.single_line(entry.title) if entry.title else ""
    story = clean_text(text, title=title, markup=html)
    text, attribution = story.text, story.attribution
    if not title:
        beginning = truncate(" ".join(text.split()), TITLE_FROM_TEXT_CHARACTERS, mark="…")
        title = beginning or url or (entry.link or "")
    if not title:
        return None
    title, text = truncate(title, MAX_TITLE_CHARACTERS), truncate(text, MAX_TEXT_CHARACTERS)
    if summary and summary != text:
        summary = clean_text(summary, title=title, markup="").text
    authors = authors_of(entry.authors, story)
    date = _date(entry)
    is_article = url is not None and url not in home_urls and not is_home(url)
    return EntryDraft(
        entry=entry,
        # A summary that is no part of the text is content of its own.
        content_hash=content_hash(title, text if summary in text else f"{summary}\n{text}", authors),
        url=url,
        title=title,
        summary=truncate(summary, MAX_SUMMARY_CHARACTERS),
        text=text,
        html=html,
        authors=authors,
        attribution=attribution,
        removed=story.removed,
        date=date,
        has_time=bool(_TIME.search(date)) and not _MIDNIGHT.search(entry.published_raw or date),
        fingerprint=entry_fingerprint(link=url or entry.link, title=title, date=date or None),
        guid=_identifying_guid(entry, home_urls=home_urls),
        link=entry.link if is_article or url is None else None,
        article_url=url if is_article else None,
    )


def _date(entry: Entry) -> str:
    """An unreadable date still tells two entries apart: then it is its raw text."""
    date = entry.published.isoformat() if entry.published is not None else entry.published_raw
    return date or ("" if entry.updated is None else entry.updated.isoformat())


def _identifying_guid(entry: Entry, *, home_urls: Collection[str | None]) -> str | None:
    """The entry's guid, unless it is the address of a front page or of the feed itself."""
    guid = entry.guid
    if guid is None or not guid.startswith(("http://", "https://")):
        return guid
    url = canonical(guid)
    return None if url is not None and (url in home_urls or is_home(url)) else guid


def _texts(entry: Entry, *, base: str) -> tuple[str, str, str]:
    """Summary and text as plain text, and the text's HTML; the longer of summary and content is the text."""
    summary_html = markup.sanitise(entry.summary, base=base) if entry.summary else ""
    summary = markup.plain_text(summary_html)
    if entry.content == entry.summary:  # feedparser repeats the only text of an entry
        return summary, summary, summary_html
    html = markup.sanitise(entry.content, base=base) if entry.content else ""
    text = markup.plain_text(html)
    return (summary, summary, summary_html) if len(summary) > len(text) else (summary, text, html)
