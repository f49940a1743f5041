"""An entry's tree → the dictionary that feedparser would make of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final
from xml.etree import ElementTree as ET

from ingest.parse.fastpath.state import ReaderState
from ingest.parse.fastpath.values import (
    HTML_TYPES,
    NO_ATTRIBUTES,
    QUERY,
    Attributes,
    content_type,
    fixed,
    text_of,
    with_href,
)
from ingest.parse.feedparser_adapter import HANDLED, name_author
from ingest.parse.namespaces import FULL_TEXTS, Names, NeedsFeedparser
from ingest.types import Entry

MAX_DEPTH: Final = 60
AFTER_ENTRIES: Final = 1_000
_DESCRIPTIONS: Final = frozenset({"description", "dc_description", "media_description"})
# Names of feedparser's own values, which an element of the same name would replace.
TAKEN: Final = frozenset(
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
_Handler = Callable[["EntryReader", ET.Element, Attributes, str, int], None]


class EntryReader(ReaderState):
    """One method for each kind of element within an entry."""

    def __init__(self, names: Names, *, make: Callable[[Mapping[str, Any]], Entry]) -> None:
        super().__init__(names, make=make)
        self._handlers = Handlers(names)

    def _item(self, element: ET.Element, attributes: Attributes, depth: int) -> None:
        if "href" in attributes or "lastmod" in attributes:
            raise NeedsFeedparser
        self.entry = {}
        self.depths = {}
        self.title_depth = -1
        self.guid_is_link = False
        about = attributes.get("rdf:about")
        if about:
            self.entry["id"] = about
        self._children(element, depth + 1)
        self._entries.append(self._make(self.entry))
        self._parsed_entries += 1
        self._after_entry(depth)

    def _after_entry(self, depth: int) -> None:
        self.has_content = False
        self.title_depth = AFTER_ENTRIES + depth
        self.in_image = self.in_input = False

    def _children(self, element: ET.Element, depth: int) -> None:
        handlers, shapes, passed = self._handlers, self._shapes, EntryReader.passed
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
                handler(self, child, NO_ATTRIBUTES, name, depth)

    def passed(self, element: ET.Element, _attributes: object, _name: str, depth: int) -> None:
        """An element that is ignored, but for its content."""
        if len(element):
            if depth > MAX_DEPTH:
                raise NeedsFeedparser
            self._children(element, depth + 1)

    def refused(self, _element: object, _attributes: object, _name: str, _depth: int) -> None:
        raise NeedsFeedparser

    def leaf(self, element: ET.Element, _attributes: object, _name: str, _depth: int) -> None:
        """An element that is ignored."""
        if len(element):
            raise NeedsFeedparser

    def keep(self, element: ET.Element, attributes: Attributes, name: str, depth: int) -> None:
        if attributes:
            self.entry[name] = attributes
            if len(element):
                raise NeedsFeedparser
        else:
            self.put(name, fixed(text_of(element)), depth)

    def title(self, element: ET.Element, attributes: Attributes, name: str, depth: int) -> None:
        kind = content_type(attributes, "text/plain")
        value = text_of(element)
        kind = self._kind(kind, value)
        if not -1 < self.title_depth <= depth:
            mended = fixed(value)
            self.put("title", mended, depth)
            self.entry["title_detail"] = self.detail(kind, mended)
        if value and name != "media_title":
            self.title_depth = depth

    def link(self, element: ET.Element, attributes: Attributes, _name: str, _depth: int) -> None:
        entry = self.entry
        link = self._link(attributes)
        links = entry.setdefault("links", [])
        links.append(link)
        if "href" in link:
            if link["rel"] == "alternate" and link["type"] in HTML_TYPES:
                entry["link"] = link["href"]
            if len(element):
                raise NeedsFeedparser
        else:
            value = fixed(self._resolved(text_of(element)))
            if "&" in value:
                value = QUERY.sub(r"&\g<1>", value.replace("&amp;", "&"))
            entry["link"] = value
            if value:
                link["href"] = value

    def guid(self, element: ET.Element, attributes: Attributes, _name: str, depth: int) -> None:
        is_link = self.guid_is_link = attributes.get("ispermalink", "true") == "true"
        value = text_of(element)
        value = fixed(self._resolved(value) if is_link else value)
        self.put("id", value, depth)
        stands_in = is_link and "link" not in self.entry
        self.entry.setdefault("guidislink", stands_in)
        if stands_in:
            self.entry["link"] = value

    def summary(self, element: ET.Element, attributes: Attributes, name: str, depth: int) -> None:
        if "summary" in self.entry and not self.has_content:
            self._content(element, attributes, "text/plain")
            return
        default = "text/html" if name in _DESCRIPTIONS else "text/plain"
        kind = content_type(attributes, default)
        value = text_of(element)
        kind = self._kind(kind, value)
        value = fixed(value)
        self.put("summary", value, depth)
        self.entry["summary_detail"] = self.detail(kind, value)

    def content(self, element: ET.Element, attributes: Attributes, name: str, _depth: int) -> None:
        self._content(element, attributes, "text/plain" if name == "content" else "text/html")

    def _content(self, element: ET.Element, attributes: Attributes, default: str) -> None:
        self.has_content = True
        kind = content_type(attributes, default)
        value = text_of(element)
        kind = self._kind(kind, value)
        value = fixed(value)
        self.entry.setdefault("content", []).append(self.detail(kind, value))
        self.entry.setdefault("summary", value)

    def author(self, element: ET.Element, _attributes: object, _name: str, depth: int) -> None:
        entry = self.entry
        entry.setdefault("authors", []).append({})
        if not len(element):
            text = element.text
            self.put("author", fixed(text.strip()) if text else "", depth)
        else:
            if self.in_author:
                raise NeedsFeedparser
            self.in_author = True
            text = element.text
            if text and not text.isspace():
                raise NeedsFeedparser
            for child in element:
                tail = child.tail
                if len(child) or (tail and not tail.isspace()):
                    raise NeedsFeedparser
                handler, _ = self._handlers[child.tag]
                # feedparser adds the text of any other element to the author's.
                if handler is not EntryReader.author_part and child.text and not child.text.isspace():
                    raise NeedsFeedparser
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
            raise NeedsFeedparser
        if self.in_author:
            key = name.removeprefix("itunes_")
            value = text_of(element)
            if key not in ("name", "email"):
                key, value = "href", fixed(self._resolved(value))
            entry = self.entry
            if "author" in entry:
                name_author(entry)
            entry["authors"][-1][key] = value

    def contributor(self, element: ET.Element, _attributes: object, _name: str, _depth: int) -> None:
        for child in element:
            if len(child) or self._names[child.tag] not in ("name", "uri", "url", "email"):
                raise NeedsFeedparser

    def category(self, element: ET.Element, attributes: Attributes, name: str, _depth: int) -> None:
        value = fixed(text_of(element))
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

    def keywords(self, element: ET.Element, attributes: Attributes, name: str, _depth: int) -> None:
        value = fixed(text_of(element))
        if attributes and name != "tags":
            return
        scheme = "http://www.itunes.com/" if name == "itunes_keywords" else None
        for keyword in value.split(","):
            term = keyword.strip()
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
        self.put("published", fixed(text_of(element)), depth)

    def updated(self, element: ET.Element, _attributes: object, _name: str, depth: int) -> None:
        self.put("updated", fixed(text_of(element)), depth)

    def language(self, element: ET.Element, _attributes: object, _name: str, depth: int) -> None:
        self.put("language", fixed(text_of(element)), depth)

    def source(self, element: ET.Element, attributes: Attributes, _name: str, depth: int) -> None:
        value = fixed(text_of(element))
        self.depths.setdefault("source", depth)
        source = {"href": attributes["url"]} if "url" in attributes else {}
        if value:
            source["title"] = value
        self.entry["source"] = source
        self.title_depth = -1

    def enclosure(self, element: ET.Element, attributes: Attributes, name: str, depth: int) -> None:
        link = with_href(dict(attributes))
        link["rel"] = "enclosure"
        self.entry.setdefault("links", []).append(link)
        self.passed(element, attributes, name, depth)

    def media_content(self, element: ET.Element, attributes: Attributes, name: str, depth: int) -> None:
        self.entry.setdefault("media_content", []).append(attributes)
        self.passed(element, attributes, name, depth)

    def media_thumbnail(self, element: ET.Element, attributes: Attributes, _name: str, _depth: int) -> None:
        url = fixed(self._resolved(text_of(element)))
        if url.strip() and "url" not in attributes:
            attributes = {**attributes, "url": url}
        self.entry.setdefault("media_thumbnail", []).append(attributes)

    def image_of_entry(self, element: ET.Element, _attributes: object, _name: str, _depth: int) -> None:
        if len(element):
            raise NeedsFeedparser
        self.title_depth = -1

    def itunes_image(self, element: ET.Element, attributes: Attributes, _name: str, _depth: int) -> None:
        if len(element):
            raise NeedsFeedparser
        href = attributes.get("href") or attributes.get("url")
        if href:
            self.entry["image"] = {"href": href}

    def plain_text(self, element: ET.Element, attributes: Attributes, _name: str, _depth: int) -> None:
        """A text that is ignored; of another type than plain text it would be decoded."""
        content_type(attributes, "text/plain")
        if len(element):
            raise NeedsFeedparser


class Handlers(dict[str, tuple[_Handler, str]]):
    """Maps an element's tag within an entry to its handler and its name."""

    def __init__(self, names: Names) -> None:
        super().__init__()
        self._names = names

    def __missing__(self, tag: str) -> tuple[_Handler, str]:
        name = self._names[tag]
        handler = ENTRY_HANDLERS.get(name)
        if handler is None:
            handler = EntryReader.refused if name in HANDLED or name in TAKEN else EntryReader.passed
        item = self[tag] = (handler, name)
        return item


def _for_each(names: str, handler: _Handler) -> dict[str, _Handler]:
    return dict.fromkeys(names.split(), handler)


ENTRY_HANDLERS: Final[Mapping[str, _Handler]] = {
    **_for_each("title dc_title media_title", EntryReader.title),
    **_for_each("link", EntryReader.link),
    **_for_each("guid id", EntryReader.guid),
    **_for_each(
        "description dc_description media_description abstract summary itunes_summary", EntryReader.summary
    ),
    **_for_each("content content_encoded fullitem", EntryReader.content),
    **_for_each("author dc_creator dc_author itunes_author managingeditor", EntryReader.author),
    **_for_each("name email uri url homepage itunes_name itunes_email", EntryReader.author_part),
    **_for_each("contributor", EntryReader.contributor),
    **_for_each("category dc_subject keywords media_category itunes_category", EntryReader.category),
    **_for_each("tags media_keywords itunes_keywords", EntryReader.keywords),
    **_for_each("pubdate published issued dcterms_issued", EntryReader.published),
    **_for_each("updated modified lastbuilddate dc_date dcterms_modified", EntryReader.updated),
    **_for_each("created dcterms_created expirationdate", EntryReader.leaf),
    **_for_each("language dc_language", EntryReader.language),
    **_for_each("source", EntryReader.source),
    **_for_each("enclosure", EntryReader.enclosure),
    **_for_each("media_content", EntryReader.media_content),
    **_for_each("media_thumbnail", EntryReader.media_thumbnail),
    **_for_each("media_group", EntryReader.passed),
    **_for_each("image", EntryReader.image_of_entry),
    **_for_each("itunes_image", EntryReader.itunes_image),
    **_for_each("feedburner_origlink media_caption", EntryReader.keep),
    **dict.fromkeys(FULL_TEXTS, EntryReader.keep),
    **_for_each("subtitle tagline itunes_subtitle rights copyright dc_rights info", EntryReader.plain_text),
    **_for_each("media_credit media_rating media_restriction media_license media_player", EntryReader.leaf),
    **_for_each(
        "itunes_block itunes_explicit dc_publisher webmaster dc_contributor cc_license", EntryReader.leaf
    ),
    **_for_each(
        "georss_point georss_line georss_polygon georss_box generator width height", EntryReader.leaf
    ),
}
