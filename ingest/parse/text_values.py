"""Values that all formats share: bounds, texts that can be stored, and dates in their many spellings."""

from __future__ import annotations

import html
import re
from datetime import UTC, datetime, timedelta
from typing import Final

SAMPLE_BYTES: Final = 2_048
"""Bytes of an unparsable document that are stored with its failure."""
MAX_HUBS: Final = 8
"""Hubs of one feed. Feeds with several have two or three, the best first."""
OLDEST: Final = datetime(1990, 1, 1, tzinfo=UTC)
"""No news feed is older: earlier dates come from clocks that were never set (docs/polling.md, case 72)."""
NEWEST: Final = datetime(2070, 1, 1, tzinfo=UTC)
"""Later years are of other calendars: Thailand's 2569 is 2026."""
LONGEST_DATE: Final = 100
"""Longest text that is read as a date, in characters."""

_UNWANTED: Final = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]"
)
_UNWANTED_BYTES: Final = re.compile(rb"\xc2[\x80-\x84\x86-\x9f]|\xef\xb7[\x90-\xaf]|\xef\xbf[\xbe\xbf]")
"""The non-ASCII characters of ``_UNWANTED``, in UTF-8."""
_CONTROLS_AND_DELETE: Final = bytes({*range(32), 0x7F} - set(b"\t\n\r"))
_BLOCKS: Final = "address|article|blockquote|center|div|dl|figure|h[1-6]|ol|p|pre|section|table|ul"
_INLINE: Final = "a|abbr|b|cite|em|font|i|small|span|strong|sub|sup|u"
_FIRST_TAG: Final = re.compile(rf"\s*<({_BLOCKS}|{_INLINE})(?:\s[^<>]*)?>", re.IGNORECASE)
_STRUCTURE: Final = re.compile(rf"</(?:{_BLOCKS})\s*>|<(?:br|hr)\s*/?>|<img\s[^<>]*\bsrc=", re.IGNORECASE)
_CODE: Final = re.compile(r"\n(?:    |\t)\s*<|<(?:html|head|body|script|\?php)\b", re.IGNORECASE)
"""Indented tags and whole documents: samples of code, which readers are to see."""
MIN_STRUCTURE: Final = 2
"""Line breaks and ends of paragraphs that make HTML of a text in its middle: prose about HTML has fewer."""
_LEAP: Final = re.compile(r"(?<=:\d\d):60(?!\d)")
_LONG_FRACTION: Final = re.compile(r"(?<=[.,]\d{6})\d+")


def optional(value: object) -> str | None:
    """A text without characters that cannot be stored; None for an empty text and for other types."""
    if not isinstance(value, str):
        return None
    if value.isascii() and value.isprintable():
        return value.strip() or None
    return text(value).strip() or None


def text(value: str) -> str:
    """``value`` without control characters, lone surrogates and non-characters."""
    if value.isascii() and value.isprintable():
        return value
    # The same test as the expression's, ten times faster: most texts have no such character.
    try:
        plain = value.encode()
    except UnicodeEncodeError:
        return _UNWANTED.sub("", value)
    if len(plain.translate(None, _CONTROLS_AND_DELETE)) == len(plain) and not (
        (b"\xc2" in plain or b"\xef" in plain) and _UNWANTED_BYTES.search(plain)
    ):
        return value
    return _UNWANTED.sub("", value)


def is_html(plain: str) -> bool:
    """Return whether a text that is declared as plain is HTML: its first tag is closed, or tags structure the text.

    Formulas (``a < b``), prose about a tag and samples of code are no HTML.
    """
    if "<" not in plain or _CODE.search(plain):
        return False
    if plain.lstrip().startswith("<![CDATA["):
        return True
    first = _FIRST_TAG.match(plain)
    if first is not None and f"</{first[1].lower()}" in plain[first.end() :].lower():
        return True
    return sum(1 for _ in _STRUCTURE.finditer(plain)) >= MIN_STRUCTURE


def as_html(plain: str) -> str:
    """Return a text that is declared as plain as HTML: with its ``<`` and ``&`` escaped, unless it is HTML."""
    return plain if is_html(plain) else html.escape(plain, quote=False)


def read_iso_date(raw: str | None) -> datetime | None:
    """A date of ISO 8601 in UTC; None where it is missing, of another form or implausible. Without a zone it is UTC."""
    date_text = (raw or "").strip()
    if not date_text or len(date_text) > LONGEST_DATE:
        return None
    leap = _LEAP.search(date_text) is not None
    try:
        date = datetime.fromisoformat(_LONG_FRACTION.sub("", _LEAP.sub(":59", date_text)))
        date = date.replace(tzinfo=UTC) if date.tzinfo is None else date.astimezone(UTC)
        date += timedelta(seconds=leap)
    except (ValueError, OverflowError):
        return None
    return date if OLDEST <= date < NEWEST else None
