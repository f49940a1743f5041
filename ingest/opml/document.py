"""OPML documents: read strictly, else row by row; and written."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from typing import Final
from xml.etree import ElementTree
from xml.parsers import expat

from ingest.errors import Refused
from ingest.opml.recovery import recover_rows
from ingest.opml.rows import USER_AGENT, Damage, Outline, Rows

MAX_BYTES: Final = 64 * 1024**2
_NOT_XML: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
NAMESPACE: Final = "https://github.com/news-ingest/news-ingest"
ACCEPTED: Final = "an OPML file (see opml.org/spec2.opml)"
WITHOUT_ENTITIES: Final = f"{ACCEPTED}, without entity declarations"


@dataclass(frozen=True, slots=True, kw_only=True)
class Opml:
    """The rows of a document in their order."""

    outlines: tuple[Outline, ...]
    damaged: tuple[Damage, ...] = ()
    """Rows that cannot be read."""
    error: str | None = None
    """Why the document is not well-formed XML; its rows were read one by one. None: it is well-formed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportRow:
    """One feed to write."""

    url: str
    title: str | None = None
    tags: tuple[str, ...] = ()
    user_agent: str | None = None


class _NotStrictError(Exception):
    """The document is not the XML that the strict parser reads; the message is for people."""


def read_opml(document: bytes, *, name: str) -> Opml:
    """Read all outlines that name a feed, at any depth. Error messages contain ``name``.

    A document that is not well-formed XML is read row by row.

    Raises:
        Refused: no OPML, with entity declarations, or too large.
    """
    if len(document) > MAX_BYTES:
        raise Refused(name, f"{len(document)} bytes", f"{ACCEPTED} of at most {MAX_BYTES} bytes")
    try:
        return Opml(outlines=tuple(_read_strictly(document)))
    except _NotStrictError as error:
        explanation = str(error)
    rows = recover_rows(document)
    if rows.declares_entities:
        raise Refused(name, "<!ENTITY", WITHOUT_ENTITIES)
    if not rows.is_opml:
        raise Refused(name, explanation, ACCEPTED)
    return Opml(outlines=tuple(rows.outlines), damaged=tuple(rows.damaged), error=explanation)


def _read_strictly(document: bytes) -> list[Outline]:
    """Read well-formed XML without a document type.

    Expat reports the line of each outline. With a document type, it would drop references to undeclared entities.

    Raises:
        _NotStrictError: any other document.
    """
    rows = Rows()
    depth = 0
    parser = expat.ParserCreate()

    def begin(tag: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth == 1 and tag.lower() != "opml":
            raise _NotStrictError(f"<{tag}> in line {parser.CurrentLineNumber}")
        if tag.lower() == "outline":
            rows.begin(attributes, line=parser.CurrentLineNumber)

    def end(tag: str) -> None:
        nonlocal depth
        depth -= 1
        if tag.lower() == "outline":
            rows.end()

    def stop(doctype: str, *_: object) -> None:
        raise _NotStrictError(f"<!DOCTYPE {doctype} in line {parser.CurrentLineNumber}")

    parser.StartElementHandler = begin
    parser.EndElementHandler = end
    parser.StartDoctypeDeclHandler = stop
    try:
        parser.Parse(document, True)
    except expat.ExpatError as error:
        raise _NotStrictError(f"line {error.lineno}: {expat.errors.messages[error.code]}") from None
    except (ValueError, LookupError) as error:
        raise _NotStrictError(str(error)) from None
    return rows.outlines


def write_opml(rows: Iterable[ExportRow], *, title: str, now: datetime) -> bytes:
    """Write a document with these feeds. A feed stands in the folder of each of its tags."""
    rows = list(rows)
    root = ElementTree.Element("opml", version="2.0")
    if any(row.user_agent is not None for row in rows):
        root.set("xmlns:ingest", NAMESPACE)
    head = ElementTree.SubElement(root, "head")
    ElementTree.SubElement(head, "title").text = title
    ElementTree.SubElement(head, "dateCreated").text = format_datetime(now)
    folders = {"": ElementTree.SubElement(root, "body")}
    for row in rows:
        shown = _NOT_XML.sub("", row.title or row.url)
        attributes = {"type": "rss", "text": shown, "title": shown, "xmlUrl": row.url}
        if row.user_agent is not None:
            attributes[USER_AGENT] = row.user_agent
        for tag in row.tags or ("",):
            ElementTree.SubElement(_folder(folders, tag), "outline", attributes)
    ElementTree.indent(root)
    document: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return document + b"\n"


def _folder(folders: dict[str, ElementTree.Element], tag: str) -> ElementTree.Element:
    """Return the element of this tag's folder; new folders are added to ``folders``, which has the body as ``""``."""
    path = ""
    element = folders[path]
    for name in tag.split("/") if tag else ():
        path = f"{path}/{name}" if path else name
        if path not in folders:
            shown = _NOT_XML.sub("", name)
            folders[path] = ElementTree.SubElement(element, "outline", {"text": shown, "title": shown})
        element = folders[path]
    return element
