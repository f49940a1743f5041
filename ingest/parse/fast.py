"""RSS and Atom as nearly all feeds write them, read many times faster than by the reference, to the same values.

::

    bytes ─split─▶ what stands around the entries ─expat─▶ tree ─Reader─▶ title, link, version …
             └──▶ the entries' bytes ─known?─▶ the Entry of an earlier poll
                            └─ new ─expat─▶ trees ─Reader.entry─▶ a dictionary as feedparser's ─▶ Entry

What is read here is a strict part of what feedparser reads: well-formed, without a DOCTYPE, with text alone
where a text is expected. Whatever else comes up ends in :class:`~ingest.parse.names.Outside`, and the caller
asks the reference. Within that part feedparser's habits hold, and each is a line here: the last of several
titles at one depth, but not of those deeper down; a second description becomes content; an ``xml:base``
that outlives its element; and so on. ``tests/pure/test_lane_corpus.py`` compares the two over the corpus.

An entry's bytes are told from its neighbours' without reading them, and checked afterwards: each is put as an
element of its own between marks that the document does not contain, and where the parser does not find
mark, entry, mark in turn, the bytes were cut in the wrong place and the document is read as a whole.
"""

from __future__ import annotations

import gc
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from hashlib import blake2b
from typing import Any, Final
from xml.etree import ElementTree as ET
from xml.sax.saxutils import quoteattr

from ingest.parse.cache import EntryCache
from ingest.parse.dates import read_date
from ingest.parse.names import AttributeNames, Names, Outside
from ingest.parse.reference import HANDLED, join, looks_like_html, name_author, parse_date, safe_base
from ingest.types import Entry

MAX_DEPTH: Final = 60
MAX_ATTRIBUTES: Final = 100
"""Of one tag. Above it the reference is asked, which has its own limit."""
_MARK: Final = "ingest-mark-3c1f"
_MARK_BYTES: Final = _MARK.encode()
_ROOT: Final = re.compile(rb"<(?:(rss|rdf:RDF)|(feed))[\s>]")
_DECLARATION: Final = re.compile(rb"\A<\?xml[^>]*?>")
_COUNTS: Final = re.compile(
    rb'<media:(statistics|starRating)(?: (?:views|count|average|min|max)="[0-9.]*")+ ?/>'
)
_C1_LEAD: Final = b"\xc2"
_C1: Final = re.compile("[\x80-\x9f]")
_CP1252: Final = {
    code: bytes([code]).decode("cp1252")
    for code in range(0x80, 0xA0)
    if code not in (0x81, 0x8D, 0x8F, 0x90, 0x9D)
}
_QUERY: Final = re.compile("&([A-Za-z0-9_]+);")
_TYPES: Final = {
    "text": "text/plain",
    "plain": "text/plain",
    "text/plain": "text/plain",
    "html": "text/html",
    "text/html": "text/html",
}
_HTML_TYPES: Final = frozenset({"html", "text/html", "xhtml", "application/xhtml+xml"})
_RSS_VERSIONS: Final = {"0.91": "rss091u", "0.92": "rss092", "0.93": "rss093", "0.94": "rss094"}
_ATOM_VERSIONS: Final = {"0.1": "atom01", "0.2": "atom02", "0.3": "atom03"}
_SCOPE: Final = frozenset({"xml:base", "base", "xml:lang", "lang"})
_IN_IMAGE: Final = frozenset({"title", "link", "description", "url", "href", "width", "height"})
_IN_INPUT: Final = frozenset({"title", "link", "description", "name"})

_Attributes = dict[str, str]
_NO_ATTRIBUTES: Final[_Attributes] = {}
_Handler = Callable[["Reader", ET.Element, _Attributes, str, int], None]


class Found:
    """What the reference's answer would hold, as far as anyone asks for it."""

    __slots__ = ("entries", "feed", "read", "version")

    def __init__(self, *, version: str, feed: dict[str, Any], entries: list[Entry], read: int) -> None:
        self.version = version
        self.feed = feed
        self.entries = entries
        self.read = read
        """Entries that were not known from an earlier document."""


def read(
    prepared: bytes,
    *,
    charset: str | None,
    url: str,
    make: Callable[[Mapping[str, Any]], Entry],
    cache: EntryCache | None = None,
) -> Found | None:
    """What the document says, or None where only the reference can tell.

    ``make`` turns an entry as feedparser would give it into ours; it may depend on ``url``.
    """
    document = _utf8(prepared, charset)
    if document is None:
        return None
    # What is made here holds no cycles: a collector that runs meanwhile walks over all that is remembered, in vain.
    collecting = gc.isenabled()
    gc.disable()
    try:
        split = _Split.of(document)
        if split is not None:
            try:
                return Reader(split, url=url, make=make, cache=cache).document()
            except ET.ParseError:
                pass  # cut in the wrong place, or not well-formed: the whole of it tells
            except _Miscut:
                pass
        return Reader(_Split(document, []), url=url, make=make, cache=None).document()
    except (Outside, ET.ParseError, RecursionError):
        return None
    finally:
        if collecting:
            gc.enable()


def _utf8(prepared: bytes, charset: str | None) -> bytes | None:
    """The document in UTF-8 without its declaration, where there is no doubt about its encoding."""
    if prepared.startswith((b"\xfe\xff", b"\xff\xfe")) or b"\0" in prepared[:4]:
        return None
    if charset is None:
        if not prepared.isascii() or b"encoding" in prepared[:200]:
            return None
    elif charset not in ("utf-8", "utf8"):
        try:
            text = prepared.decode(charset)
            if prepared.isascii() and text.encode("ascii", "replace") != prepared:  # UTF-7 and the like
                return None
            prepared = text.encode("utf-8")
        except (UnicodeError, LookupError):
            return None
    # With a mark of its own, and behind it another: neither is text.
    return None if prepared.startswith(b"\xef\xbb\xbf") else _DECLARATION.sub(b"", prepared, count=1)


class _Miscut(Exception):
    """The bytes of an entry are not those of one element."""


class _Split:
    """A document with marks in its entries' places, and these."""

    __slots__ = ("around", "entries")

    def __init__(self, around: bytes, entries: list[bytes]) -> None:
        self.around = around
        self.entries = entries

    @classmethod
    def of(cls, document: bytes) -> _Split | None:
        """None where nothing can be cut out."""
        root = _ROOT.search(document, 0, 8_192)
        if root is None or _MARK_BYTES in document:
            return None
        opening, closing = (b"<entry", b"</entry>") if root[2] else (b"<item", b"</item>")
        entries: list[bytes] = []
        around: list[bytes] = []
        position = 0
        after = len(opening)
        while (start := document.find(opening, position)) >= 0:
            if document[start + after : start + after + 1] not in (b">", b" ", b"\n", b"\r", b"\t"):
                around.append(document[position : start + after])
                position = start + after
                continue
            end = document.find(closing, start)
            if end < 0:
                return None
            end += len(closing)
            around += (document[position:start], b'<%b n="%d"/>' % (_MARK_BYTES, len(entries)))
            entries.append(document[start:end])
            position = end
        if not entries:
            return None
        around.append(document[position:])
        return cls(b"".join(around), entries)


def _tree(document: bytes) -> tuple[ET.Element, dict[ET.Element, list[tuple[str, str]]]]:
    """The root, and which namespaces which element declares."""
    # Bounded without defusing: no DOCTYPE comes here, and the caller bounds the attributes of a tag.
    parser: ET.XMLPullParser[ET.Element] = ET.XMLPullParser(("start-ns", "start"))
    parser.feed(document)
    parser.close()
    root: ET.Element | None = None
    declared: dict[ET.Element, list[tuple[str, str]]] = {}
    waiting: list[tuple[str, str]] = []
    found: Any
    for event, found in parser.read_events():  # type: ignore[misc]
        if event == "start-ns":
            waiting.append(found)
            continue
        if root is None:
            root = found
        if waiting:
            declared[found], waiting = waiting, []
    assert root is not None
    return root, declared


class Reader:
    """Walks through one document as feedparser does, with its state in the same flags."""

    def __init__(
        self,
        split: _Split,
        *,
        url: str,
        make: Callable[[Mapping[str, Any]], Entry],
        cache: EntryCache | None,
    ) -> None:
        if b"<!DOCTYPE" in split.around or b"<!ENTITY" in split.around:
            raise Outside
        self._split = split
        self._url = url
        self._make = make
        self._cache = cache
        self._root, self._declared = _tree(split.around)
        self._declarations = [each for element in self._declared.values() for each in element]
        self._names = Names(self._declarations)
        self._attribute_names = AttributeNames()
        self._handlers = _Handlers(self._names)
        self._trees: dict[int, ET.Element] = {}
        self._keys: dict[int, bytes] = {}
        self._known: dict[int, Entry] = {}
        self._state: tuple[object, ...] | None = None
        self._mark = ""
        self._spaces: dict[str, str] = {}
        self._shapes: dict[tuple[str, ...], tuple[bool, tuple[str, ...], bool]] = {}
        self._found: list[Entry] = []
        self._read = 0
        # feedparser's own state, under its own names where they say something.
        self.version = ""
        self.feed: dict[str, Any] = {}
        self.image: dict[str, Any] | None = None
        self.text_input: dict[str, Any] | None = None
        self.in_feed = False
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
        self.timeless = True

    # What stands around the entries.

    def document(self) -> Found:
        """
        Raises:
            Outside, ET.ParseError, _Miscut: see :func:`read`.
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
            raise Outside
        if self.lang and name in ("rss", "feed"):
            self.feed["language"] = self.lang.replace("_", "-")
        lang, base = self.lang, self.base
        for child in root:
            if name != "feed" and self._names[child.tag] == "channel":
                attributes = self._enter(child)
                if "href" in attributes or "lastmod" in attributes:
                    raise Outside
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
            raise _Miscut
        return Found(version=self.version, feed=self.feed, entries=self._found, read=self._read)

    def _find_parent(self) -> None:
        """Where the marks are: all of them in one element that can hold entries, and in their order."""
        if not self._split.entries:
            return
        wanted = [str(number) for number in range(len(self._split.entries))]
        for parent in (self._root, *self._root):
            marks = [child for child in parent if child.tag.endswith(_MARK)]
            if [mark.get("n") for mark in marks] == wanted:
                self._mark = marks[0].tag  # in the default namespace, if there is one
                self._spaces = {
                    **dict(self._declared.get(self._root, ())),
                    **dict(self._declared.get(parent, ())),
                }
                return
        raise _Miscut

    def _enter(self, element: ET.Element) -> _Attributes:
        """Its attributes; from here on its base and language hold."""
        if not element.attrib:
            return _NO_ATTRIBUTES
        found = element.attrib
        names = tuple(found)
        shape = self._shapes.get(names)
        if shape is None:
            shape = self._shapes[names] = self._shape(names)
        plain, kinds, scoped = shape
        attributes: _Attributes = found
        if not plain:
            attributes = {self._attribute_names[name]: value for name, value in found.items()}
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
                    raise Outside
            lang = attributes.get("xml:lang", attributes.get("lang"))
            if lang is not None:
                self.lang = lang or None
        return attributes

    def _shape(self, names: tuple[str, ...]) -> tuple[bool, tuple[str, ...], bool]:
        """Whether feedparser has these names as they are, which values it has in lower case, and whether some
        hold for what is within."""
        if len(names) > MAX_ATTRIBUTES:
            raise Outside
        found = tuple([self._attribute_names[name] for name in names])
        kinds = tuple([name for name in ("rel", "type") if name in found])
        return found == names, kinds, not _SCOPE.isdisjoint(found)

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
            raise Outside
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
                raise Outside
            self._item(element, attributes, depth)
        elif name in _AROUND_LEAVES:
            _AROUND_LEAVES[name](self, element, attributes, name, depth)
        elif name in _AROUND_REFUSED:
            raise Outside
        else:
            self._container(element, attributes, name, depth)
        self.base = outer or self.base

    def _container(self, element: ET.Element, attributes: _Attributes, name: str, depth: int) -> None:
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
                raise Outside
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
                self._context()[name] = "" if listed else _fixed(_text(element))

    def around_title(self, element: ET.Element, attributes: _Attributes, name: str, depth: int) -> None:
        _content_type(attributes, "text/plain")
        value = _text(element)
        # After entries it is -1 or as deep as their parts: without a title of theirs, or with one.
        if self.title_depth >= _AFTER_ENTRIES and depth > self.title_depth - _AFTER_ENTRIES:
            raise Outside
        if self.in_feed and not -1 < self.title_depth <= depth:
            self._context()["title"] = _fixed(value)
        if value and name != "media_title":
            self.title_depth = depth

    def around_link(self, element: ET.Element, attributes: _Attributes, _name: str, _depth: int) -> None:
        link = self._link(attributes)
        context = self._context()
        context.setdefault("links", []).append(link)
        if "href" in link:
            if link["rel"] == "alternate" and link["type"] in _HTML_TYPES:
                context["link"] = link["href"]
        else:
            text = _text(element)
            if self.in_feed:
                context["link"] = link["href"] = _QUERY.sub(r"&\g<1>", _fixed(self._resolved(text)))

    def around_guid(self, element: ET.Element, attributes: _Attributes, _name: str, _depth: int) -> None:
        if attributes.get("ispermalink", "true") == "true":
            self._context().setdefault("link", _fixed(self._resolved(_text(element))))

    def around_language(self, element: ET.Element, _attributes: object, _name: str, _depth: int) -> None:
        if self.in_feed:
            self._context()["language"] = _fixed(_text(element))

    def around_summary(self, element: ET.Element, attributes: _Attributes, name: str, _depth: int) -> None:
        _content_type(attributes, "text/plain")
        _text(element)
        context = self._context()
        if "summary" in context and not self.has_content:
            self.has_content = True
        elif name in ("summary", "itunes_summary") and self.in_feed:
            context["summary"] = ""

    def around_date(self, element: ET.Element, _attributes: object, _name: str, _depth: int) -> None:
        _check_date(_text(element))

    def around_text(self, element: ET.Element, attributes: _Attributes, _name: str, _depth: int) -> None:
        _content_type(attributes, "text/plain")
        _text(element)

    # Entries.

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
            context = blake2b(repr(said).encode("utf-8", "replace"))
            for number in range(first, len(entries)):
                hashed = context.copy()
                hashed.update(_without_counts(entries[number]))
                key = self._keys[number] = hashed.digest()[:16]
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
        mark = b'<%b xmlns=""/>' % _MARK_BYTES
        head, tail = f"<{_MARK}{declared}>".encode(), f"</{_MARK}>".encode()
        document = b"".join((head, mark.join(entries), tail))
        if any(b"xmlns" in entry for entry in entries):
            root, within = _tree(document)
            for element, declarations in within.items():
                if element is root or element.tag == _MARK:
                    continue
                if not all(self._names.admits(prefix, uri) for prefix, uri in declarations if uri):
                    raise Outside
        else:
            root = ET.fromstring(document)  # noqa: S314 - as in _tree
        found = root[::2]
        if len(found) != len(entries) or any(each.tag != _MARK or len(each) for each in root[1::2]):
            raise _Miscut
        if any(self._names[each.tag] not in ("item", "entry") for each in found):
            raise _Miscut
        return found

    def _item(self, element: ET.Element, attributes: _Attributes, depth: int) -> None:
        if "href" in attributes or "lastmod" in attributes:
            raise Outside
        self.entry = {}
        self.depths = {}
        self.title_depth = -1
        self.guid_is_link = False
        about = attributes.get("rdf:about")
        if about:
            self.entry["id"] = about
        self._children(element, depth + 1)
        self._found.append(self._make(self.entry))
        self._read += 1
        self._after_entry(depth)

    def _after_entry(self, depth: int) -> None:
        self.has_content = False
        self.title_depth = _AFTER_ENTRIES + depth
        self.in_image = self.in_input = False

    def _children(self, element: ET.Element, depth: int) -> None:
        handlers, shapes, passed = self._handlers, self._shapes, Reader.passed
        base, lang = self.base, self.lang
        for child in element:
            handler, name = handlers[child.tag]
            if child.attrib:
                if handler is passed and not len(child):
                    shape = shapes.get(tuple(child.attrib))
                    if shape is not None and not shape[2]:
                        continue
                attributes = self._enter(child)
                handler(self, child, attributes, name, depth)
                self.base, self.lang = base or self.base, lang
            else:
                handler(self, child, _NO_ATTRIBUTES, name, depth)

    def put(self, key: str, value: object, depth: int) -> None:
        """The last one counts, but none that is deeper down."""
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

    def _link(self, attributes: _Attributes) -> _Attributes:
        link = dict(attributes)
        rel = link.setdefault("rel", "alternate")
        link.setdefault("type", "application/atom+xml" if rel == "self" else "text/html")
        link = _with_href(link)
        if "href" in link:
            href = link["href"]
            link["href"] = join(self.base, href) if self.base or ":///" in href else href
        return link

    def passed(self, element: ET.Element, _attributes: object, _name: str, depth: int) -> None:
        """Of no interest, but for what may be in it."""
        if len(element):
            if depth > MAX_DEPTH:
                raise Outside
            self._children(element, depth + 1)

    def refused(self, _element: object, _attributes: object, _name: str, _depth: int) -> None:
        raise Outside

    def leaf(self, element: ET.Element, _attributes: object, _name: str, _depth: int) -> None:
        """Of no interest."""
        if len(element):
            raise Outside

    def kept(self, element: ET.Element, attributes: _Attributes, name: str, depth: int) -> None:
        if attributes:
            self.entry[name] = attributes
            if len(element):
                raise Outside
        else:
            self.put(name, _fixed(_text(element)), depth)

    def title(self, element: ET.Element, attributes: _Attributes, name: str, depth: int) -> None:
        kind = _content_type(attributes, "text/plain")
        value = _text(element)
        kind = self._kind(kind, value)
        if not -1 < self.title_depth <= depth:
            fixed = _fixed(value)
            self.put("title", fixed, depth)
            self.entry["title_detail"] = self.detail(kind, fixed)
        if value and name != "media_title":
            self.title_depth = depth

    def link(self, element: ET.Element, attributes: _Attributes, _name: str, _depth: int) -> None:
        entry = self.entry
        link = self._link(attributes)
        links = entry.setdefault("links", [])
        links.append(link)
        if "href" in link:
            if link["rel"] == "alternate" and link["type"] in _HTML_TYPES:
                entry["link"] = link["href"]
            if len(element):
                raise Outside
        else:
            value = _fixed(self._resolved(_text(element)))
            if "&" in value:
                value = _QUERY.sub(r"&\g<1>", value.replace("&amp;", "&"))
            entry["link"] = value
            if value:
                link["href"] = value

    def guid(self, element: ET.Element, attributes: _Attributes, _name: str, depth: int) -> None:
        is_link = self.guid_is_link = attributes.get("ispermalink", "true") == "true"
        value = _text(element)
        value = _fixed(self._resolved(value) if is_link else value)
        self.put("id", value, depth)
        stands_in = is_link and "link" not in self.entry
        self.entry.setdefault("guidislink", stands_in)
        if stands_in:
            self.entry["link"] = value

    def summary(self, element: ET.Element, attributes: _Attributes, name: str, depth: int) -> None:
        if "summary" in self.entry and not self.has_content:
            self._content(element, attributes, "text/plain")
            return
        default = "text/html" if name in _DESCRIPTIONS else "text/plain"
        kind = _content_type(attributes, default)
        value = _text(element)
        kind = self._kind(kind, value)
        value = _fixed(value)
        self.put("summary", value, depth)
        self.entry["summary_detail"] = self.detail(kind, value)

    def content(self, element: ET.Element, attributes: _Attributes, name: str, _depth: int) -> None:
        self._content(element, attributes, "text/plain" if name == "content" else "text/html")

    def _content(self, element: ET.Element, attributes: _Attributes, default: str) -> None:
        self.has_content = True
        kind = _content_type(attributes, default)
        value = _text(element)
        kind = self._kind(kind, value)
        value = _fixed(value)
        self.entry.setdefault("content", []).append(self.detail(kind, value))
        self.entry.setdefault("summary", value)

    def author(self, element: ET.Element, _attributes: object, _name: str, depth: int) -> None:
        entry = self.entry
        entry.setdefault("authors", []).append({})
        if not len(element):
            text = element.text
            self.put("author", _fixed(text.strip()) if text else "", depth)
        else:
            if self.in_author:
                raise Outside
            self.in_author = True
            text = element.text
            if text and not text.isspace():
                raise Outside
            for child in element:
                tail = child.tail
                if len(child) or (tail and not tail.isspace()):
                    raise Outside
                handler, _ = self._handlers[child.tag]
                # Text of an element without a place of its own would be the author's.
                if handler is not Reader.author_part and child.text and not child.text.isspace():
                    raise Outside
            self._children(element, depth + 1)
            self.in_author = False
            self.put("author", "", depth)
        self._name_author()

    def _name_author(self) -> None:
        entry = self.entry
        author = entry["authors"][-1]
        text = entry.get("author")
        if not author and isinstance(text, str) and "@" not in text:
            if text:
                author["name"] = text
        else:
            name_author(entry)

    def author_part(self, element: ET.Element, _attributes: object, name: str, _depth: int) -> None:
        if len(element):
            raise Outside
        if self.in_author:
            key = name.removeprefix("itunes_")
            value = _text(element)
            if key not in ("name", "email"):
                key, value = "href", _fixed(self._resolved(value))
            entry = self.entry
            if "author" in entry:
                name_author(entry)
            entry["authors"][-1][key] = value

    def contributor(self, element: ET.Element, _attributes: object, _name: str, _depth: int) -> None:
        for child in element:
            if len(child) or self._names[child.tag] not in ("name", "uri", "url", "email"):
                raise Outside

    def category(self, element: ET.Element, attributes: _Attributes, name: str, _depth: int) -> None:
        value = _fixed(_text(element))
        tags = self.entry.setdefault("tags", [])
        if name == "itunes_category":
            self._tag(attributes.get("text"), "http://www.itunes.com/", None)
        elif attributes or name == "media_category":
            scheme = attributes.get("scheme")
            if scheme is None:
                media = "http://search.yahoo.com/mrss/category_schema"
                scheme = media if name == "media_category" else attributes.get("domain")
            self._tag(attributes.get("term"), scheme, attributes.get("label"))
        if value:
            if tags and not tags[-1]["term"]:
                tags[-1]["term"] = value
            else:
                self._tag(value, None, None)

    def keywords(self, element: ET.Element, attributes: _Attributes, name: str, _depth: int) -> None:
        value = _fixed(_text(element))
        if attributes and name != "tags":
            return
        scheme = "http://www.itunes.com/" if name == "itunes_keywords" else None
        for each in value.split(","):
            term = each.strip()
            if term or name == "tags":
                self.entry.setdefault("tags", [])
                self._tag(term, scheme, None)

    def _tag(self, term: str | None, scheme: str | None, label: str | None) -> None:
        if term or scheme or label:
            tags = self.entry["tags"]
            tag = {"term": term, "scheme": scheme, "label": label}
            if tag not in tags:
                tags.append(tag)

    def published(self, element: ET.Element, _attributes: object, _name: str, depth: int) -> None:
        value = _fixed(_text(element))
        self.put("published", value, depth)
        self.entry["published_parsed"] = self._date(value)

    def updated(self, element: ET.Element, _attributes: object, _name: str, depth: int) -> None:
        value = _fixed(_text(element))
        self.put("updated", value, depth)
        self.entry["updated_parsed"] = self._date(value)

    def _date(self, value: str) -> object:
        if not value:
            return None
        found = read_date(value)
        if found is not None:
            return found
        self.timeless = False  # some of its readings take the year from today
        return _reference_date(value)

    def other_date(self, element: ET.Element, _attributes: object, _name: str, _depth: int) -> None:
        _check_date(_text(element))

    def language(self, element: ET.Element, _attributes: object, _name: str, depth: int) -> None:
        self.put("language", _fixed(_text(element)), depth)

    def source(self, element: ET.Element, attributes: _Attributes, _name: str, depth: int) -> None:
        value = _fixed(_text(element))
        self.depths.setdefault("source", depth)
        source = {"href": attributes["url"]} if "url" in attributes else {}
        if value:
            source["title"] = value
        self.entry["source"] = source
        self.title_depth = -1

    def enclosure(self, element: ET.Element, attributes: _Attributes, name: str, depth: int) -> None:
        link = _with_href(dict(attributes))
        link["rel"] = "enclosure"
        self.entry.setdefault("links", []).append(link)
        self.passed(element, attributes, name, depth)

    def media_content(self, element: ET.Element, attributes: _Attributes, name: str, depth: int) -> None:
        self.entry.setdefault("media_content", []).append(attributes)
        self.passed(element, attributes, name, depth)

    def media_thumbnail(self, element: ET.Element, attributes: _Attributes, _name: str, _depth: int) -> None:
        url = _fixed(self._resolved(_text(element)))
        if url.strip() and "url" not in attributes:
            attributes = {**attributes, "url": url}
        self.entry.setdefault("media_thumbnail", []).append(attributes)

    def image_of_entry(self, element: ET.Element, _attributes: object, _name: str, _depth: int) -> None:
        if len(element):
            raise Outside
        self.title_depth = -1

    def itunes_image(self, element: ET.Element, attributes: _Attributes, _name: str, _depth: int) -> None:
        if len(element):
            raise Outside
        href = attributes.get("href") or attributes.get("url")
        if href:
            self.entry["image"] = {"href": href}

    def plain_text(self, element: ET.Element, attributes: _Attributes, _name: str, _depth: int) -> None:
        """A text that nobody reads; but of another type than text it would be decoded."""
        _content_type(attributes, "text/plain")
        if len(element):
            raise Outside


def _without_counts(entry: bytes) -> bytes:
    """An entry but for how often its film was seen: without that each poll of YouTube would be new from end to end.

    Only where it is mark-up for certain; then it means nothing to any field.
    """
    if b"<media:statistics " not in entry or b"<!" in entry or b"<?" in entry:
        return entry
    return _COUNTS.sub(rb"<media:\1/>", entry)


def _text(element: ET.Element) -> str:
    if len(element):
        raise Outside
    text = element.text
    return text.strip() if text else ""


def _fixed(text: str) -> str:
    """UTF-8 that was taken for Latin-1 once more, and windows-1252 for control characters, are mended."""
    if text.isascii():
        return text
    with suppress(UnicodeError):
        text = text.encode("latin-1").decode("utf-8")
    if _C1_LEAD in text.encode("utf-8", "surrogatepass") and _C1.search(text):
        return text.translate(_CP1252)
    return text


def _content_type(attributes: _Attributes, default: str) -> str:
    if not attributes:
        return default
    kind = _TYPES.get(attributes.get("type", default))
    if kind is None or attributes.get("mode") == "base64":
        raise Outside
    return kind


def _with_href(attributes: _Attributes) -> _Attributes:
    href = attributes.get("url", attributes.get("uri", attributes.get("href")))
    if href:
        attributes.pop("url", None)
        attributes.pop("uri", None)
        attributes["href"] = href
    return attributes


def _reference_date(text: str) -> object:
    """
    Raises:
        Outside: the reference fails over it, and with it over the whole document.
    """
    try:
        return parse_date(text)
    except Exception as error:
        raise Outside from error


def _check_date(text: str) -> None:
    """A date that nobody asks for."""
    if text and read_date(text) is None:
        _reference_date(text)


_AFTER_ENTRIES: Final = 1_000
_HINTS: Final = frozenset({"ttl", "sy_updateperiod", "sy_updatefrequency", "skiphours", "skipdays"})
_DESCRIPTIONS: Final = frozenset({"description", "dc_description", "media_description"})
# Names under which feedparser keeps its own: an element of that name would stand in their place.
_TAKEN: Final = frozenset(
    {
        f"{name}_parsed"
        for name in ("date", "issued", "modified", "published", "updated", "created", "expired")
    }
    | {
        f"{name}_detail"
        for name in ("title", "summary", "subtitle", "description", "content", "link", "author")
    }
    | {f"{name}_detail" for name in ("publisher", "image", "source", "language", "generator", "textinput")}
    | {"date", "authors", "publishers", "contributors", "tags", "links", "guidislink", "items", "entries"}
    | {"enclosures", "href", "where", "geometry", "license", "psc"}
)


def _names(names: str) -> frozenset[str]:
    return frozenset(names.split())


class _Handlers(dict[str, tuple[_Handler, str]]):
    """An element's tag within an entry → what to do with it, and its name."""

    def __init__(self, names: Names) -> None:
        super().__init__()
        self._names = names

    def __missing__(self, tag: str) -> tuple[_Handler, str]:
        name = self._names[tag]
        handler = ENTRY_HANDLERS.get(name)
        if handler is None:
            handler = Reader.refused if name in HANDLED or name in _TAKEN else Reader.passed
        found = self[tag] = (handler, name)
        return found


def _each(names: str, handler: _Handler) -> dict[str, _Handler]:
    return dict.fromkeys(names.split(), handler)


ENTRY_HANDLERS: Final[Mapping[str, _Handler]] = {
    **_each("title dc_title media_title", Reader.title),
    **_each("link", Reader.link),
    **_each("guid id", Reader.guid),
    **_each("description dc_description media_description abstract summary itunes_summary", Reader.summary),
    **_each("content content_encoded fullitem", Reader.content),
    **_each("author dc_creator dc_author itunes_author managingeditor", Reader.author),
    **_each("name email uri url homepage itunes_name itunes_email", Reader.author_part),
    **_each("contributor", Reader.contributor),
    **_each("category dc_subject keywords media_category itunes_category", Reader.category),
    **_each("tags media_keywords itunes_keywords", Reader.keywords),
    **_each("pubdate published issued dcterms_issued", Reader.published),
    **_each("updated modified lastbuilddate dc_date dcterms_modified", Reader.updated),
    **_each("created dcterms_created expirationdate", Reader.other_date),
    **_each("language dc_language", Reader.language),
    **_each("source", Reader.source),
    **_each("enclosure", Reader.enclosure),
    **_each("media_content", Reader.media_content),
    **_each("media_thumbnail", Reader.media_thumbnail),
    **_each("media_group", Reader.passed),
    **_each("image", Reader.image_of_entry),
    **_each("itunes_image", Reader.itunes_image),
    **_each("feedburner_origlink media_caption", Reader.kept),
    **_each("subtitle tagline itunes_subtitle rights copyright dc_rights info", Reader.plain_text),
    **_each("media_credit media_rating media_restriction media_license media_player", Reader.leaf),
    **_each("itunes_block itunes_explicit dc_publisher webmaster dc_contributor cc_license", Reader.leaf),
    **_each("georss_point georss_line georss_polygon georss_box generator width height", Reader.leaf),
}
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
_AROUND_REFUSED: Final = (HANDLED - _AROUND_PASSED - set(_AROUND_LEAVES)) | (_TAKEN - {"items"})
