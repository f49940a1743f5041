"""What the feed said → what we say: one :class:`~ingest.types.Article` for each entry that is new or changed.

::

    Entry ─draft─▶ key, address, title, text ─settle─▶ which article it is, against the seen-set ─▶ Article
                                                        └▶ a duplicate within the document

In two steps, because a feed's seen-set may be large and a document asks only for its own keys.

Within one document a guid or a link only tells articles apart if it is not shared: several titles under one
guid are told by their links, several titles under one link by their guids. An entry that the seen-set knows
keeps the article it first was.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Final, TypeVar
from uuid import UUID

from ingest.errors import Refused, Unusable
from ingest.identity import article_id, content_hash, entry_fingerprint, entry_key, is_different_article
from ingest.normalise import markup
from ingest.normalise.reposts import remove_boilerplate
from ingest.types import Article, Attribution, Entry, ParsedFeed, Seen
from ingest.urls import absolute, canonical, feed_url, host_of, is_home

MAX_TEXT_CHARACTERS: Final = 1_000_000
MAX_SUMMARY_CHARACTERS: Final = 10_000
MAX_TITLE_CHARACTERS: Final = 1_000
MAX_NAME_CHARACTERS: Final = 500
MAX_GUID_CHARACTERS: Final = 4_000
MAX_NAMES: Final = 100
"""Authors, or categories, of one article."""
CUT: Final = " […]"
"""Stands at the end of what was longer than its limit."""
TITLE_FROM_TEXT: Final = 120
"""Characters of the text that serve as title where an entry has none."""
FUTURE: Final = timedelta(hours=1)
"""A date further ahead than this is a wrong clock or zone; it would stand on top of every list."""
MAX_LANGUAGE_CHARACTERS: Final = 35  # RFC 5646, §4.4.1

REMEMBERED_CHARACTERS: Final = 200
"""Names and languages up to this length are remembered as they were read."""

_Told = TypeVar("_Told", bound=Hashable)


@dataclass(frozen=True, slots=True, kw_only=True)
class Normalised:
    """What one document came to."""

    articles: tuple[Article, ...]
    """Those new or changed against the seen-set, in the document's order."""
    seen: tuple[Seen, ...]
    """The rows of the seen-set that are new or changed."""
    entries: int
    created: int
    """Articles whose entries were never seen before."""
    duplicates: int
    """Entries that are the same article as an earlier one of the document."""
    unusable: tuple[tuple[Entry, Unusable], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Draft:
    """An entry, read."""

    entry: Entry
    key: bytes
    digest: bytes
    url: str | None
    title: str
    summary: str
    text: str
    html: str
    authors: tuple[str, ...]
    attribution: Attribution | None
    marks: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Drafted:
    """A document whose entries were read, and which waits for what is known of them."""

    parsed: ParsedFeed
    feed_url: str
    url: str | None
    drafts: tuple[_Draft, ...]
    unusable: tuple[tuple[Entry, Unusable], ...]

    @property
    def keys(self) -> tuple[bytes, ...]:
        """What to look up in the feed's seen-set."""
        return tuple(dict.fromkeys([draft.key for draft in self.drafts]))

    @property
    def articles(self) -> tuple[UUID, ...]:
        """To look up too: they may be there under another name, for some feeds give a guid anew in each document."""
        ids = [article_id(url=draft.url, feed_url=self.feed_url) for draft in self.drafts if draft.url]
        return tuple(dict.fromkeys(ids))


def normalise(
    parsed: ParsedFeed,
    *,
    feed_id: int,
    feed_url: str,
    poll_id: int,
    seen_at: datetime,
    seen: Mapping[bytes, Seen],
    url: str | None = None,
) -> Normalised:
    """Both steps at once, as :func:`draft` and :func:`settle` explain them."""
    drafted = draft(parsed, feed_url=feed_url, url=url)
    return finish(drafted, feed_id=feed_id, poll_id=poll_id, seen_at=seen_at, seen=seen)


def draft(parsed: ParsedFeed, *, feed_url: str, url: str | None = None) -> Drafted:
    """What each entry of a document says.

    ``feed_url`` is the address in the registry, ``url`` the one that answered, after redirects: relative
    links are relative to that one, identities to the other, which does not change with a redirect.
    """
    drafts: list[_Draft] = []
    unusable: list[tuple[Entry, Unusable]] = []
    for number, entry in enumerate(_without_shared_guids(parsed.entries), 1):
        drafted = _draft(entry, base=url or feed_url)
        if drafted is None:
            why = Unusable(f"entry {number} of {feed_url}", "it has no title, no text and no link")
            unusable.append((entry, why))
        else:
            drafts.append(drafted)
    return Drafted(parsed=parsed, feed_url=feed_url, url=url, drafts=tuple(drafts), unusable=tuple(unusable))


def finish(
    drafted: Drafted, *, feed_id: int, poll_id: int, seen_at: datetime, seen: Mapping[bytes, Seen]
) -> Normalised:
    """The articles of a document that are new or changed against ``seen``: of the feed's seen-set, the rows
    whose keys it has, or whose articles."""
    parsed, feed_url, url, drafts = drafted.parsed, drafted.feed_url, drafted.url, drafted.drafts
    base = url or feed_url
    fronts = {canonical(each, base=base) for each in (parsed.link, feed_url, url) if each}
    shared = _shared((draft.url, draft.entry.guid, draft.title) for draft in drafts if draft.url is not None)
    siblings: defaultdict[UUID, list[Seen]] = defaultdict(list)
    for row in seen.values():
        siblings[row.article_id].append(row)
    taken: dict[UUID, _Draft] = {}
    keys: set[bytes] = set()
    articles: list[Article] = []
    rows: list[Seen] = []
    created = duplicates = 0
    for draft in drafts:
        told_by_url = draft.url not in shared and draft.url not in fronts
        own = draft.url if told_by_url and draft.url is not None and not is_home(draft.url) else None
        known = seen.get(draft.key)
        if known is not None and is_different_article(known.entry_fingerprint, draft.marks):
            known = None
        elsewhere: Sequence[Seen] = ()
        if known is None and own is not None:
            elsewhere = siblings.get(article_id(url=own, feed_url=feed_url), ())
        identity = known.article_id if known is not None else _identity(draft, url=own, feed_url=feed_url)
        earlier = taken.get(identity)
        if earlier is not None and _are_two(earlier, draft):
            identity = _identity(draft, url=None, feed_url=feed_url)
            known = None if known is None or known.article_id != identity else known
            earlier = taken.get(identity)
        row = Seen(
            key=draft.key, content_hash=draft.digest, article_id=identity, entry_fingerprint=draft.marks
        )
        if earlier is not None:
            duplicates += 1
            # Remembered all the same: tomorrow it may stand there alone.
            if draft.key not in keys and known is None:
                rows.append(row)
        else:
            taken[identity] = draft
            created += known is None and not elsewhere
            if known != row:
                rows.append(row)
            told = elsewhere if known is None else (known,)
            if all(each.content_hash != draft.digest for each in told):
                articles.append(
                    _article(
                        draft,
                        parsed,
                        identity=identity,
                        feed_id=feed_id,
                        feed_url=feed_url,
                        base=base,
                        poll_id=poll_id,
                        seen_at=seen_at,
                    )
                )
        keys.add(draft.key)
    return Normalised(
        articles=tuple(articles),
        seen=tuple(rows),
        entries=len(parsed.entries),
        created=created,
        duplicates=duplicates,
        unusable=drafted.unusable,
    )


def _without_shared_guids(entries: Sequence[Entry]) -> Sequence[Entry]:
    """The entries; a guid that stands for several links with several titles is no guid (docs/polling.md, case 53)."""
    shared = _shared((entry.guid, entry.link, entry.title) for entry in entries if entry.guid and entry.link)
    if not shared:
        return entries
    return [replace(entry, guid=None) if entry.guid in shared and entry.link else entry for entry in entries]


def _shared(named: Iterable[tuple[_Told, str | None, str | None]]) -> set[_Told]:
    """Of (name, other name, title): the names that stand for several others with several titles."""
    others: defaultdict[_Told, set[str | None]] = defaultdict(set)
    titles: defaultdict[_Told, set[str | None]] = defaultdict(set)
    for name, other, title in named:
        others[name].add(other)
        titles[name].add(title)
    return {name for name, found in others.items() if len(found) > 1 and len(titles[name]) > 1}


def _are_two(one: _Draft, other: _Draft) -> bool:
    return one.entry.guid != other.entry.guid and one.title != other.title


def _identity(draft: _Draft, *, url: str | None, feed_url: str) -> UUID:
    entry = draft.entry
    return article_id(
        url=url,
        feed_url=feed_url,
        guid=entry.guid,
        title=draft.title,
        published=entry.published,
        published_raw=entry.published_raw,
    )


def _draft(entry: Entry, *, base: str) -> _Draft | None:
    """The entry, read; None where it says nothing."""
    url = canonical(entry.link, base=base) if entry.link else None
    # A permalink serves where the link is none: some feeds put the address into the guid only.
    if url is None and entry.guid and entry.guid.startswith(("http://", "https://")) and not entry.link:
        url = canonical(entry.guid)
    html_base = entry.base or url or base
    summary_html = markup.sanitise(entry.summary, base=html_base) if entry.summary else ""
    summary = markup.plain_text(summary_html)
    if entry.content == entry.summary:  # as feedparser has it where the feed has only one
        text, html = summary, summary_html
    else:
        html = markup.sanitise(entry.content, base=html_base) if entry.content else ""
        text = markup.plain_text(html)
    if len(summary) > len(text):
        text, html = summary, summary_html
    title = markup.single_line(entry.title) if entry.title else ""
    text, attribution = remove_boilerplate(text, title=title, markup=html)
    if not title:
        title = cut(" ".join(text.split()), TITLE_FROM_TEXT, mark="…") or url or (entry.link or "")
    if not title:
        return None
    named = entry if entry.guid or entry.link or entry.title else replace(entry, title=title)
    title, text = cut(title, MAX_TITLE_CHARACTERS), cut(text, MAX_TEXT_CHARACTERS)
    if summary and summary != text:
        summary = remove_boilerplate(summary, title=title, markup="")[0]
    authors = _names(entry.authors)
    if attribution is not None and attribution.author is not None:
        authors = (attribution.author,)  # the entry's is whoever reposted it
    return _Draft(
        entry=entry,
        key=entry_key(named),
        # A summary that says something else than the text is a part of what the publisher tells.
        digest=content_hash(title, text if summary in text else f"{summary}\n{text}", authors),
        url=url,
        title=title,
        summary=cut(summary, MAX_SUMMARY_CHARACTERS),
        text=text,
        html=html,
        authors=authors,
        attribution=attribution,
        marks=entry_fingerprint(
            link=url or entry.link,
            title=title,
            date=entry.published.isoformat() if entry.published is not None else entry.published_raw,
        ),
    )


def _article(
    draft: _Draft,
    parsed: ParsedFeed,
    *,
    identity: UUID,
    feed_id: int,
    feed_url: str,
    base: str,
    poll_id: int,
    seen_at: datetime,
) -> Article:
    entry, attribution = draft.entry, draft.attribution
    source = host_of(draft.url or feed_url)
    publisher = attribution.publisher if attribution is not None else None
    publisher = publisher or _name(entry.source_title) or _name(parsed.title) or source or None
    latest = seen_at + FUTURE
    published = entry.published or entry.updated
    return Article(
        id=identity,
        feed_id=feed_id,
        feed_url=feed_url,
        poll_id=poll_id,
        entry_key=draft.key,
        content_hash=draft.digest,
        seen_at=seen_at,
        url=draft.url,
        guid=None if entry.guid is None else cut(entry.guid, MAX_GUID_CHARACTERS),
        title=draft.title,
        authors=draft.authors,
        publisher=publisher,
        source=source,
        attribution=attribution,
        summary=draft.summary,
        text=draft.text,
        html=draft.html,
        language=_language(entry.language) or _language(parsed.language),
        categories=_names(entry.categories),
        image=absolute(entry.image, base=base) if entry.image else None,
        published_at=published if published is not None and published <= latest else None,
        updated_at=entry.updated if entry.updated is not None and entry.updated <= latest else None,
        link=_link(draft, base=base),
    )


def _link(draft: _Draft, *, base: str) -> str | None:
    """An entry's address as it can be fetched, with the scheme and parameters the feed has; None: as ``url`` has it."""
    address = draft.entry.link or draft.entry.guid
    if draft.url is None or address is None or address == draft.url:
        return None
    found = absolute(address, base=base)
    try:
        link = None if found is None else feed_url(found)
    except Refused:
        return None
    return None if link == draft.url else link


def _names(names: Iterable[str]) -> tuple[str, ...]:
    read = (_name(name) for name in names)
    return tuple(dict.fromkeys([name for name in read if name is not None]))[:MAX_NAMES]


def _name(text: str | None) -> str | None:
    if not text:
        return None
    return _read_name(text) if len(text) > REMEMBERED_CHARACTERS else _remembered_name(text)


def _read_name(text: str) -> str | None:
    return cut(markup.single_line(text), MAX_NAME_CHARACTERS) or None


# One feed has the same few names and languages in all its entries.
_remembered_name = lru_cache(maxsize=4096)(_read_name)


def _language(tag: str | None) -> str | None:
    """A language tag in lower case, or None for what is none (RFC 5646)."""
    if not tag:
        return None
    return _read_language(tag) if len(tag) > REMEMBERED_CHARACTERS else _remembered_language(tag)


def _read_language(tag: str) -> str | None:
    folded = tag.strip().replace("_", "-").lower()
    parts = folded.split("-")
    fits = 2 <= len(parts[0]) <= 3 and parts[0].isalpha() and folded.isascii()
    if not fits or len(folded) > MAX_LANGUAGE_CHARACTERS or not all(part.isalnum() for part in parts):
        return None
    return folded


_remembered_language = lru_cache(maxsize=4096)(_read_language)


def cut(text: str, limit: int, *, mark: str = CUT) -> str:
    """``text``, and where it is longer than ``limit`` characters its beginning."""
    return text if len(text) <= limit else text[: limit - len(mark)].rstrip() + mark
