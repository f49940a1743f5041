"""Editions of the story as feed documents, in several dialects."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from email.utils import format_datetime
from typing import Final
from xml.sax.saxutils import escape

from ingest.demo.story import Edition, Outlet, Printed

NOTE: Final = "Fiction, written for the demo of news-ingest: the outlets, people and events are invented."
CONTENT_TYPES: Final[Mapping[str, str]] = {
    "rss": "application/rss+xml",
    "rss091": "text/xml",
    "rdf": "application/rdf+xml",
    "atom": "application/atom+xml",
}


def render(outlet: Outlet, edition: Edition, *, start: datetime) -> bytes:
    """Return an outlet's feed in its dialect and encoding; ``start`` is the begin of the story."""
    document = _DIALECTS[outlet.kind](outlet, edition, start)
    if outlet.behaviour == "malformed":
        document = _malformed(document)
    declaration = f'<?xml version="1.0" encoding="{outlet.encoding}"?>\n'
    return (declaration + document).encode(outlet.encoding, "xmlcharrefreplace")


def _malformed(document: str) -> str:
    """Return malformed XML like that of a template: bare ampersands, HTML tags, a missing end."""
    malformed = document.replace("&amp;", "&").replace("</description><content", "</description><br><content")
    return malformed.replace("</channel></rss>", "")


def _html(printed: Printed) -> str:
    return "".join(f"<p>{escape(paragraph)}</p>\n" for paragraph in printed.paragraphs)


def _rss(outlet: Outlet, edition: Edition, start: datetime) -> str:
    entries = "".join(
        f"<item><title>{escape(each.title)}</title><link>{each.url}</link>"
        f'<guid isPermaLink="true">{each.url}</guid>'
        f"<dc:creator>{escape(each.author or outlet.name)}</dc:creator>"
        f"<pubDate>{format_datetime(start + each.published)}</pubDate>"
        f"<description>{escape(each.paragraphs[0])}</description>"
        f"<content:encoded>{escape(_html(each))}</content:encoded></item>\n"
        for each in edition.printed
    )
    return (
        '<rss version="2.0" xmlns:dc="http://purl.org/dc/elements/1.1/" '
        'xmlns:content="http://purl.org/rss/1.0/modules/content/"><channel>'
        f"<title>{escape(outlet.name)}</title><link>{outlet.home}</link><description>{NOTE}</description>"
        f"<language>{outlet.language}</language>\n{entries}</channel></rss>\n"
    )


def _rss091(outlet: Outlet, edition: Edition, _start: datetime) -> str:
    entries = "".join(
        f"<item><title>{escape(each.title)}</title><link>{each.url}</link>"
        f"<description>{escape(_html(each))}</description></item>\n"
        for each in edition.printed
    )
    return (
        f'<rss version="0.91"><channel><title>{escape(outlet.name)}</title><link>{outlet.home}</link>'
        f"<description>{NOTE}</description><language>{outlet.language}</language>\n{entries}</channel></rss>\n"
    )


def _rdf(outlet: Outlet, edition: Edition, start: datetime) -> str:
    places = "".join(f'<rdf:li rdf:resource="{each.url}"/>' for each in edition.printed)
    entries = "".join(
        f'<item rdf:about="{each.url}"><title>{escape(each.title)}</title><link>{each.url}</link>'
        f"<dc:creator>{escape(each.author or outlet.name)}</dc:creator>"
        f"<dc:date>{(start + each.published).isoformat()}</dc:date>"
        f"<description>{escape(_html(each))}</description></item>\n"
        for each in edition.printed
    )
    return (
        '<rdf:RDF xmlns="http://purl.org/rss/1.0/" xmlns:dc="http://purl.org/dc/elements/1.1/" '
        'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        f'<channel rdf:about="{outlet.home}"><title>{escape(outlet.name)}</title><link>{outlet.home}</link>'
        f"<description>{NOTE}</description><dc:language>{outlet.language}</dc:language>"
        f"<items><rdf:Seq>{places}</rdf:Seq></items></channel>\n{entries}</rdf:RDF>\n"
    )


def _atom(outlet: Outlet, edition: Edition, start: datetime) -> str:
    entries = "".join(
        f'<entry><title>{escape(each.title)}</title><link href="{each.url}"/><id>{each.url}</id>'
        f"<author><name>{escape(each.author or outlet.name)}</name></author>"
        f"<published>{(start + each.published).isoformat()}</published>"
        f"<updated>{(start + each.changed).isoformat()}</updated>"
        f'<content type="html">{escape(_html(each))}</content></entry>\n'
        for each in edition.printed
    )
    return (
        f'<feed xmlns="http://www.w3.org/2005/Atom" xml:lang="{outlet.language}">'
        f'<title>{escape(outlet.name)}</title><subtitle>{NOTE}</subtitle><link href="{outlet.home}"/>'
        f"<id>{outlet.home}</id><updated>{(start + edition.at).isoformat()}</updated>\n{entries}</feed>\n"
    )


_DIALECTS: Final[Mapping[str, Callable[[Outlet, Edition, datetime], str]]] = {
    "rss": _rss,
    "rss091": _rss091,
    "rdf": _rdf,
    "atom": _atom,
}
