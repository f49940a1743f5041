"""Values in feedparser's form: texts, content types, addresses in attributes."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Final
from xml.etree import ElementTree as ET

from ingest.parse.namespaces import NeedsFeedparser

Attributes = dict[str, str]
NO_ATTRIBUTES: Final[Attributes] = {}
HTML_TYPES: Final = frozenset({"html", "text/html", "xhtml", "application/xhtml+xml"})
QUERY: Final = re.compile("&([A-Za-z0-9_]+);")
"""Parameters of an address that feedparser takes for an entity, and restores."""
_C1_LEAD: Final = b"\xc2"
_C1: Final = re.compile("[\x80-\x9f]")
_CP1252: Final = {
    code: bytes([code]).decode("cp1252")
    for code in range(0x80, 0xA0)
    if code not in (0x81, 0x8D, 0x8F, 0x90, 0x9D)
}
_TYPES: Final = {
    "text": "text/plain",
    "plain": "text/plain",
    "text/plain": "text/plain",
    "html": "text/html",
    "text/html": "text/html",
}


def text_of(element: ET.Element) -> str:
    if len(element):
        raise NeedsFeedparser
    text = element.text
    return text.strip() if text else ""


def fixed(text: str) -> str:
    """Repair UTF-8 that was decoded as Latin-1, and control characters that are windows-1252."""
    if text.isascii():
        return text
    with suppress(UnicodeError):
        text = text.encode("latin-1").decode("utf-8")
    if _C1_LEAD in text.encode("utf-8", "surrogatepass") and _C1.search(text):
        return text.translate(_CP1252)
    return text


def content_type(attributes: Attributes, default: str) -> str:
    if not attributes:
        return default
    kind = _TYPES.get(attributes.get("type", default))
    if kind is None or attributes.get("mode") == "base64":
        raise NeedsFeedparser
    return kind


def with_href(attributes: Attributes) -> Attributes:
    href = attributes.get("url", attributes.get("uri", attributes.get("href")))
    if href:
        attributes.pop("url", None)
        attributes.pop("uri", None)
        attributes["href"] = href
    return attributes
