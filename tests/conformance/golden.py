"""Suites that keep their expectations as JSON beside each document: gofeed, feed-rs, podcastparser.

Each value in such a file is a claim if one of our fields holds it. Absent values claim nothing.
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
"""URL given to every document: no suite states its own."""
Golden = Mapping[str, Any]


class Case:
    """One document with its claims."""

    def __init__(self, tally: Tally, name: str, body: bytes) -> None:
        self._tally = tally
        self._name = name
        self._text = html.unescape(body.decode("utf-8", "replace"))
        self.parsed = read(body, url=URL)
        tally.files += 1

    def is_default(self, value: str) -> bool:
        """Return whether a value is a default of the suite, absent from the document; count it as not applicable."""
        if re.search(rf"""[>"'\[]\s*{re.escape(value)}\s*[<"'\]]""", self._text):
            return False
        self.not_applicable()
        return True

    def not_applicable(self, count: int = 1) -> None:
        self._tally.not_applicable += count

    def add(self, about: str, expected: Any, actual: Any, *, holds: bool) -> None:
        self._tally.claims.append(claim(self._name, about, expected=expected, actual=actual, holds=holds))

    def has(self, text: str) -> bool:
        return text in self._text

    def feed(self, field: str, expected: Any) -> None:
        actual = None if isinstance(self.parsed, Failed) else _value(self.parsed, field)
        self.add(field, expected, self._actual(actual), holds=_same(field, actual, expected, base=URL))

    def entries(self, count: int) -> None:
        actual = None if isinstance(self.parsed, Failed) else len(self.parsed.entries)
        self.add("entries", count, self._actual(actual), holds=actual == count)

    def entry(self, number: int, field: str, expected: Any) -> None:
        entry = entry_of(self.parsed, number)
        actual = None if entry is None else _value(entry, field)
        if entry is not None and field in ("published", "updated") and not same_date(actual, expected):
            # Suites disagree about the names of two dates; an article's date is either of them.
            actual = entry.published or entry.updated
        if field == "language" and not isinstance(self.parsed, Failed):
            actual = actual or self.parsed.language  # an inherited language is stored once, at the feed
        if field == "text":
            actual = None if entry is None else _longest(entry, expected)
        holds = _same(field, actual, expected, base=base_of(entry, URL))
        self.add(f"entries[{number}].{field}", expected, self._actual(actual), holds=holds)

    def _actual(self, actual: Any) -> Any:
        return self.parsed.detail if isinstance(self.parsed, Failed) else actual


def _value(parsed: Any, field: str) -> Any:
    if field == "text":
        return None
    return parsed.hints.ttl if field == "ttl" else getattr(parsed, field)


def _longest(entry: Entry, expected: Any) -> str | None:
    """Return the text that equals ``expected``, or else the summary: suites disagree about summary and content."""
    texts = [entry.summary, entry.content]
    return next(
        (text for text in texts if same_text(text, str(expected), base=base_of(entry, URL))), texts[0]
    )


def _same(field: str, actual: Any, expected: Any, *, base: str) -> bool:
    match field:
        case "published" | "updated":
            return same_date(actual, expected)
        case "link" | "self_url" | "image" | "source_url":
            return same_address(actual, expected, base=base)
        case "title" | "source_title":
            return same_text(actual, expected, base=base) or same_plain(actual, expected)
        case "summary" | "content" | "text":
            return same_text(actual, expected, base=base)
        case "authors":
            return _named(expected) <= _named(actual or ())
        case "categories":
            return {markup.single_line(category) for category in expected} <= {
                markup.single_line(category) for category in actual or ()
            }
    return (actual or "").lower() == str(expected).strip().lower()


def _named(names: Sequence[str]) -> set[str]:
    return {" ".join(without_address(str(name)).split()) for name in names if str(name).strip()}


def _claims(case: Case, golden: Golden, fields: Mapping[str, str], add: Callable[[str, Any], None]) -> None:
    """Add a claim for each value of ``golden`` that ``fields`` maps to a field of ours; count the others."""
    for name, value in golden.items():
        if value in (None, "", [], {}):
            continue
        if name in fields:
            add(fields[name], value)
        else:
            case.not_applicable()


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
    """Run gofeed's suite: its parsers' JSON has the names of the format, its translator's those of gofeed."""
    tally = Tally()
    root = folder / "A_gofeed" / "testdata"
    for path in files(root, "*.json"):
        document = _document_of(path)
        if document is None:
            continue
        golden = json.loads(path.read_bytes())
        case = Case(tally, str(path.relative_to(root)), document.read_bytes())
        if "extensions" in path.parts:
            case.not_applicable(len(golden))
            golden = {name: value for name, value in golden.items() if name in ("items", "entries")}
        if "/json/" in case_name(path, root) and "parser" in path.parts:
            _json_feed(case, golden)
            continue
        items = golden.pop("items", None) or golden.pop("entries", None) or []
        _claims(case, golden, _GOFEED_FEED, case.feed)
        if items:
            case.entries(len(items))
        for number, item in enumerate(items):
            _gofeed_entry(case, number, item)
    return tally


def case_name(path: Path, root: Path) -> str:
    return f"/{path.relative_to(root)}"


def _document_of(path: Path) -> Path | None:
    """Return the document whose JSON this is; None if the JSON is a document itself."""
    if path.stem.endswith("_expected"):
        return path.with_name(f"{path.stem.removesuffix('_expected')}.json") if _there(path) else None
    document = path.with_suffix(".xml")
    return document if document.is_file() else None


def _there(path: Path) -> bool:
    return path.with_name(f"{path.stem.removesuffix('_expected')}.json").is_file()


def _gofeed_entry(case: Case, number: int, item: Golden) -> None:
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
    names = [author.get("name") if isinstance(author, dict) else author for author in authors or ()]
    if any(names):
        case.entry(number, "authors", [name for name in names if name])
    elif authors:
        case.not_applicable()


def _categories(case: Case, number: int, categories: Any) -> None:
    """Claim the categories by one name each: the label, where there is one."""
    names = [
        (category.get("label") or category.get("term") or category.get("value"))
        if isinstance(category, dict)
        else category
        for category in categories or ()
    ]
    if any(names):
        case.entry(number, "categories", [name for name in names if name])


def _json_feed(case: Case, golden: Golden) -> None:
    feed = {"title": "title", "home_page_url": "link", "feed_url": "self_url", "language": "language"}
    items = golden.get("items") or []
    _claims(case, {name: value for name, value in golden.items() if name != "items"}, feed, case.feed)
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
                candidate
                for candidate in (path.with_name(f"{name}.xml"), path.with_name(f"{name}.json"))
                if candidate.is_file()
            ),
            None,
        )
        if document is None:
            continue
        golden = json.loads(path.read_bytes())
        case = Case(tally, str(document.relative_to(root)), document.read_bytes())
        for field in ("title", "language", "ttl"):
            if golden.get(field):
                case.feed(field, _content(golden[field]))
        case.not_applicable(
            sum(
                bool(value)
                for name, value in golden.items()
                if name not in ("title", "language", "ttl", "entries")
            )
        )
        case.entries(len(golden["entries"]))
        for number, entry in enumerate(golden["entries"]):
            _feed_rs_entry(case, number, entry)
    return tally


def _content(value: Any) -> Any:
    return value.get("content") if isinstance(value, dict) else value


def _feed_rs_entry(case: Case, number: int, golden: Golden) -> None:
    # feed-rs generates an id where an entry has none.
    if golden.get("id") and not case.is_default(golden["id"]):
        case.entry(number, "guid", golden["id"])
    for field in ("title", "summary", "published", "updated", "language"):
        value = _content(golden.get(field))
        if value:
            case.entry(number, field, value)
    body = (golden.get("content") or {}).get("body")
    if body:
        case.entry(number, "text", body)
    links = [link for link in golden.get("links") or () if link.get("rel") in (None, "alternate")]
    if links:
        case.entry(number, "link", links[0]["href"])
    # feed-rs gives every RSS author the name "author".
    authors_of(
        case, number, [author for author in golden.get("authors") or () if author.get("name") != "author"]
    )
    _categories(case, number, golden.get("categories"))
    case.not_applicable(
        sum(bool(golden.get(name)) for name in ("contributors", "source", "rights", "media", "base"))
    )


# podcastparser --------------------------------------------------------------------------------------------------------


def podcastparser(folder: Path) -> Tally:
    """Run podcastparser's suite. Its JSON lists only the entries with audio or video."""
    tally = Tally()
    root = folder / "A_podcastparser" / "tests" / "data"
    for path in files(root, "*.rss"):
        beside = path.with_suffix(".json")
        if not beside.is_file():
            continue
        golden = json.loads(beside.read_bytes())
        case = Case(tally, path.name, path.read_bytes())
        for field in ("title", "link", "language"):
            if golden.get(field) and not case.is_default(golden[field]):
                case.feed(field, golden[field])
        case.not_applicable(
            sum(
                bool(value)
                for name, value in golden.items()
                if name not in ("title", "link", "language", "episodes")
            )
        )
        for episode in golden.get("episodes") or ():
            _episode(case, episode)
    return tally


def _episode(case: Case, golden: Golden) -> None:
    entries = () if isinstance(case.parsed, Failed) else case.parsed.entries
    number = next(
        (at for at, entry in enumerate(entries) if golden.get("guid") and entry.guid == golden["guid"]), None
    )
    if number is None:
        number = next(
            (at for at, entry in enumerate(entries) if same_plain(entry.title, golden.get("title"))), 0
        )
    # The link of an episode without one is that of its enclosure, which is not stored.
    sounds = [enclosure.get("url") for enclosure in golden.get("enclosures") or ()]
    sounds += [] if case.has("<link") else [golden.get("link")]
    for field in ("title", "link"):
        if golden.get(field) and golden[field] not in sounds and not case.is_default(golden[field]):
            case.entry(number, field, golden[field])
    if golden.get("published"):
        case.entry(number, "published", datetime.fromtimestamp(golden["published"], UTC).isoformat())
    if golden.get("description_html"):
        case.entry(number, "text", golden["description_html"])
    case.not_applicable(
        sum(bool(golden.get(name)) for name in ("enclosures", "total_time", "chapters", "payment_url"))
    )
