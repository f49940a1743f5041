"""Suites that keep what they expect as JSON beside each document: gofeed, feed-rs, podcastparser.

Each value that stands in such a file, and that we have a field for, is a claim. Absent values claim nothing.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from ingest.normalise import markup
from ingest.types import Entry, Failed
from tests.conformance.claims import (
    Tally,
    base_of,
    claim,
    entry_of,
    files,
    read,
    same_address,
    same_date,
    same_plain,
    same_text,
    without_address,
)

URL: Final = "http://documents.invalid/feed"
"""Where the documents are said to be: no suite says where its are."""
Said = Mapping[str, Any]


class Case:
    """One document and what is claimed of it."""

    def __init__(self, tally: Tally, name: str, body: bytes) -> None:
        self._tally = tally
        self._name = name
        self._text = html.unescape(body.decode("utf-8", "replace"))
        self.parsed = read(body, url=URL)
        tally.files += 1

    def own(self, value: str) -> bool:
        """Whether a value is of the suite's own making, a default: the document does not have it."""
        if re.search(rf"""[>"'\[]\s*{re.escape(value)}\s*[<"'\]]""", self._text):
            return False
        self.elsewhere()
        return True

    def elsewhere(self, count: int = 1) -> None:
        self._tally.elsewhere += count

    def add(self, about: str, expected: Any, found: Any, *, holds: bool) -> None:
        self._tally.claims.append(claim(self._name, about, expected=expected, found=found, holds=holds))

    def has(self, text: str) -> bool:
        return text in self._text

    def feed(self, field: str, expected: Any) -> None:
        found = None if isinstance(self.parsed, Failed) else _value(self.parsed, field)
        self.add(field, expected, self._told(found), holds=_same(field, found, expected, base=URL))

    def entries(self, count: int) -> None:
        found = None if isinstance(self.parsed, Failed) else len(self.parsed.entries)
        self.add("entries", count, self._told(found), holds=found == count)

    def entry(self, number: int, field: str, expected: Any) -> None:
        entry = entry_of(self.parsed, number)
        found = None if entry is None else _value(entry, field)
        if entry is not None and field in ("published", "updated") and not same_date(found, expected):
            # Of two dates suites call the one this, the other that; an article's date is either.
            found = entry.published or entry.updated
        if field == "language" and not isinstance(self.parsed, Failed):
            found = found or self.parsed.language  # what an entry inherits is kept once
        if field == "text":
            found = None if entry is None else _longest(entry, expected)
        holds = _same(field, found, expected, base=base_of(entry, URL))
        self.add(f"entries[{number}].{field}", expected, self._told(found), holds=holds)

    def _told(self, found: Any) -> Any:
        return self.parsed.detail if isinstance(self.parsed, Failed) else found


def _value(of: Any, field: str) -> Any:
    if field == "text":
        return None
    return of.hints.ttl if field == "ttl" else getattr(of, field)


def _longest(entry: Entry, expected: Any) -> str | None:
    """Of summary and content the one that says it: suites differ in which is which."""
    either = [entry.summary, entry.content]
    return next(
        (each for each in either if same_text(each, str(expected), base=base_of(entry, URL))), either[0]
    )


def _same(field: str, found: Any, expected: Any, *, base: str) -> bool:
    match field:
        case "published" | "updated":
            return same_date(found, expected)
        case "link" | "self_url" | "image" | "source_url":
            return same_address(found, expected, base=base)
        case "title" | "source_title":
            return same_text(found, expected, base=base) or same_plain(found, expected)
        case "summary" | "content" | "text":
            return same_text(found, expected, base=base)
        case "authors":
            return _named(expected) <= _named(found or ())
        case "categories":
            return {markup.single_line(each) for each in expected} <= {
                markup.single_line(each) for each in found or ()
            }
    return (found or "").lower() == str(expected).strip().lower()


def _named(names: Sequence[str]) -> set[str]:
    return {" ".join(without_address(str(name)).split()) for name in names if str(name).strip()}


def _claims(case: Case, said: Said, fields: Mapping[str, str], add: Callable[[str, Any], None]) -> None:
    """Each value of ``said`` that ``fields`` has one of ours for; the others are counted."""
    for name, value in said.items():
        if value in (None, "", [], {}):
            continue
        if name in fields:
            add(fields[name], value)
        else:
            case.elsewhere()


# gofeed ---------------------------------------------------------------------------------------------------------------

_GOFEED_FEED: Final = {
    "title": "title",
    "link": "link",
    "language": "language",
    "ttl": "ttl",
    "feedLink": "self_url",
}
_GOFEED_ENTRY: Final = {
    "title": "title",
    "link": "link",
    "description": "summary",
    "summary": "summary",
    "publishedParsed": "published",
    "pubDateParsed": "published",
    "updatedParsed": "updated",
    "id": "guid",
}


def gofeed(folder: Path) -> Tally:
    """Its parsers' JSON has the names of the format, its translator's those of gofeed."""
    tally = Tally()
    root = folder / "A_gofeed" / "testdata"
    for path in files(root, "*.json"):
        document = _document_of(path)
        if document is None:
            continue
        said = json.loads(path.read_bytes())
        case = Case(tally, str(path.relative_to(root)), document.read_bytes())
        if "extensions" in path.parts:
            case.elsewhere(len(said))
            said = {name: value for name, value in said.items() if name in ("items", "entries")}
        if "/json/" in case_name(path, root) and "parser" in path.parts:
            _json_feed(case, said)
            continue
        items = said.pop("items", None) or said.pop("entries", None) or []
        _claims(case, said, _GOFEED_FEED, case.feed)
        if items:
            case.entries(len(items))
        for number, item in enumerate(items):
            _gofeed_entry(case, number, item)
    return tally


def case_name(path: Path, root: Path) -> str:
    return f"/{path.relative_to(root)}"


def _document_of(path: Path) -> Path | None:
    """The document whose JSON this is; None: it is a document itself."""
    if path.stem.endswith("_expected"):
        return path.with_name(f"{path.stem.removesuffix('_expected')}.json") if _there(path) else None
    document = path.with_suffix(".xml")
    return document if document.is_file() else None


def _there(path: Path) -> bool:
    return path.with_name(f"{path.stem.removesuffix('_expected')}.json").is_file()


def _gofeed_entry(case: Case, number: int, item: Said) -> None:
    left = dict(item)
    guid, content, source = left.pop("guid", None), left.pop("content", None), left.pop("source", None)
    if guid:
        case.entry(number, "guid", guid["value"] if isinstance(guid, dict) and "value" in guid else guid)
    if content:
        text = content.get("value") if isinstance(content, dict) else content
        if text:
            case.entry(number, "content", text)
    if isinstance(source, dict):
        _claims(
            case,
            source,
            {"title": "source_title", "url": "source_url"},
            lambda field, value: case.entry(number, field, value),
        )
    image = left.pop("image", None)
    if isinstance(image, dict) and image.get("url"):
        case.entry(number, "image", image["url"])
    authors = left.pop("authors", None) or ([left["author"]] if left.get("author") else None)
    left.pop("author", None)
    authors_of(case, number, authors)
    _categories(case, number, left.pop("categories", None))
    _claims(case, left, _GOFEED_ENTRY, lambda field, value: case.entry(number, field, value))


def authors_of(case: Case, number: int, authors: Any) -> None:
    names = [each.get("name") if isinstance(each, dict) else each for each in authors or ()]
    if any(names):
        case.entry(number, "authors", [name for name in names if name])
    elif authors:
        case.elsewhere()


def _categories(case: Case, number: int, categories: Any) -> None:
    """We keep one name of each: its label, where it has one."""
    names = [
        (each.get("label") or each.get("term") or each.get("value")) if isinstance(each, dict) else each
        for each in categories or ()
    ]
    if any(names):
        case.entry(number, "categories", [name for name in names if name])


def _json_feed(case: Case, said: Said) -> None:
    feed = {"title": "title", "home_page_url": "link", "feed_url": "self_url", "language": "language"}
    items = said.get("items") or []
    _claims(case, {name: value for name, value in said.items() if name != "items"}, feed, case.feed)
    case.entries(len(items))
    fields = {
        "id": "guid",
        "url": "link",
        "title": "title",
        "content_html": "content",
        "summary": "summary",
        "image": "image",
        "date_published": "published",
        "date_modified": "updated",
        "language": "language",
        "tags": "categories",
    }
    for number, item in enumerate(items):
        authors_of(case, number, item.get("authors") or ([item["author"]] if item.get("author") else None))
        left = {name: value for name, value in item.items() if name not in ("authors", "author")}
        _claims(case, left, fields, lambda field, value, number=number: case.entry(number, field, value))  # type: ignore[misc]


# feed-rs --------------------------------------------------------------------------------------------------------------


def feed_rs(folder: Path) -> Tally:
    tally = Tally()
    root = folder / "A_feed-rs" / "feed-rs" / "fixture"
    for path in files(root, "*.serde.json"):
        name = path.name.removesuffix(".serde.json")
        document = next(
            (
                each
                for each in (path.with_name(f"{name}.xml"), path.with_name(f"{name}.json"))
                if each.is_file()
            ),
            None,
        )
        if document is None:
            continue
        said = json.loads(path.read_bytes())
        case = Case(tally, str(document.relative_to(root)), document.read_bytes())
        for field in ("title", "language", "ttl"):
            if said.get(field):
                case.feed(field, _content(said[field]))
        case.elsewhere(
            sum(
                bool(value)
                for name, value in said.items()
                if name not in ("title", "language", "ttl", "entries")
            )
        )
        case.entries(len(said["entries"]))
        for number, entry in enumerate(said["entries"]):
            _feed_rs_entry(case, number, entry)
    return tally


def _content(said: Any) -> Any:
    return said.get("content") if isinstance(said, dict) else said


def _feed_rs_entry(case: Case, number: int, said: Said) -> None:
    # Where an entry has no id feed-rs makes one.
    if said.get("id") and not case.own(said["id"]):
        case.entry(number, "guid", said["id"])
    for field in ("title", "summary", "published", "updated", "language"):
        value = _content(said.get(field))
        if value:
            case.entry(number, field, value)
    body = (said.get("content") or {}).get("body")
    if body:
        case.entry(number, "text", body)
    links = [link for link in said.get("links") or () if link.get("rel") in (None, "alternate")]
    if links:
        case.entry(number, "link", links[0]["href"])
    # Of an RSS author feed-rs says that it is called "author".
    authors_of(case, number, [each for each in said.get("authors") or () if each.get("name") != "author"])
    _categories(case, number, said.get("categories"))
    case.elsewhere(
        sum(bool(said.get(name)) for name in ("contributors", "source", "rights", "media", "base"))
    )


# podcastparser --------------------------------------------------------------------------------------------------------


def podcastparser(folder: Path) -> Tally:
    """An episode is an entry that has a film or a sound; the others are not in its JSON."""
    tally = Tally()
    root = folder / "A_podcastparser" / "tests" / "data"
    for path in files(root, "*.rss"):
        beside = path.with_suffix(".json")
        if not beside.is_file():
            continue
        said = json.loads(beside.read_bytes())
        case = Case(tally, path.name, path.read_bytes())
        for field in ("title", "link", "language"):
            if said.get(field) and not case.own(said[field]):
                case.feed(field, said[field])
        case.elsewhere(
            sum(
                bool(value)
                for name, value in said.items()
                if name not in ("title", "link", "language", "episodes")
            )
        )
        for episode in said.get("episodes") or ():
            _episode(case, episode)
    return tally


def _episode(case: Case, said: Said) -> None:
    entries = () if isinstance(case.parsed, Failed) else case.parsed.entries
    number = next(
        (at for at, entry in enumerate(entries) if said.get("guid") and entry.guid == said["guid"]), None
    )
    if number is None:
        number = next(
            (at for at, entry in enumerate(entries) if same_plain(entry.title, said.get("title"))), 0
        )
    # An episode without a link has that of its sound, which we do not keep.
    sounds = [enclosure.get("url") for enclosure in said.get("enclosures") or ()]
    sounds += [] if case.has("<link") else [said.get("link")]
    for field in ("title", "link"):
        if said.get(field) and said[field] not in sounds and not case.own(said[field]):
            case.entry(number, field, said[field])
    if said.get("published"):
        case.entry(number, "published", datetime.fromtimestamp(said["published"], UTC).isoformat())
    if said.get("description_html"):
        case.entry(number, "text", said["description_html"])
    case.elsewhere(
        sum(bool(said.get(name)) for name in ("enclosures", "total_time", "chapters", "payment_url"))
    )
