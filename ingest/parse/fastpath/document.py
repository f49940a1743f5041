"""A document's tree → what its feed says of itself, and its entries, those that are known from the cache."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from hashlib import blake2b
from typing import Any, Final
from xml.etree import ElementTree as ET
from xml.sax.saxutils import quoteattr

from ingest.parse.cache import EntryCache
from ingest.parse.fastpath.entries import AFTER_ENTRIES, MAX_DEPTH, TAKEN, EntryReader
from ingest.parse.fastpath.splitting import MARK, MARK_BYTES, Split, SplitError, tree, without_counts
from ingest.parse.fastpath.values import (
    HTML_TYPES,
    QUERY,
    Attributes,
    check_date,
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


class Found:
    """What the reference's answer would hold, as far as anyone asks for it."""

    __slots__ = ("entries", "feed", "read", "version")

    def __init__(self, *, version: str, feed: dict[str, Any], entries: list[Entry], read: int) -> None:
        self.version = version
        self.feed = feed
        self.entries = entries
        self.read = read
        """Entries that were not known from an earlier document."""


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
        self._declarations = [each for element in self._declared.values() for each in element]
        super().__init__(Names(self._declarations), make=make)
        self._trees: dict[int, ET.Element] = {}
        self._keys: dict[int, bytes] = {}
        self._known: dict[int, Entry] = {}
        self._state: tuple[object, ...] | None = None
        self._mark = ""
        self._spaces: dict[str, str] = {}
        """Of the prefixes that reach into the entries."""
        # More of feedparser's own state.
        self.feed: dict[str, Any] = {}
        self.image: dict[str, Any] | None = None
        self.text_input: dict[str, Any] | None = None
        self.in_feed = False

    def document(self) -> Found:
        """
        Raises:
            NeedsFeedparser, ET.ParseError, SplitError: see :func:`ingest.parse.fastpath.read`.
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
                said = attributes.get("version", "")
                self.version = _RSS_VERSIONS.get(said) or ("rss20" if said.startswith("2.") else "rss")
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
                for each in child:
                    self._around(each, 3, inner_base)
                    self.lang = inner
                self.in_feed = False
                self.base = base or self.base
            else:
                self._around(child, 2, base)
            self.lang = lang
        if len(self._found) < len(self._split.entries):
            raise SplitError
        return Found(version=self.version, feed=self.feed, entries=self._found, read=self._read)

    def _find_parent(self) -> None:
        """Where the marks are: all of them in one element that can hold entries, and in their order."""
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
        """One element, and what is in it, outside of all entries; whoever calls restores the language.

        ``outer``: the base that its parent began with. Where that had none, the element's own outlives it.
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
        """An element that is kept, or passed over, with whatever is in it."""
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
        # After entries it is -1 or as deep as their parts: without a title of theirs, or with one.
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
        check_date(text_of(element))

    def around_text(self, element: ET.Element, attributes: Attributes, _name: str, _depth: int) -> None:
        content_type(attributes, "text/plain")
        text_of(element)

    def _marked(self, number: int, depth: int, outer: str) -> None:
        state = (self.version, self.base, self.lang, self.has_content, self.image is None, depth)
        if state != self._state:
            self._prepare(number, state)
        entry = self._known.get(number)
        if entry is None:
            tree = self._trees[number]
            base = self.base
            self.in_image = self.in_input = False
            self.timeless = True
            lang = self.lang
            self._item(tree, self._enter(tree), depth)
            self.lang = lang
            self.base = outer or self.base
            if self.base != base:
                # Its xml:base holds for those that follow too, so none of them is what it says alone.
                self._cache = None
            elif self._cache is not None and self.timeless:
                self._cache.put(self._keys[number], self._found[-1])
        else:
            self._found.append(entry)
            self._after_entry(depth)

    def _prepare(self, first: int, state: tuple[object, ...]) -> None:
        """Know, or read, every entry from ``first`` on, as they are in this state of the document."""
        self._state = state
        entries = self._split.entries
        self._known.clear()
        if self._cache is not None:
            # Which prefixes reach into the entries is a part of it: elsewhere the same bytes may not be well-formed.
            said = (state, self._url, self._declarations, self._spaces)
            context = blake2b(repr(said).encode("utf-8", "replace"), digest_size=16)
            counted = self._split.counted
            for number in range(first, len(entries)):
                hashed = context.copy()
                hashed.update(without_counts(entries[number]) if counted else entries[number])
                key = self._keys[number] = hashed.digest()
                known = self._cache.get(key)
                if known is not None:
                    self._known[number] = known
        new = [n for n in range(first, len(entries)) if n not in self._known and n not in self._trees]
        if new:
            self._trees.update(zip(new, self._read_entries([entries[n] for n in new]), strict=True))

    def _read_entries(self, entries: list[bytes]) -> list[ET.Element]:
        """Their trees, each of them one element: marks tell where one ends (see the module)."""
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
        found = root[::2]
        if len(found) != len(entries) or any(each.tag != MARK or len(each) for each in root[1::2]):
            raise SplitError
        if any(self._names[each.tag] not in ("item", "entry") for each in found):
            raise SplitError
        return found


def _names(names: str) -> frozenset[str]:
    return frozenset(names.split())


def _each(names: str, handler: _Handler) -> dict[str, _Handler]:
    return dict.fromkeys(names.split(), handler)


_AROUND_LEAVES: Final[Mapping[str, _Handler]] = {
    **_each("title dc_title media_title", Reader.around_title),
    **_each("link", Reader.around_link),
    **_each("guid id", Reader.around_guid),
    **_each("language dc_language", Reader.around_language),
    **_each("summary itunes_summary description dc_description media_description", Reader.around_summary),
    **_each("pubdate published issued dcterms_issued created dcterms_created", Reader.around_date),
    **_each("updated modified lastbuilddate dc_date dcterms_modified expirationdate", Reader.around_date),
    **_each("subtitle tagline itunes_subtitle rights copyright dc_rights info", Reader.around_text),
    **_each("feedburner_browserfriendly", Reader.around_text),
    **_each("media_credit media_rating media_restriction media_license media_player", Reader.leaf),
    **_each("media_thumbnail width height cc_license admin_generatoragent", Reader.leaf),
    **_each("georss_point georss_line georss_polygon georss_box admin_errorreportsto", Reader.leaf),
}
_AROUND_PASSED: Final = _names(
    "author dc_creator dc_author itunes_author managingeditor name email uri url homepage itunes_name "
    "itunes_email contributor dc_contributor category dc_subject keywords media_category itunes_category tags "
    "media_keywords itunes_keywords enclosure media_content media_group image textinput itunes_image "
    "itunes_block itunes_explicit dc_publisher webmaster generator cloud itunes_owner"
)
_AROUND_REFUSED: Final = (HANDLED - _AROUND_PASSED - set(_AROUND_LEAVES)) | (TAKEN - {"items"})
