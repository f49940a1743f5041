"""Refuse documents that are made to exhaust the parser, before anything parses them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final
from xml.parsers import expat

MAX_DEPTH: Final = 1_000
"""Nested elements. No feed nests a hundred; 100,000 cost feedparser 3.4 s (measured)."""
MAX_ATTRIBUTES: Final = 1_000
"""Attributes of one tag. feedparser takes quadratic time: 8,000 cost 1.3 s, 50,000 cost 40 s (measured)."""

_FIRST_ELEMENT: Final = re.compile(rb"<\w")
_ENTITY: Final = re.compile(rb"<!ENTITY\s+([^>]{0,300})", re.IGNORECASE)
_HARMLESS_ENTITY: Final = re.compile(
    rb"""%\s*[\w.-]+\s+(?:PUBLIC|SYSTEM)\s|[\w.-]+\s+(?:"(?:&\#\w{1,8};|[^&"]){0,64}"|'(?:&\#\w{1,8};|[^&']){0,64}')""",
    re.IGNORECASE,
)
_MAX_ENTITIES: Final = 512
_PIECE: Final = 4_096
_LONG_TAG: Final = 5_000
"""A tag of fewer bytes cannot have more than :data:`MAX_ATTRIBUTES` attributes."""
_TAG: Final = re.compile(rb"<[A-Za-z][^<>]*")
_ATTRIBUTE: Final = re.compile(rb"""\s[\w:.-]+\s*=\s*["']""")


class _DepthExceeded(Exception):
    """Stops expat: the rest of the document cannot change the result."""


def refusal(body: bytes) -> str | None:
    """The reason to refuse a document unparsed; None if it is within the bounds."""
    first = _FIRST_ELEMENT.search(body)
    head = body[: first.start()] if first else body[:100_000]
    if b"<!ENTITY" in head or b"<!entity" in head:
        for count, declaration in enumerate(_ENTITY.finditer(head), 1):
            if count > _MAX_ENTITIES or not _HARMLESS_ENTITY.match(declaration[1]):
                return (
                    "the document declares entities that we do not expand: nested, external, long or too many"
                )
    for tag in _long_tags(body):
        if sum(1 for _ in _ATTRIBUTE.finditer(tag)) > MAX_ATTRIBUTES:
            return f"a tag has more than {MAX_ATTRIBUTES} attributes"
    if _is_deep(body):
        return f"more than {MAX_DEPTH} elements in each other"
    return None


def _long_tags(body: bytes) -> Iterator[bytes]:
    """Tags of :data:`_LONG_TAG` bytes and more. Two ``<`` that are closer than that have no long tag between them."""
    start = body.find(b"<")
    while start >= 0:
        after = body.rfind(b"<", start + 1, start + 1 + _LONG_TAG)
        if after < 0:
            tag = _TAG.match(body, start)
            if tag is not None and len(tag[0]) >= _LONG_TAG:
                yield tag[0]
            after = body.find(b"<", start + 1)
        start = after


def _is_deep(body: bytes) -> bool:
    """Whether elements are nested deeper than :data:`MAX_DEPTH`.

    Counting tags, a piece at a time, rules that out for nearly every document. Only where counting does not (unclosed
    markup in CDATA) expat parses the document.
    """
    return _may_be_deep(body, exact=False) and _may_be_deep(body, exact=True) and _is_deep_by_expat(body)


def _may_be_deep(body: bytes, *, exact: bool) -> bool:
    """``exact`` leaves out comments, instructions and self-closing tags, which takes twice as long."""
    opened = 0
    for start in range(0, len(body), _PIECE):
        piece = body[start : start + _PIECE]
        opened += piece.count(b"<") - 2 * piece.count(b"</")
        if exact:
            opened -= piece.count(b"/>") + piece.count(b"<!") + piece.count(b"<?")
        if opened > MAX_DEPTH:
            return True
    return False


def _is_deep_by_expat(body: bytes) -> bool:
    depth = 0

    def start(name: str, attributes: Mapping[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > MAX_DEPTH:
            raise _DepthExceeded

    def end(name: str) -> None:
        nonlocal depth
        depth -= 1

    parser = expat.ParserCreate()
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    try:
        parser.Parse(body, True)
    except _DepthExceeded:
        return True
    except expat.ExpatError:  # feedparser reads the rest loosely, without nesting
        return False
    return False
