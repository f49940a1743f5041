"""What we take of feedparser, the reference for what a feed says. The only module that knows it.

:func:`read` is the reference itself; the rest are its smaller decisions (dates, addresses, what looks like
HTML, who an author is), so that :mod:`ingest.parse.fastpath` decides the same without deciding anew.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from time import struct_time
from types import SimpleNamespace
from typing import Any, Final

import feedparser
from feedparser.api import StrictFeedParser as _Strict
from feedparser.datetimes import _parse_date
from feedparser.datetimes.hungarian import _parse_date_hungarian
from feedparser.datetimes.korean import _parse_date_nate, _parse_date_onblog
from feedparser.urls import _urljoin, make_safe_absolute_uri

_strict: Final[Any] = _Strict

read: Final[Callable[..., Any]] = feedparser.parse  # type: ignore[attr-defined]
parse_date: Final[Callable[[str], struct_time | None]] = _parse_date
join: Final[Callable[[str, str], str]] = _urljoin
"""An address by its base; without a base only its superfluous slashes go."""
safe_base: Final[Callable[[str, str], str]] = make_safe_absolute_uri
looks_like_html: Final[Callable[[str], bool]] = _strict.looks_like_html

NAMESPACES: Final[Mapping[str, str]] = {
    uri.lower(): prefix.lower() for uri, prefix in _strict.namespaces.items()
}
"""The namespaces it knows, in lower case, and the prefix under which it knows them."""

HANDLED: Final = frozenset(
    name.removeprefix("_start_").removeprefix("_end_").lower()
    for name in dir(_strict)
    if name.startswith(("_start_", "_end_"))
)
"""The elements that mean something to it; of all others it keeps the text."""


_LOCAL_DATES: Final[tuple[Callable[[str], struct_time | None], ...]] = (
    _parse_date_hungarian,
    _parse_date_nate,
    _parse_date_onblog,
)


def parse_local_date(text: str) -> struct_time | None:
    """A date that begins with its year and goes on in Hungarian or Korean.

    :data:`parse_date` has the same readers, and asks them last: one that reads any year at the beginning, and takes
    from today what it finds no more of, comes first.
    """
    for parse in _LOCAL_DATES:
        with suppress(KeyError, OverflowError, ValueError, AttributeError):
            found = parse(text)
            if found is not None:
                return found
    return None


def name_author(context: dict[str, Any]) -> None:
    """Bring ``author`` and the last of ``authors`` in line: a text becomes name and address, and the reverse."""
    _strict._sync_author_detail(SimpleNamespace(_get_context=lambda: context))  # noqa: SLF001


def is_about_encoding(error: object) -> bool:
    """Whether a document is called broken for its encoding alone, which is read all the same."""
    return isinstance(
        error,
        (
            feedparser.CharacterEncodingOverride,
            feedparser.CharacterEncodingUnknown,
            feedparser.NonXMLContentType,
        ),
    )
