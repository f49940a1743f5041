"""feedparser's state while it walks through a document: base, language, depths, and the values they determine."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final
from xml.etree import ElementTree as ET

from ingest.parse.fastpath.values import NO_ATTRIBUTES, Attributes, with_href
from ingest.parse.feedparser_adapter import join, looks_like_html, safe_base
from ingest.parse.namespaces import AttributeNames, Names, NeedsFeedparser
from ingest.types import Entry

MAX_ATTRIBUTES: Final = 100
"""Attributes of one tag. A document with more is left to feedparser, which has a limit of its own."""
_SCOPE: Final = frozenset({"xml:base", "base", "xml:lang", "lang"})


class ReaderState:
    """Walks through entries as feedparser does, with its state in the same flags."""

    def __init__(self, names: Names, *, make: Callable[[Mapping[str, Any]], Entry]) -> None:
        self._names = names
        self._make = make
        self._attribute_names = AttributeNames()
        self._shapes: dict[tuple[str, ...], tuple[bool, tuple[str, ...], bool]] = {}
        self._entries: list[Entry] = []
        self._parsed_entries = 0
        # feedparser's own state, under feedparser's names where they are clear.
        self.version = ""
        self.in_image = False
        self.in_input = False
        self.title_depth = -1
        self.has_content = False
        self.base = ""
        self.lang: str | None = None
        self.entry: dict[str, Any] = {}
        self.depths: dict[str, int] = {}
        self.guid_is_link = False
        self.in_author = False

    def _enter(self, element: ET.Element) -> Attributes:
        """The element's attributes, as feedparser has them. Sets base and language for the element's content."""
        if not element.attrib:
            return NO_ATTRIBUTES
        raw = element.attrib
        names = tuple(raw)
        shape = self._shapes.get(names)
        if shape is None:
            shape = self._shapes[names] = self._shape(names)
        plain, kinds, scoped = shape
        attributes: Attributes = raw
        if not plain:
            attributes = {self._attribute_names[name]: value for name, value in raw.items()}
        for name in kinds:
            kind = attributes[name]
            lower = kind.lower()
            if kind != lower:
                attributes = {**attributes, name: lower}
        if scoped:
            base = attributes.get("xml:base", attributes.get("base"))
            if base:
                self.base = (safe_base(self.base, base) or self.base) if self.base else join("", base)
                if self.base and safe_base(self.base, self.base) not in (self.base, ""):
                    raise NeedsFeedparser
            lang = attributes.get("xml:lang", attributes.get("lang"))
            if lang is not None:
                self.lang = lang or None
        return attributes

    def _shape(self, names: tuple[str, ...]) -> tuple[bool, tuple[str, ...], bool]:
        """Whether feedparser keeps these names, which values it folds, and whether some apply to the content."""
        if len(names) > MAX_ATTRIBUTES:
            raise NeedsFeedparser
        mapped = tuple([self._attribute_names[name] for name in names])
        kinds = tuple([name for name in ("rel", "type") if name in mapped])
        return mapped == names, kinds, not _SCOPE.isdisjoint(mapped)

    def put(self, key: str, value: object, depth: int) -> None:
        """Set a value: the last element counts, except for elements that are nested deeper."""
        old = self.depths.get(key)
        if old is None or depth <= old:
            self.depths[key] = depth
            self.entry[key] = value

    def detail(self, kind: str, value: str) -> dict[str, Any]:
        language = self.lang.replace("_", "-") if self.lang else self.lang
        return {"type": kind, "language": language, "base": self.base, "value": value}

    def _kind(self, kind: str, value: str) -> str:
        guess = (
            kind == "text/plain" and ("<" in value or "&" in value) and not self.version.startswith("atom")
        )
        return "text/html" if guess and looks_like_html(value) else kind

    def _resolved(self, text: str) -> str:
        if self.base or ":///" in text:
            return join(self.base, text) if text else text
        return text

    def _link(self, attributes: Attributes) -> Attributes:
        link = dict(attributes)
        rel = link.setdefault("rel", "alternate")
        link.setdefault("type", "application/atom+xml" if rel == "self" else "text/html")
        link = with_href(link)
        if "href" in link:
            href = link["href"]
            link["href"] = join(self.base, href) if self.base or ":///" in href else href
        return link
