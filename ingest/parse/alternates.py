"""The address of an entry among its links: the page that a reader would open.

Both readers of XML, feedparser and the fast path, list an entry's links in one form and choose the last of them.
:func:`entry_link` chooses among the same links by the rules of RFC 4287 §4.2.7: the relation, the media type and the
language of a link tell whether the entry itself is behind it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from ingest.parse.text_values import optional

HTML_TYPES: Final = frozenset({"html", "text/html", "xhtml", "application/xhtml+xml"})
_IANA: Final = "http://www.iana.org/assignments/relation/"
"""RFC 4287 §4.2.7.2: a relation may be written as this address and its name."""
_OWN_RELATIONS: Final = frozenset({"alternate", "canonical"})
_SCHEME: Final = re.compile(r"[a-z][a-z0-9+.-]*:", re.IGNORECASE)
_HTTP: Final = re.compile(r"https?:", re.IGNORECASE)
_PICTURE: Final = re.compile(r"[^?#]*\.(?:jpe?g|png|gif|webp|avif|bmp|svg|heic)(?:[?#]|\Z)", re.IGNORECASE)
_Link = Mapping[str, Any]


def entry_link(
    links: Sequence[_Link], *, link: str | None, guid: str | None, language: str | None
) -> str | None:
    """The address of an entry: its best alternate, else ``link``, the reader's choice.

    An http(s) address comes before other schemes, a page before a picture, HTML before other media types, and a link in
    the entry's language, or in none, before other languages. Where the reader's choice is among the best it stays. A
    ``guid`` that is an address serves where every link is a picture.
    """
    if link is not None and _is_certain(links, link):
        return link
    own = [each for each in links if _is_own(each) and optional(each.get("href"))]
    foreign = {optional(each.get("href")) for each in links} - {optional(each.get("href")) for each in own}
    candidates = [(_rank(each, language=language), str(each["href"]).strip()) for each in own]
    if link is not None and link not in foreign and all(href != link for _, href in candidates):
        candidates.append((_rank({"href": link}, language=language), link))
    if not candidates:
        return None
    if guid is not None and _HTTP.match(guid) and all(_PICTURE.match(href) for _, href in candidates):
        candidates.append((_rank({"href": guid}, language=language), guid))
    best = max(rank for rank, _ in candidates)
    addresses = [href for rank, href in candidates if rank == best]
    return link if link in addresses else addresses[0]


def alternate_links(links: Sequence[_Link]) -> Iterator[str]:
    """The ``rel=alternate`` links, whatever their type."""
    for each in links:
        href = optional(each.get("href"))
        if href is not None and "alternate" in _relations(each):
            yield href


def _is_certain(links: Sequence[_Link], link: str) -> bool:
    """Whether the reader's choice is the first link, and as good as a link can be: so it is in most entries."""
    if not links:
        return _HTTP.match(link) is not None and not _PICTURE.match(link)
    first = links[0]
    return (
        first.get("href") == link
        and first.get("rel") == "alternate"
        and first.get("type") == "text/html"
        and "hreflang" not in first
        and _HTTP.match(link) is not None
        and not _PICTURE.match(link)
    )


def _is_own(link: _Link) -> bool:
    relations = _relations(link)
    return not _OWN_RELATIONS.isdisjoint(relations) and "amphtml" not in relations


def _relations(link: _Link) -> list[str]:
    relation = str(link.get("rel") or "alternate").strip().lower()
    return [each.removeprefix(_IANA) for each in relation.split()]


def _rank(link: _Link, *, language: str | None) -> tuple[bool, bool, bool, bool, bool]:
    href, kind = str(link["href"]).strip(), str(link.get("type") or "text/html").lower()
    return (
        _HTTP.match(href) is not None or not _SCHEME.match(href),
        not (_PICTURE.match(href) or kind.startswith("image/")),
        kind.partition(";")[0].strip() in HTML_TYPES,
        _is_in(optional(link.get("hreflang")), language),
        "alternate" in _relations(link),
    )


def _is_in(hreflang: str | None, language: str | None) -> bool:
    """Whether a link's language is the entry's own; a link without one, or for all languages, is in every language."""
    if hreflang is None or hreflang.lower() == "x-default":
        return True
    return language is not None and _primary(hreflang) == _primary(language)


def _primary(tag: str) -> str:
    return tag.replace("_", "-").partition("-")[0].lower()
