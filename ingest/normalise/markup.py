"""HTML → safe HTML, and safe HTML → plain text in paragraphs. The only module that imports nh3.

nh3 parses (an HTML5 parser in Rust, 0.03 ms for an entry). Its output is well-formed and has allowed tags only, so
a few regular expressions make plain text of it.
"""

from __future__ import annotations

import html
import re
from functools import lru_cache
from typing import Final, Literal

import nh3

MAX_HTML_CHARACTERS: Final = 2_000_000
"""Characters of one entry's HTML; the rest is cut off before parsing."""
GROWTH: Final = 3
GROWTH_CHARACTERS: Final = 64_000
"""Making addresses absolute may lengthen HTML to ``GROWTH`` times its size plus ``GROWTH_CHARACTERS``."""

_BLOCKS: Final = frozenset(
    """
    address article aside blockquote br center dd details div dl dt figcaption figure footer h1 h2 h3 h4 h5 h6
    header hr li main nav ol p pre section summary table tbody tfoot thead tr ul
    """.split()  # noqa: SIM905
)
_INLINE: Final = frozenset(
    """
    a abbr b bdi bdo cite code caption col colgroup del dfn em i img ins kbd mark q rp rt ruby s samp small
    span strike strong sub sup td th time tt u var wbr
    """.split()  # noqa: SIM905
)
_ATTRIBUTES: Final = {
    "*": {"dir", "lang", "title"},
    "a": {"href", "hreflang"},
    "bdo": {"dir"},
    "blockquote": {"cite"},
    "del": {"cite", "datetime"},
    "img": {"alt", "height", "src", "width"},
    "ins": {"cite", "datetime"},
    "ol": {"start"},
    "q": {"cite"},
    "td": {"colspan", "rowspan"},
    "th": {"colspan", "rowspan"},
    "time": {"datetime"},
}
# The content of these elements is not text of the article.
_DROPPED: Final = frozenset("script style template noscript svg math select textarea button".split())  # noqa: SIM905
_SCHEMES: Final = frozenset({"http", "https", "mailto"})

# For the output of nh3. There are two, because an expression with a fixed beginning is ten times faster to search.
_NOT_ABSOLUTE: Final = re.compile(r'="(?!https?://|mailto:)')
_ADDRESS_ATTRIBUTE: Final = re.compile(r"\b(?:href|src|cite)\Z")
# nh3 leaves a text without any of these characters unchanged: it has no tag and no reference.
_MAY_BE_HTML: Final = re.compile("[<>&\0\r\xa0\ufeff\ud800-\udfff]")
_MARKUP: Final = re.compile(r"<[A-Za-z/!?][^<>]*>")
_BREAK: Final = re.compile(rf"</?(?:{'|'.join(sorted(_BLOCKS, key=len, reverse=True))})\b[^>]*>")
_CELL: Final = re.compile(r"</?t[dh]\b[^>]*>")
_TAG: Final = re.compile(r"<[^>]*>")
_PARAGRAPH: Final = re.compile(r"\n[ \t\r\f\v]*\n")
_UNWANTED: Final = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\xad\u200b\u2028\u2029\ufeff\ud800-\udfff\ufffe\uffff]"
)


_Relative = Literal["pass_through", "deny"] | tuple[Literal["rewrite_with_base"], str]


@lru_cache(maxsize=256)
def _cleaner(relative: _Relative) -> nh3.Cleaner:
    return nh3.Cleaner(
        tags=set(_BLOCKS | _INLINE),
        attributes={tag: set(names) for tag, names in _ATTRIBUTES.items()},
        clean_content_tags=set(_DROPPED),
        url_schemes=set(_SCHEMES),
        url_relative=relative,
    )


def sanitise(markup: str, *, base: str) -> str:
    """Safe HTML: allowed tags, no scripts or styles, links absolute against ``base`` or removed."""
    markup = markup[:MAX_HTML_CHARACTERS]
    if not _MAY_BE_HTML.search(markup):
        return markup
    safe = _cleaner("pass_through").clean(markup)
    # A cleaner for this base is only made if there are relative addresses.
    relative = 0
    for match in _NOT_ABSOLUTE.finditer(safe):
        at = match.start()
        relative += _ADDRESS_ATTRIBUTE.search(safe, max(0, at - 5), at) is not None
    if not relative:
        return safe
    # Prevents megabytes of output from kilobytes: a long base before many short links.
    if relative * len(base) > GROWTH * len(safe) + GROWTH_CHARACTERS:
        return _cleaner("deny").clean(safe)
    try:
        return _cleaner(("rewrite_with_base", base)).clean(safe)
    except ValueError:  # an invalid base by the WHATWG URL Standard
        return _cleaner("deny").clean(safe)


def plain_text(safe: str) -> str:
    """The text of sanitised HTML: one line per paragraph, white space collapsed, no empty lines.

    Without tags, blank lines separate the paragraphs; without blank lines, line breaks do.
    """
    if "<" in safe:
        text = _BREAK.sub("\n", " ".join(safe.split()))
        if "<t" in text or "</t" in text:
            text = _CELL.sub(" ", text)
        text = _TAG.sub("", text)
    else:
        paragraphs = _PARAGRAPH.split(safe)
        text = (
            safe
            if len(paragraphs) == 1
            else "\n".join([" ".join(paragraph.split()) for paragraph in paragraphs])
        )
    if "&" in text:
        text = html.unescape(text)
    lines = [" ".join(line.split()) for line in _UNWANTED.sub("", text).split("\n")]
    return "\n".join([line for line in lines if line])


def single_line(markup: str) -> str:
    """One line of plain text, for titles and names, where a ``<`` that opens no tag is a character."""
    if _MARKUP.search(markup):
        return " ".join(plain_text(sanitise(markup, base="https://invalid.invalid/")).split())
    text = html.unescape(markup) if "&" in markup else markup
    return " ".join(_UNWANTED.sub("", text).split())
