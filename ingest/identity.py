"""What is the same article: ids that any process computes alike, at any time.

An article is its canonical URL. Where the entry has none, where it points at something that is no article
(the outlet's home page), or where several entries of one document share it, the article is what the *feed*
calls it: its guid, or as a last resort its title and date. The three kinds never collide, because each is
hashed under a name of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from functools import lru_cache
from hashlib import blake2b
from typing import Final
from uuid import NAMESPACE_URL, UUID, uuid5

from ingest.types import Entry

KEY_BYTES: Final = 16
DIGEST_BYTES: Final = 16
MARK_BYTES: Final = 8
PARSER_VERSION: Final = 2
"""Of everything between a document's bytes and its entries' keys and digests. Whoever changes what comes out for
documents that were read already adds one: each feed is then asked for all of it once (docs/polling.md, case 15)."""
_NUMBER: Final = re.compile(r"\d{5,}")


def article_id(
    *,
    url: str | None,
    feed_url: str,
    guid: str | None = None,
    title: str = "",
    published: datetime | None = None,
    published_raw: str | None = None,
) -> UUID:
    """The article's id: by its canonical URL, else by feed and guid, else by feed, title and date.

    The caller passes ``url=None`` where the URL does not tell this article from others. A date that could
    not be read still tells two articles apart: then its raw text is used.
    """
    if url is not None:
        return _named(url)
    if guid:
        return uuid5(NAMESPACE_URL, f"feed-guid\n{feed_url}\n{guid}")
    date = published.isoformat() if published is not None else (published_raw or "")
    return uuid5(NAMESPACE_URL, f"feed-title\n{feed_url}\n{title}\n{date}")


@lru_cache(maxsize=4096)
def _named(url: str) -> UUID:
    """A document's entries are asked for twice: to look them up, and to settle them."""
    return uuid5(NAMESPACE_URL, url)


def entry_key(entry: Entry) -> bytes:
    """The entry's key in its feed's seen-set: 16 bytes of its guid, or link, or title.

    Raises:
        ValueError: it has none of these; such an entry has no place in a seen-set.
    """
    name = entry.guid or entry.link or entry.title
    if not name:
        raise ValueError("an entry without guid, link and title has no key")
    return _hash(name, size=KEY_BYTES)


def entry_fingerprint(*, link: str | None, title: str, date: str | None) -> bytes:
    """Of what an entry is told from others by, beside its name; 8 bytes for each, zeros for what it has not.

    A link that has a number of the publisher's in it is that number: the words beside it change with the headline.
    """
    numbers = _NUMBER.findall(link or "")
    told_by = (max(numbers, key=len) if numbers else link, title, date)
    return b"".join([_hash(mark, size=MARK_BYTES) if mark else bytes(MARK_BYTES) for mark in told_by])


def is_different_article(one: bytes, other: bytes) -> bool:
    """Whether two entries of one name are two: link, title and date are all other. Publishers change one or two of
    them; those that use a name again change all (docs/polling.md, case 54). No date on either side tells nothing."""
    if len(one) != len(other) or not one:
        return False
    link, title, date = (
        one[at : at + MARK_BYTES] != other[at : at + MARK_BYTES]
        for at in range(0, 3 * MARK_BYTES, MARK_BYTES)
    )
    undated = not any(one[2 * MARK_BYTES :]) and not any(other[2 * MARK_BYTES :])
    return link and title and (date or undated)


def content_hash(title: str, text: str, authors: Iterable[str]) -> bytes:
    """Of what makes a revision; 16 bytes. White space does not count, nor the order of authors: feeds re-wrap their
    lines."""
    told = _hash(" ".join(title.split()), " ".join(text.split()), size=DIGEST_BYTES)
    return with_authors(told, authors)


def with_authors(told: bytes, authors: Iterable[str]) -> bytes:
    """The digest of the same title and text by these authors, of one that names nobody; and the other way round."""
    names = sorted({" ".join(author.split()) for author in authors})
    if not names:
        return told
    mask = int.from_bytes(_hash(*names, size=DIGEST_BYTES))
    return (int.from_bytes(told) ^ mask).to_bytes(DIGEST_BYTES)


def _hash(*parts: str, size: int) -> bytes:
    return blake2b("\0".join(parts).encode("utf-8", "surrogatepass"), digest_size=size).digest()
