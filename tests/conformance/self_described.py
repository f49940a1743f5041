"""Suites whose expectations are code in other languages: each document itself is the claim.

A reader of the standard library alone takes from each well-formed document the values that leave no room for
interpretation: the number of entries, and title, link, guid and date of each as written. Each of these values is a
claim.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, Final
from xml.etree import ElementTree as ET

from tests.conformance.claims import Suite, Tally, files
from tests.conformance.golden import Case, authors_of

FOLDERS: Final = {
    "feedjira": "A_feedjira",
    "netnewswire": "A_netnewswire",
    "node-feedparser": "A_node-feedparser",
    "newsboat": "A_newsboat",
    "rome": "A_rome",
    "rust-rss": "A_rust-rss",
    "feed-io": "A_feed-io",
    "feed-extractor": "A_extractus",
    "feedparser-rs": "A_feedparser-rs",
    "feedbin-refresher": "A_feedbin-refresher",
    "reader": "A_lemon24-reader",
    "rss-fetcher": "A_mediacloud-rss-fetcher",
}
_OURS: Final = re.compile(
    r"\{(?:http://www\.w3\.org/2005/Atom|http://purl\.org/atom/ns#|http://purl\.org/rss/1\.0/|"
    r"http://my\.netscape\.com/rdf/simple/0\.9/|http://channel\.netscape\.com/rdf/simple/0\.9/)\}|(?=[^{])"
)
_ROOTS: Final = frozenset({"rss", "feed", "RDF"})
_RFC2822: Final = re.compile(r"(?:\w{3}, )?\d{1,2} \w{3} \d{4} \d\d:\d\d:\d\d (?:GMT|[+-]\d{4})")
_RFC3339: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?(?:Z|[+-]\d\d:\d\d)")


def suites() -> dict[str, Suite]:
    return {name: partial(_run, suite_folder=folder) for name, folder in FOLDERS.items()}


def _run(folder: Path, *, suite_folder: str) -> Tally:
    tally = Tally()
    root = folder / suite_folder
    for path in files(root, "*.xml", "*.rss", "*.atom", "*.rdf", "*.json"):
        body = path.read_bytes()
        name = str(path.relative_to(root)).replace("Modules/RSParser/Tests/RSParserTests/Resources/", "")
        if path.suffix == ".json":
            _json(tally, name, body)
        else:
            _xml(tally, name, body)
    return tally


def _json(tally: Tally, name: str, body: bytes) -> None:
    try:
        document = json.loads(body)
    except ValueError:
        return
    if not isinstance(document, dict) or "jsonfeed.org/version" not in str(document.get("version")):
        return
    case = Case(tally, name, body)
    if isinstance(document.get("title"), str):
        case.feed("title", document["title"])
    items = [item for item in document.get("items") or () if isinstance(item, dict)]
    case.entries(len(items))
    fields = {
        "id": "guid",
        "url": "link",
        "title": "title",
        "content_html": "content",
        "date_published": "published",
    }
    for number, item in enumerate(items):
        for name, field in fields.items():
            if field == "published" and not _RFC3339.fullmatch(str(item.get(name))):
                continue
            if isinstance(item.get(name), str) and item[name].strip():
                case.entry(number, field, item[name])
        if isinstance(item.get("authors"), list):
            authors_of(case, number, item["authors"])


def _xml(tally: Tally, name: str, body: bytes) -> None:
    try:
        root = ET.fromstring(body)
    except (ET.ParseError, LookupError, ValueError):
        return
    if _local(root) not in _ROOTS:
        return
    elements = list(_entries(root))
    if any(
        _local(nested) == _local(element)
        for element in elements
        for nested in element.iter()
        if nested is not element
    ):
        return  # the meaning of an entry within an entry is undefined
    case = Case(tally, name, body)
    case.entries(len(elements))
    title = _only(root if _local(root) == "feed" else _child(root, "channel"), "title")
    if title:
        case.feed("title", title)
    for number, element in enumerate(elements):
        _entry(case, number, element)


def _entries(root: ET.Element) -> Iterator[ET.Element]:
    name = "entry" if _local(root) == "feed" else "item"
    for element in root.iter():
        if _local(element) == name:
            yield element


def _entry(case: Case, number: int, element: ET.Element) -> None:
    for name, field in (("title", "title"), ("guid", "guid"), ("id", "guid")):
        text = _only(element, name)
        if text:
            case.entry(number, field, text)
    for name in ("pubDate", "published"):
        date = _only(element, name)
        if date and (_RFC2822.fullmatch(date) or _RFC3339.fullmatch(date)):
            case.entry(number, "published", date)
    # The original link behind a redirecting one is the article's URL.
    if any(str(child.tag).endswith("}origLink") for child in element):
        case.not_applicable()
        return
    link = _only(element, "link")
    if link:
        case.entry(number, "link", link)
    links = [child for child in element if _local(child) == "link" and child.get("href")]
    alternates = [child.get("href") for child in links if child.get("rel", "alternate") == "alternate"]
    if len(alternates) == 1 and not case.has("xml:base"):
        case.entry(number, "link", alternates[0])


def _only(element: ET.Element | None, name: str) -> str | None:
    """Return the text of the only child of this name, if it has no markup."""
    children: list[ET.Element] = [] if element is None else list(element)
    matching = [child for child in children if _local(child) == name]
    if (
        len(matching) != 1
        or len(matching[0])
        or matching[0].get("type", "text") not in ("text", "html", "text/html")
    ):
        return None
    return (matching[0].text or "").strip() or None


def _child(element: ET.Element, name: str) -> ET.Element | None:
    return next((child for child in element if _local(child) == name), None)


def _local(element: ET.Element) -> str | None:
    """Return the name of an element of RSS or Atom; None for another vocabulary."""
    tag: Any = element.tag
    if not isinstance(tag, str):
        return None
    if tag.endswith("}RDF"):
        return "RDF"
    match = _OURS.match(tag)
    return tag[match.end() :] if match else None
