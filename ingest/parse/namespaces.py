"""feedparser's names of elements and attributes, from one table of namespaces for the whole document.

feedparser's own tables grow while it reads, so a name could have one meaning in one entry and another in the next.
Documents where that could happen raise :class:`NeedsFeedparser`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from ingest.parse.feedparser_adapter import NAMESPACES

XML: Final = "http://www.w3.org/XML/1998/namespace"
FULL_TEXTS: Final = (
    "yandex_full-text",
    "turbo_content",
    "rambler_fulltext",
    "rambler_full-text",
    "mailru_full-text",
    "full-text",
    "full_text",
    "fulltext",
)
"""Elements with an entry's whole text, by feedparser's names: feedparser keeps their text without interpreting them."""
_PREFIXES: Final = frozenset(NAMESPACES.values()) - {""}
# One namespace with many addresses (UserLand's RSS 0.9x).
_USERLAND: Final = "backend.userland.com/rss"
_READ: Final = frozenset(
    {"about", "base", "domain", "href", "ispermalink", "label", "lang", "lastmod", "medium", "mode", "rel"}
    | {"resource", "scheme", "src", "term", "text", "type", "uri", "url", "version", "xmlns"}
)
"""Attributes that feedparser interprets, even under a foreign namespace."""


class NeedsFeedparser(Exception):
    """Only feedparser reads this document correctly."""


class Names(dict[str, str]):
    """Maps ElementTree's ``{address}name`` to feedparser's name: prefix, underscore, name, in lower case."""

    def __init__(self, declared: Iterable[tuple[str, str]]) -> None:
        """
        Raises:
            NeedsFeedparser: a prefix has several namespaces, or is the prefix of another namespace.
        """
        super().__init__()
        self.version = ""
        """The document's version, as far as a namespace determines it."""
        self._bound: dict[str, str] = {}
        self._foreign: dict[str, str] = {}
        self._supported: set[str] = set()
        for prefix, uri in declared:
            self._declare(prefix, uri)
        # feedparser would lose the foreign namespace.
        if self._supported & self._prefixes():
            raise NeedsFeedparser

    def _prefixes(self) -> set[str]:
        """The prefixes of namespaces that feedparser does not support."""
        return set(self._foreign.values()) - {""}

    def _declare(self, prefix: str, uri: str) -> None:
        if not uri:
            return
        if uri.split() != [uri]:
            raise NeedsFeedparser
        if prefix and self._bound.setdefault(prefix, uri) != uri:
            raise NeedsFeedparser
        lower = uri.lower()
        if not self.version:
            self.version = version_of(prefix, lower)
        supported = _supported_prefix(lower)
        folded = prefix.lower()
        if supported is None:
            # The first of several prefixes names the namespace.
            first = self._foreign.setdefault(uri, folded)
            if bool(first) != bool(folded) or (prefix != folded and self._bound.get(folded, uri) != uri):
                raise NeedsFeedparser
        elif supported == "xlink" or (folded in _PREFIXES and folded != supported):
            raise NeedsFeedparser
        else:
            self._supported.add(supported)

    def admits(self, prefix: str, uri: str) -> bool:
        """Whether a declaration within an entry changes no name."""
        supported = _supported_prefix(uri.lower())
        if supported is None:
            return self._bound.get(prefix) == uri if prefix else not self._foreign.get(uri)
        folded, foreign = prefix.lower(), self._prefixes()
        free = folded == supported or (folded not in _PREFIXES and folded not in foreign)
        return free and supported not in foreign and supported != "xlink"

    def __missing__(self, tag: str) -> str:
        uri, local = _parts(tag)
        supported = _supported_prefix(uri.lower())
        prefix = self._foreign.get(uri, "") if supported is None else supported
        name = self[tag] = f"{prefix}_{local}".lower() if prefix else local.lower()
        return name


class AttributeNames(dict[str, str]):
    """Maps ElementTree's ``{address}name`` of an attribute to feedparser's name."""

    def __missing__(self, name: str) -> str:
        """
        Raises:
            NeedsFeedparser: feedparser would interpret it as an attribute of its own.
        """
        uri, local = _parts(name)
        local = local.lower()
        prefix = "xml" if uri == XML else NAMESPACES.get(uri.lower(), "")
        if uri and not prefix and local in _READ:
            raise NeedsFeedparser
        mapped = self[name] = f"{prefix}:{local}" if prefix else local
        return mapped


def version_of(prefix: str, uri: str) -> str:
    """The document's version by a namespace in lower case; empty where the namespace determines none."""
    if not prefix and uri == "http://my.netscape.com/rdf/simple/0.9/":
        return "rss090"
    versions: Mapping[str, str] = {
        "http://purl.org/rss/1.0/": "rss10",
        "http://www.w3.org/2005/atom": "atom10",
    }
    return versions.get(uri, "")


def _supported_prefix(uri: str) -> str | None:
    return "" if _USERLAND in uri else NAMESPACES.get(uri)


def _parts(tag: str) -> tuple[str, str]:
    uri, local = tag[1:].rsplit("}", 1) if tag[0] == "{" else ("", tag)
    if ":" in local:
        raise NeedsFeedparser
    return uri, local
