"""Identities of articles and entries: every process computes the same ids at any time.

The canonical URL identifies an article. Where an entry has none, where the URL is no article (the outlet's front page),
or where several entries of one document share it, the feed's guid identifies the article. Where entries share that too,
title and date do, and at last the text. The kinds never collide, because each has its own name in the hash.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from hashlib import blake2b
from typing import Final
from uuid import NAMESPACE_URL, UUID, uuid5

from ingest.types import Entry

KEY_BYTES: Final = 16
DIGEST_BYTES: Final = 16
MARK_BYTES: Final = 8
PARSER_VERSION: Final = 3
"""Version of the code between a document's bytes and its entries' keys and hashes.

Increase it with every change that alters the result for unchanged documents: each feed is then fetched once without
validators (docs/polling.md, case 15)."""
SHARED: Final = UUID(int=0)
"""Article id of the rows of a seen-set that mark a name which several entries shared (:func:`shared_key`)."""
_PUBLISHER_NUMBER: Final = re.compile(r"\d{5,}")


def article_id(
    *,
    url: str | None,
    feed_url: str,
    guid: str | None = None,
    title: str = "",
    date: str = "",
    text_hash: bytes | None = None,
) -> UUID:
    """The article's id: by its canonical URL, else by feed and guid, else by feed, title, date and ``text_hash``.

    The caller passes ``url=None`` where the URL does not identify the article, and likewise for the guid. ``text_hash``
    is passed only where entries share title and date.
    """
    if url is not None:
        return _id_of_url(url)
    if guid:
        return uuid5(NAMESPACE_URL, f"feed-guid\n{feed_url}\n{guid}")
    if text_hash is None:
        return uuid5(NAMESPACE_URL, f"feed-title\n{feed_url}\n{title}\n{date}")
    return uuid5(NAMESPACE_URL, f"feed-text\n{feed_url}\n{title}\n{date}\n{text_hash.hex()}")


@lru_cache(maxsize=4096)
def _id_of_url(url: str) -> UUID:
    """Cached, because each entry of a document needs its id twice: for the look-up and for the article."""
    return uuid5(NAMESPACE_URL, url)


def entry_key(entry: Entry) -> bytes:
    """The entry's key in its feed's seen-set: 16 bytes of its guid, or link, or title.

    Raises:
        ValueError: the entry has none of these, and cannot be in a seen-set.
    """
    name = entry.guid or entry.link or entry.title
    if not name:
        raise ValueError("an entry without guid, link and title has no key")
    return name_key(name)


def name_key(name: str) -> bytes:
    """The key of an entry with this guid, or with this link and no guid."""
    return _hash(name, size=KEY_BYTES)


def title_key(*, title: str, date: str, text_hash: bytes | None = None) -> bytes:
    """The key of an entry that neither guid nor link identifies: 16 bytes of title, date and, where needed, text."""
    return _hash("title", title, date, "" if text_hash is None else text_hash.hex(), size=KEY_BYTES)


def shared_key(name: str) -> bytes:
    """The key of the row that marks ``name`` as shared by several entries; no entry has this key."""
    return _hash("shared", name, size=KEY_BYTES)


def entry_fingerprint(*, link: str | None, title: str, date: str | None) -> bytes:
    """Hashes of link, title and date, 8 bytes each, zeros for a missing one: they tell entries of one key apart.

    A link with a publisher's number counts as that number alone: the words beside it change with the headline.
    """
    numbers = _PUBLISHER_NUMBER.findall(link or "")
    parts = (max(numbers, key=len) if numbers else link, title, date)
    return b"".join([_hash(part, size=MARK_BYTES) if part else bytes(MARK_BYTES) for part in parts])


def title_date_mark(fingerprint: bytes) -> bytes:
    """The hashes of title and date in a fingerprint; empty where there is no fingerprint."""
    return fingerprint[MARK_BYTES:]


def has_date(fingerprint: bytes) -> bool:
    """Whether the entry of a fingerprint has a date."""
    return any(fingerprint[2 * MARK_BYTES :])


def shares_title(first: bytes, second: bytes) -> bool:
    """Whether two fingerprints have one title."""
    title = slice(MARK_BYTES, 2 * MARK_BYTES)
    return bool(first) and first[title] == second[title]


def shares_date(first: bytes, second: bytes) -> bool:
    """Whether two fingerprints have one date."""
    date = slice(2 * MARK_BYTES, None)
    return has_date(first) and first[date] == second[date]


def is_different_article(stored: bytes, current: bytes) -> bool:
    """Whether two fingerprints under one key are two articles: link, title and date all differ.

    Publishers change one or two of them; those that reuse a key change all (docs/polling.md, case 54). Where neither
    entry has a date, link and title decide.
    """
    if len(stored) != len(current) or not stored:
        return False
    link, title, date = (
        stored[at : at + MARK_BYTES] != current[at : at + MARK_BYTES]
        for at in range(0, 3 * MARK_BYTES, MARK_BYTES)
    )
    undated = not any(stored[2 * MARK_BYTES :]) and not any(current[2 * MARK_BYTES :])
    return link and title and (date or undated)


def content_hash(title: str, text: str, authors: Iterable[str]) -> bytes:
    """Hash of title, text and authors, 16 bytes: a different one is another revision.

    White space does not count, because feeds re-wrap their lines; nor does the order of authors.
    """
    without_authors = _hash(" ".join(title.split()), " ".join(text.split()), size=DIGEST_BYTES)
    return with_authors(without_authors, authors)


def with_authors(content_hash: bytes, authors: Iterable[str]) -> bytes:
    """Add authors to a hash without them, or remove them from a hash that has them: the function is its own inverse."""
    names = sorted({" ".join(author.split()) for author in authors})
    if not names:
        return content_hash
    mask = int.from_bytes(_hash(*names, size=DIGEST_BYTES))
    return (int.from_bytes(content_hash) ^ mask).to_bytes(DIGEST_BYTES)


def _hash(*parts: str, size: int) -> bytes:
    return blake2b("\0".join(parts).encode("utf-8", "surrogatepass"), digest_size=size).digest()
