"""OPML 2.0: lists of feeds, which feed readers exchange. Pure.

Expat reports the line of each outline. It also lets us refuse a document type before its entities are expanded: OPML
needs none, and entity bombs need one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from typing import Final
from xml.etree import ElementTree
from xml.parsers import expat

from ingest.errors import Refused

MAX_BYTES: Final = 64 * 1024**2
MAX_DEPTH: Final = 200
_NOT_XML: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
NAMESPACE: Final = "https://github.com/news-ingest/news-ingest"
USER_AGENT: Final = "ingest:userAgent"
"""An attribute that only we write; OPML 2.0 allows attributes in namespaces."""
ACCEPTED: Final = "an OPML file (see opml.org/spec2.opml) in well-formed XML"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outline:
    """One feed of the file, unchanged; its URL is not checked, and may be empty."""

    line: int
    url: str
    title: str | None
    user_agent: str | None = None
    """The feed's own user agent (:data:`USER_AGENT`); not checked."""


def read_opml(document: bytes, *, name: str) -> list[Outline]:
    """All outlines that name a feed, at any depth, in document order. Error messages contain ``name``.

    Raises:
        Refused: not OPML, not well-formed, with a document type, or beyond our bounds.
    """
    if len(document) > MAX_BYTES:
        raise Refused(name, f"{len(document)} bytes", f"{ACCEPTED} of at most {MAX_BYTES} bytes")
    outlines: list[Outline] = []
    depth = 0
    parser = expat.ParserCreate()

    def begin(tag: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth == 1 and tag.lower() != "opml":
            raise Refused(name, f"<{tag}> in line {parser.CurrentLineNumber}", ACCEPTED)
        if depth > MAX_DEPTH:
            raise Refused(
                f"{name}, line {parser.CurrentLineNumber}", f"{depth} levels", f"at most {MAX_DEPTH}"
            )
        if tag.lower() == "outline":
            values = {key.lower(): value.strip() for key, value in attributes.items()}
            if "xmlurl" in values or values.get("type", "").lower() in {"rss", "atom"}:
                title = values.get("title") or values.get("text") or None
                if title == values.get("xmlurl"):  # writers, we too, put the URL in place of an unknown title
                    title = None
                outlines.append(
                    Outline(
                        line=parser.CurrentLineNumber,
                        url=values.get("xmlurl", ""),
                        title=title,
                        user_agent=values.get(USER_AGENT.lower()) or None,
                    )
                )

    def end(_tag: str) -> None:
        nonlocal depth
        depth -= 1

    def refuse(doctype: str, *_: object) -> None:
        raise Refused(
            f"{name}, line {parser.CurrentLineNumber}", f"<!DOCTYPE {doctype}", f"{ACCEPTED}, without DOCTYPE"
        )

    parser.StartElementHandler = begin
    parser.EndElementHandler = end
    parser.StartDoctypeDeclHandler = refuse
    try:
        parser.Parse(document, True)
    except expat.ExpatError as error:
        raise Refused(name, f"line {error.lineno}: {expat.errors.messages[error.code]}", ACCEPTED) from None
    except (ValueError, LookupError) as error:
        raise Refused(name, str(error), ACCEPTED) from None
    return outlines


def write_opml(
    rows: Iterable[tuple[str, str | None]],
    *,
    title: str,
    now: datetime,
    user_agents: Mapping[str, str] | None = None,
) -> bytes:
    """A document with these feeds, each a URL and a title; ``user_agents`` has some feeds' own user agents, by URL."""
    user_agents = user_agents or {}
    root = ElementTree.Element("opml", version="2.0")
    if user_agents:
        root.set("xmlns:ingest", NAMESPACE)
    head = ElementTree.SubElement(root, "head")
    ElementTree.SubElement(head, "title").text = title
    ElementTree.SubElement(head, "dateCreated").text = format_datetime(now)
    body = ElementTree.SubElement(root, "body")
    for url, name in rows:
        shown = _NOT_XML.sub("", name or url)
        more = {USER_AGENT: user_agents[url]} if url in user_agents else {}
        ElementTree.SubElement(
            body, "outline", {"type": "rss", "text": shown, "title": shown, "xmlUrl": url, **more}
        )
    ElementTree.indent(root)
    document: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return document + b"\n"
