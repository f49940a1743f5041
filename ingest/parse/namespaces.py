"""Under which name the reference knows an element: its namespaces as one table that holds for the whole document.

feedparser keeps them in tables that grow as it reads, so that a name could mean one thing in one entry and
another in the next. Where that could happen, the document is not ours: :class:`NeedsFeedparser`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from ingest.parse.feedparser_adapter import NAMESPACES

XML: Final = "http://www.w3.org/XML/1998/namespace"
_PREFIXES: Final = frozenset(NAMESPACES.values()) - {""}
# One namespace with many addresses. (rss 0.9x of UserLand)
_USERLAND: Final = "backend.userland.com/rss"
_READ: Final = frozenset(
    {"about", "base", "domain", "href", "ispermalink", "label", "lang", "lastmod", "medium", "mode", "rel"}
    | {"resource", "scheme", "src", "term", "text", "type", "uri", "url", "version", "xmlns"}
)
"""The attributes that mean something: under a foreign namespace they would be taken for them."""


class NeedsFeedparser(Exception):
    """This document has something that only the reference reads rightly."""


class Names(dict[str, str]):
    """ElementTree's ``{address}name`` → the name, with its prefix before an underscore; all in lower case."""

    def __init__(self, declared: Iterable[tuple[str, str]]) -> None:
        """
        Raises:
            NeedsFeedparser: a prefix means several things, or borrows another one's name.
        """
        super().__init__()
        self.version = ""
        """As far as a namespace tells it."""
        self._bound: dict[str, str] = {}
        self._foreign: dict[str, str] = {}
        self._known: set[str] = set()
        for prefix, uri in declared:
            self._declare(prefix, uri)
        # feedparser would forget the foreign one.
        if self._known & self._prefixes():
            raise NeedsFeedparser

    def _prefixes(self) -> set[str]:
        """Those of namespaces that the reference does not know."""
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
        known = _known(lower)
        folded = prefix.lower()
        if known is None:
            # Of several prefixes the first one names it.
            first = self._foreign.setdefault(uri, folded)
            if bool(first) != bool(folded) or (prefix != folded and self._bound.get(folded, uri) != uri):
                raise NeedsFeedparser
        elif known == "xlink" or (folded in _PREFIXES and folded != known):
            raise NeedsFeedparser
        else:
            self._known.add(known)

    def admits(self, prefix: str, uri: str) -> bool:
        """Whether a declaration within an entry leaves all names as they are."""
        known = _known(uri.lower())
        if known is None:
            return self._bound.get(prefix) == uri if prefix else not self._foreign.get(uri)
        folded, foreign = prefix.lower(), self._prefixes()
        free = folded == known or (folded not in _PREFIXES and folded not in foreign)
        return free and known not in foreign and known != "xlink"

    def __missing__(self, tag: str) -> str:
        uri, local = _parts(tag)
        known = _known(uri.lower())
        prefix = self._foreign.get(uri, "") if known is None else known
        name = self[tag] = f"{prefix}_{local}".lower() if prefix else local.lower()
        return name


class AttributeNames(dict[str, str]):
    """ElementTree's ``{address}name`` of an attribute → its name as the reference has it."""

    def __missing__(self, name: str) -> str:
        """
        Raises:
            NeedsFeedparser: it would be taken for one that means something.
        """
        uri, local = _parts(name)
        local = local.lower()
        prefix = "xml" if uri == XML else NAMESPACES.get(uri.lower(), "")
        if uri and not prefix and local in _READ:
            raise NeedsFeedparser
        found = self[name] = f"{prefix}:{local}" if prefix else local
        return found


def version_of(prefix: str, uri: str) -> str:
    """What a namespace, in lower case, says of the version of the document; empty where it says nothing."""
    if not prefix and uri == "http://my.netscape.com/rdf/simple/0.9/":
        return "rss090"
    versions: Mapping[str, str] = {
        "http://purl.org/rss/1.0/": "rss10",
        "http://www.w3.org/2005/atom": "atom10",
    }
    return versions.get(uri, "")


def _known(uri: str) -> str | None:
    return "" if _USERLAND in uri else NAMESPACES.get(uri)


def _parts(tag: str) -> tuple[str, str]:
    uri, local = tag[1:].rsplit("}", 1) if tag[0] == "{" else ("", tag)
    if ":" in local:
        raise NeedsFeedparser
    return uri, local
