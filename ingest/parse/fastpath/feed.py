"""A document's tree → the feed's own values, and its entries; unchanged entries come from the cache."""

from __future__ import annotations

import gc
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Final
from xml.etree import ElementTree as ET
from xml.sax.saxutils import quoteattr

from ingest.parse.cache import EntryCache
from ingest.parse.fastpath.entries import AFTER_ENTRIES, MAX_DEPTH, TAKEN, EntryReader
from ingest.parse.fastpath.splitting import MARK, MARK_BYTES, Split, SplitError, tree, utf8, without_counts
from ingest.parse.fastpath.values import (
    HTML_TYPES,
    QUERY,
    Attributes,
    content_type,
    fixed,
    text_of,
)
from ingest.parse.feedparser_adapter import HANDLED
from ingest.parse.namespaces import Names, NeedsFeedparser
from ingest.types import Entry

_RSS_VERSIONS: Final = {"0.91": "rss091u", "0.92": "rss092", "0.93": "rss093", "0.94": "rss094"}
_ATOM_VERSIONS: Final = {"0.1": "atom01", "0.2": "atom02", "0.3": "atom03"}
_IN_IMAGE: Final = frozenset({"title", "link", "description", "url", "href", "width", "height"})
_IN_INPUT: Final = frozenset({"title", "link", "description", "name"})
_HINTS: Final = frozenset({"ttl", "sy_updateperiod", "sy_updatefrequency", "skiphours", "skipdays"})
_Handler = Callable[["Reader", ET.Element, Attributes, str, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedContents:
    """The part of feedparser's result that we use, with the entries as ours."""

    version: str
    feed: dict[str, Any]
    entries: list[Entry]
    parsed_entries: int
    """Entries that the cache did not have."""


def read(
    prepared: bytes,
    *,
    charset: str | None,
    url: str,
    make: Callable[[Mapping[str, Any]], Entry],
    cache: EntryCache | None = None,
) -> FeedContents | None:
    """Read a document; None where only feedparser reads it correctly.

    ``make`` turns an entry in feedparser's form into ours; it may depend on ``url``.
    """
    document = utf8(prepared, charset)
    if document is None:
        return None
    # These objects form no cycles. A garbage collection meanwhile would only traverse the whole cache.
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        split = Split.of(document)
        if split is not None:
            try:
                return Reader(split, url=url, make=make, cache=cache).document()
            except (ET.ParseError, SplitError):
                pass  # split at the wrong place, or not well-formed: only the whole document tells which
        return Reader(Split(document, []), url=url, make=make, cache=None).document()
    except (NeedsFeedparser, ET.ParseError, RecursionError):
        return None
    finally:
        if was_enabled:
            gc.enable()


class Reader(EntryReader):
    """Walks through one document as feedparser does."""

    def __init__(
        self,
        split: Split,
        *,
        url: str,
        make: Callable[[Mapping[str, Any]], Entry],
        cache: EntryCache | None,
    ) -> None:
        if b"<!DOCTYPE" in split.around or b"<!ENTITY" in split.around:
            raise NeedsFeedparser
        self._split = split
        self._url = url
        self._cache = cache
        self._root, self._declared = tree(split.around)
        self._declarations = [
            declaration for declarations in self._declared.values() for declaration in declarations
        ]
        super().__init__(Names(self._declarations), make=make)
        self._trees: dict[int, ET.Element] = {}
        self._keys: dict[int, bytes] = {}
        self._cached: dict[int, Entry] = {}
        self._state: tuple[object, ...] | None = None
        self._mark = ""
        self._spaces: dict[str, str] = {}
        """Addresses of the namespace prefixes that apply to the entries."""
        # More of feedparser's own state.
        self.feed: dict[str, Any] = {}
        self.image: dict[str, Any] | None = None
        self.text_input: dict[str, Any] | None = None
        self.in_feed = False

    def document(self) -> FeedContents:
        """
        Raises:
            NeedsFeedparser, ET.ParseError, SplitError: see :func:`read`.
        """
        root = self._root
        self._find_parent()
        name = self._names[root.tag]
        # Its namespaces are declared before it starts.
        own = self._declared.get(root, [])
        self.version = Names(own).version
        attributes = self._enter(root)
        if name == "rss":
            if not self.version.startswith("rss"):
                declared = attributes.get("version", "")
                self.version = _RSS_VERSIONS.get(declared) or (
                    "rss20" if declared.startswith("2.") else "rss"
                )
        elif name == "feed":
            self.in_feed = True
            self.version = self.version or _ATOM_VERSIONS.get(attributes.get("version", ""), "atom")
        elif name != "rdf_rdf" or not self.version:
            raise NeedsFeedparser
        if self.lang and name in ("rss", "feed"):
            self.feed["language"] = self.lang.replace("_", "-")
        lang, base = self.lang, self.base
        for child in root:
            if name != "feed" and self._names[child.tag] == "channel":
                attributes = self._enter(child)
                if "href" in attributes or "lastmod" in attributes:
                    raise NeedsFeedparser
                self.in_feed, self.in_image, self.in_input = True, False, False
                inner, inner_base = self.lang, self.base
                for grandchild in child:
                    self._around(grandchild, 3, inner_base)
                    self.lang = inner
                self.in_feed = False
                self.base = base or self.base
            else:
                self._around(child, 2, base)
            self.lang = lang
        if len(self._entries) < len(self._split.entries):
            raise SplitError
        return FeedContents(
            version=self.version, feed=self.feed, entries=self._entries, parsed_entries=self._parsed_entries
        )

    def _find_parent(self) -> None:
        """Find the element that contains all marks, in their order, and nothing but one that can contain entries."""
        if not self._split.entries:
            return
        wanted = [str(number) for number in range(len(self._split.entries))]
        for parent in (self._root, *self._root):
            marks = [child for child in parent if child.tag.endswith(MARK)]
            if [mark.get("n") for mark in marks] == wanted:
                self._mark = marks[0].tag  # in the default namespace, if there is one
                self._spaces = {
                    **dict(self._declared.get(self._root, ())),
                    **dict(self._declared.get(parent, ())),
                }
                return
        raise SplitError

    def _context(self) -> dict[str, Any]:
        if self.in_image and self.image is not None:
            return self.image
        if self.in_input:
            assert self.text_input is not None
            return self.text_input
        return self.feed

    def _around(self, element: ET.Element, depth: int, outer: str) -> None:
        """Read one element outside of all entries, with its content. The caller restores the language.

        ``outer`` is the base that its parent began with. If the parent had none, the element's base outlives it.
        """
        if depth > MAX_DEPTH:
            raise NeedsFeedparser
        tag = element.tag
        if tag == self._mark:
            self._marked(int(element.get("n", "")), depth, outer)
            return
        name = self._names[tag]
        attributes = self._enter(element)
        if "_" not in name:
            if name not in _IN_INPUT:
                self.in_input = False
            if name not in _IN_IMAGE:
                self.in_image = False
        if name in ("item", "entry"):
            if depth > 3:
                raise NeedsFeedparser
            self._item(element, attributes, depth)
        elif name in _AROUND_LEAVES:
            _AROUND_LEAVES[name](self, element, attributes, name, depth)
        elif name in _AROUND_REFUSED:
            raise NeedsFeedparser
        else:
            self._container(element, attributes, name, depth)
        self.base = outer or self.base

    def _container(self, element: ET.Element, attributes: Attributes, name: str, depth: int) -> None:
        """An element that is kept or ignored, and its content."""
        if name == "image":
            if self.image is None:
                self.image = {}
            self.in_image, self.title_depth = True, -1
        elif name == "textinput":
            if self.text_input is None:
                self.text_input = {}
            self.in_input, self.title_depth = True, -1
        elif name == "itunes_image" and (attributes.get("href") or attributes.get("url")):
            if self._context() is not self.feed:
                raise NeedsFeedparser
            self.image = {}
        lang, base = self.lang, self.base
        for child in element:
            self._around(child, depth + 1, base)
            self.lang = lang
        if name == "image":
            self.in_image = False
        elif name == "textinput":
            self.in_input = False
        elif name in _HINTS:
            if attributes:
                self._context()[name] = attributes
            elif self.in_feed:
                listed = name in ("skiphours", "skipdays")
                self._context()[name] = "" if listed else fixed(text_of(element))

    def around_title(self, element: ET.Element, attributes: Attributes, name: str, depth: int) -> None:
        content_type(attributes, "text/plain")
        value = text_of(element)
        # After entries the depth is -1, if they have no title, or else that of their elements.
        if self.title_depth >= AFTER_ENTRIES and depth > self.title_depth - AFTER_ENTRIES:
            raise NeedsFeedparser
        if self.in_feed and not -1 < self.title_depth <= depth:
            self._context()["title"] = fixed(value)
        if value and name != "media_title":
            self.title_depth = depth

    def around_link(self, element: ET.Element, attributes: Attributes, _name: str, _depth: int) -> None:
        link = self._link(attributes)
        context = self._context()
        context.setdefault("links", []).append(link)
        if "href" in link:
            if link["rel"] == "alternate" and link["type"] in HTML_TYPES:
                context["link"] = link["href"]
        else:
            text = text_of(element)
            if self.in_feed:
                context["link"] = link["href"] = QUERY.sub(r"&\g<1>", fixed(self._resolved(text)))

    def around_guid(self, element: ET.Element, attributes: Attributes, _name: str, _depth: int) -> None:
        if attributes.get("ispermalink", "true") == "true":
            self._context().setdefault("link", fixed(self._resolved(text_of(element))))

    def around_language(self, element: ET.Element, _attributes: object, _name: str, _depth: int) -> None:
        if self.in_feed:
            self._context()["language"] = fixed(text_of(element))

    def around_summary(self, element: ET.Element, attributes: Attributes, name: str, _depth: int) -> None:
        content_type(attributes, "text/plain")
        text_of(element)
        context = self._context()
        if "summary" in context and not self.has_content:
            self.has_content = True
        elif name in ("summary", "itunes_summary") and self.in_feed:
            context["summary"] = ""

    def around_date(self, element: ET.Element, _attributes: object, _name: str, _depth: int) -> None:
        text_of(element)

    def around_text(self, element: ET.Element, attributes: Attributes, _name: str, _depth: int) -> None:
        content_type(attributes, "text/plain")
        text_of(element)

    def _marked(self, number: int, depth: int, outer: str) -> None:
        state = (self.version, self.base, self.lang, self.has_content, self.image is None, depth)
        if state != self._state:
            self._prepare(number, state)
        entry = self._cached.get(number)
        if entry is None:
            tree = self._trees[number]
            base = self.base
            self.in_image = self.in_input = False
            lang = self.lang
            self._item(tree, self._enter(tree), depth)
            self.lang = lang
            self.base = outer or self.base
            if self.base != base:
                # Its xml:base applies to the following entries too, so they depend on more than their own bytes.
                self._cache = None
            elif self._cache is not None:
                self._cache.put(self._keys[number], self._entries[-1])
        else:
            self._entries.append(entry)
            self._after_entry(depth)

    def _prepare(self, first: int, state: tuple[object, ...]) -> None:
        """Take every entry from ``first`` on from the cache, or parse it, for this state of the document."""
        self._state = state
        entries = self._split.entries
        self._cached.clear()
        if self._cache is not None:
            # The prefixes that apply to entries are part of the key: without them the bytes may not be well-formed.
            scope = (state, self._url, self._declarations, self._spaces)
            context = blake2b(repr(scope).encode("utf-8", "replace"), digest_size=16)
            counted = self._split.counted
            for number in range(first, len(entries)):
                hashed = context.copy()
                hashed.update(without_counts(entries[number]) if counted else entries[number])
                key = self._keys[number] = hashed.digest()
                cached = self._cache.get(key)
                if cached is not None:
                    self._cached[number] = cached
        new = [n for n in range(first, len(entries)) if n not in self._cached and n not in self._trees]
        if new:
            self._trees.update(zip(new, self._read_entries([entries[n] for n in new]), strict=True))

    def _read_entries(self, entries: list[bytes]) -> list[ET.Element]:
        """The trees of these entries. Marks between entries prove that each is one element (see the package)."""
        declared = "".join(
            f" xmlns:{prefix}={quoteattr(uri)}" if prefix else f" xmlns={quoteattr(uri)}"
            for prefix, uri in self._spaces.items()
        )
        mark = b'<%b xmlns=""/>' % MARK_BYTES
        head, tail = f"<{MARK}{declared}>".encode(), f"</{MARK}>".encode()
        document = b"".join((head, mark.join(entries), tail))
        if any(b"xmlns" in entry for entry in entries):
            root, within = tree(document)
            for element, declarations in within.items():
                if element is root or element.tag == MARK:
                    continue
                if not all(self._names.admits(prefix, uri) for prefix, uri in declarations if uri):
                    raise NeedsFeedparser
        else:
            root = ET.fromstring(document)  # noqa: S314 - as in tree
        elements, marks = root[::2], root[1::2]
        if len(elements) != len(entries) or any(element.tag != MARK or len(element) for element in marks):
            raise SplitError
        if any(self._names[element.tag] not in ("item", "entry") for element in elements):
            raise SplitError
        return elements


def _names(names: str) -> frozenset[str]:
    return frozenset(names.split())


def _for_each(names: str, handler: _Handler) -> dict[str, _Handler]:
    return dict.fromkeys(names.split(), handler)


_AROUND_LEAVES: Final[Mapping[str, _Handler]] = {
    **_for_each("title dc_title media_title", Reader.around_title),
    **_for_each("link", Reader.around_link),
    **_for_each("guid id", Reader.around_guid),
    **_for_each("language dc_language", Reader.around_language),
    **_for_each("summary itunes_summary description dc_description media_description", Reader.around_summary),
    **_for_each("pubdate published issued dcterms_issued created dcterms_created", Reader.around_date),
    **_for_each("updated modified lastbuilddate dc_date dcterms_modified expirationdate", Reader.around_date),
    **_for_each("subtitle tagline itunes_subtitle rights copyright dc_rights info", Reader.around_text),
    **_for_each("feedburner_browserfriendly", Reader.around_text),
    **_for_each("media_credit media_rating media_restriction media_license media_player", Reader.leaf),
    **_for_each("media_thumbnail width height cc_license admin_generatoragent", Reader.leaf),
    **_for_each("georss_point georss_line georss_polygon georss_box admin_errorreportsto", Reader.leaf),
}
_AROUND_PASSED: Final = _names(
    "author dc_creator dc_author itunes_author managingeditor name email uri url homepage itunes_name "
    "itunes_email contributor dc_contributor category dc_subject keywords media_category itunes_category tags "
    "media_keywords itunes_keywords enclosure media_content media_group image textinput itunes_image "
    "itunes_block itunes_explicit dc_publisher webmaster generator cloud itunes_owner"
)
_AROUND_REFUSED: Final = (HANDLED - _AROUND_PASSED - set(_AROUND_LEAVES)) | (TAKEN - {"items"})
