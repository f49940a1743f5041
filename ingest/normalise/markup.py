"""HTML → safe HTML, and safe HTML → plain text in paragraphs. The only module that imports nh3.

nh3 parses (an HTML5 parser in Rust, 0.03 ms for an entry). Its output is well-formed and has allowed tags only, so
a few regular expressions make plain text of it. Plain text is in Unicode normalisation form C; HTML stays as it is.
"""

from __future__ import annotations

import html
import re
from functools import lru_cache
from typing import Final, Literal
from unicodedata import is_normalized, normalize

import nh3

MAX_HTML_CHARACTERS: Final = 2_000_000
"""Characters of one entry's HTML; the rest is cut off before parsing."""
MAX_NESTED_PAIRS: Final = 5
"""Depth of tags in a title."""
GROWTH: Final = 3
GROWTH_CHARACTERS: Final = 64_000
"""Making addresses absolute may lengthen HTML to ``GROWTH`` times its size plus ``GROWTH_CHARACTERS``."""

_BLOCKS: Final = frozenset(
    """
    address article aside blockquote br caption center dd details div dl dt figcaption figure footer h1 h2 h3 h4 h5
    h6 header hr li main nav ol p pre section summary table tbody tfoot thead tr ul
    """.split()  # noqa: SIM905
)
_INLINE: Final = frozenset(
    """
    a abbr b bdi bdo cite code col colgroup del dfn em i img ins kbd mark q rp rt ruby s samp small
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
# Block elements that are not allowed. nh3 would remove their tags and join the last word before with the first behind.
_OTHER_BLOCKS: Final = (
    "audio|canvas|dialog|dir|fieldset|form|hgroup|layer|legend|listing|menu|multicol|noframes|o:p|optgroup|option"
    "|plaintext|search|video|xmp"
)
# Other documents and programs. They stand within a line, or have no place in an article, and only separate words.
_EMBEDDED: Final = "frame|frameset|iframe|object"
_CUSTOM: Final = r"[a-z][a-z0-9_.]{0,40}-[\w.-]{1,60}"
"""The name of a custom element (HTML Standard, 4.13.3): it has a hyphen."""
_UNKNOWN_START: Final = re.compile(
    rf"<(/?)(?:({_EMBEDDED})|{_OTHER_BLOCKS}|{_CUSTOM})(?=[\s/>])", re.IGNORECASE
)
_EMPTY_ELEMENT: Final = re.compile(
    rf"<({_EMBEDDED}|{_OTHER_BLOCKS}|{_CUSTOM})(?:\s[^<>]{{0,2000}})?>(?:\s|&nbsp;){{0,20}}</\1\s*>",
    re.IGNORECASE,
)
_CDATA_START: Final = "<![CDATA["
_CDATA_END: Final = "]]>"

# For the output of nh3. There are two, because an expression with a fixed beginning is ten times faster to search.
_NOT_ABSOLUTE: Final = re.compile(r'="(?!https?://|mailto:)')
_ADDRESS_ATTRIBUTE: Final = re.compile(r"\b(?:href|src|cite)\Z")
# nh3 leaves a text without any of these characters unchanged: it has no tag and no reference.
_MAY_BE_HTML: Final = re.compile("[<>&\0\r\xa0\ufeff\ud800-\udfff]")
_MARKUP: Final = re.compile(r"<[A-Za-z/!?][^<>]*>")
# In a line of text: elements that are always markup, whether closed or not; and pairs of tags.
_VOID: Final = re.compile(r"<(?:br|hr|wbr|img)(?:\s[^<>]*)?/?>|</?br\s*/?>", re.IGNORECASE)
_JOINING: Final = re.compile(r"<wbr\b", re.IGNORECASE)
_PAIR: Final = re.compile(
    r"<(a|abbr|acronym|b|big|cite|code|div|em|font|h[1-6]|i|mark|p|q|s|small|span|strike|strong|sub|sup|tt|u)"
    r"(?:\s[^<>]*)?>([^<>]*)</\1\s*>",
    re.IGNORECASE,
)
_OPENING: Final = re.compile(
    r"\s*<(?:p|div|span|h[1-6]|font|center)(?:\s[^<>]*)?>(?=[^<>]*\Z)", re.IGNORECASE
)
_CLOSING: Final = re.compile(r"(?<!<)</(?:p|div|span|h[1-6]|font|center)\s*>\s*\Z", re.IGNORECASE)
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
    safe = _cleaner("pass_through").clean(_with_known_elements(markup) if "<" in markup else markup)
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


def _with_known_elements(markup: str) -> str:
    """``markup`` without CDATA marks, and with ``div`` in place of blocks that the sanitiser does not know.

    A space and ``embed``, which the sanitiser removes, take the place of embedded elements. ``embed`` has no content,
    so an element that is never closed holds nothing of the text behind it.

    HTML has no CDATA sections: a parser takes the mark for a comment, which ends at the first ``>`` of the text.
    """
    if _CDATA_START in markup:
        markup = markup.replace(_CDATA_START, "").replace(_CDATA_END, "")
    if _UNKNOWN_START.search(markup) is None:
        return markup
    return _UNKNOWN_START.sub(_known_start, _EMPTY_ELEMENT.sub(" ", markup))


def _known_start(tag: re.Match[str]) -> str:
    return f" <{tag[1]}embed" if tag[2] else f"<{tag[1]}div"


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
        if text.startswith(_CDATA_START):
            text = text.replace(_CDATA_START, "").replace(_CDATA_END, "")
    lines = [" ".join(line.split()) for line in storable(text).split("\n")]
    return "\n".join([line for line in lines if line])


def single_line(markup: str) -> str:
    """One line of plain text, for titles and names, where a ``<`` that opens no tag is a character.

    Feeds declare HTML as plain text, and escape HTML twice: void elements, pairs of tags and CDATA marks are removed
    from plain text too.
    """
    if _MARKUP.search(markup):
        text = plain_text(sanitise(markup, base="https://invalid.invalid/"))
    else:
        text = storable(html.unescape(markup) if "&" in markup else markup)
    if "<" in text:
        text = _without_escaped_tags(text)
    return " ".join(text.split())


def _without_escaped_tags(text: str) -> str:
    if text.lstrip().startswith(_CDATA_START):
        text = text.replace(_CDATA_START, "").replace(_CDATA_END, "")
        return single_line(text)
    text = _VOID.sub(lambda tag: "" if _JOINING.match(tag[0]) else " ", text)
    for _ in range(MAX_NESTED_PAIRS):
        shorter = _PAIR.sub(r"\2", text)
        if shorter == text:
            break
        text = shorter
    text = _CLOSING.sub("", _OPENING.sub("", text))
    return html.unescape(text) if "&" in text else text


def storable(text: str) -> str:
    """``text`` in normalisation form C, without control characters and invisible ones that only separate words."""
    if text.isascii() and text.isprintable():
        return text
    text = _UNWANTED.sub("", text)
    return text if text.isascii() or is_normalized("NFC", text) else normalize("NFC", text)
