"""The parts of feedparser, the reference for a feed's values, that we use. The only module that imports it.

:func:`read` is the whole parser. The rest are its smaller decisions (addresses, HTML detection, authors), so
that :mod:`ingest.parse.fastpath` shares them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any, Final

import feedparser
from feedparser.api import StrictFeedParser as _Strict
from feedparser.datetimes import _date_handlers
from feedparser.urls import _urljoin, make_safe_absolute_uri

_strict: Final[Any] = _Strict

join: Final[Callable[[str, str], str]] = _urljoin
"""Resolve an address against its base; without a base only superfluous slashes are removed."""
safe_base: Final[Callable[[str, str], str]] = make_safe_absolute_uri
looks_like_html: Final[Callable[[str], bool]] = _strict.looks_like_html

NAMESPACES: Final[Mapping[str, str]] = {
    uri.lower(): prefix.lower() for uri, prefix in _strict.namespaces.items()
}
"""The namespaces that feedparser supports, in lower case, with its prefix for each."""

HANDLED: Final = frozenset(
    name.removeprefix("_start_").removeprefix("_end_").lower()
    for name in dir(_strict)
    if name.startswith(("_start_", "_end_"))
)
"""The elements that feedparser interprets; it stores the text of all others."""


def read(source: object, **options: object) -> Any:
    """feedparser's result for a document, with dates as texts: :mod:`ingest.dates` reads them.

    Its own date readers are off meanwhile. They ignore zones that they do not know, and some texts make them raise an
    error, after which feedparser fails on the whole document. Not thread-safe.
    """
    parse: Callable[..., Any] = feedparser.parse  # type: ignore[attr-defined]
    readers = list(_date_handlers)
    _date_handlers.clear()
    try:
        return parse(source, **options)
    finally:
        _date_handlers.extend(readers)


def name_author(context: dict[str, Any]) -> None:
    """Synchronise ``author`` with the last of ``authors``: a text becomes name and mailbox, and the reverse."""
    _strict._sync_author_detail(SimpleNamespace(_get_context=lambda: context))  # noqa: SLF001


def is_about_encoding(error: object) -> bool:
    """Whether feedparser reports only the document's encoding, which does not keep it from parsing."""
    return isinstance(
        error,
        (
            feedparser.CharacterEncodingOverride,
            feedparser.CharacterEncodingUnknown,
            feedparser.NonXMLContentType,
        ),
    )
