"""HTML → safe HTML, and safe HTML → plain text in paragraphs. The only module that knows nh3.

nh3 does the reading (an HTML5 parser in Rust, 0.03 ms for an entry); what comes out of it is well-formed and
has known tags only, so plain text can be had from it with a few expressions.
"""

from __future__ import annotations

import html
import re
from functools import lru_cache
from typing import Final, Literal

import nh3

MAX_HTML_CHARACTERS: Final = 2_000_000
"""Of one entry; the rest is cut off before it is read."""
GROWTH: Final = 3
GROWTH_CHARACTERS: Final = 64_000
"""HTML may grow so many times, and so much more, by making its addresses absolute."""

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
# Their content is no text of the article.
_DROPPED: Final = frozenset("script style template noscript svg math select textarea button".split())  # noqa: SIM905
_SCHEMES: Final = frozenset({"http", "https", "mailto"})

# In what nh3 wrote. Two expressions: one that begins with a fixed text is searched for ten times faster.
_NOT_ABSOLUTE: Final = re.compile(r'="(?!https?://|mailto:)')
_OF_AN_ADDRESS: Final = re.compile(r"\b(?:href|src|cite)\Z")
# In a text without any of these nh3 finds nothing to change: it opens no tag, is no reference, and is written as it is.
_READ_AS_HTML: Final = re.compile("[<>&\0\r\xa0\ufeff\ud800-\udfff]")
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
    """Safe HTML: known tags, no scripts or styles, links absolute against ``base`` or gone."""
    markup = markup[:MAX_HTML_CHARACTERS]
    if not _READ_AS_HTML.search(markup):
        return markup
    safe = _cleaner("pass_through").clean(markup)
    # A cleaner for each base is only made where there is something to resolve.
    relative = 0
    for found in _NOT_ABSOLUTE.finditer(safe):
        at = found.start()
        relative += _OF_AN_ADDRESS.search(safe, max(0, at - 5), at) is not None
    if not relative:
        return safe
    # A long base before many short links makes megabytes of kilobytes: nobody means that.
    if relative * len(base) > GROWTH * len(safe) + GROWTH_CHARACTERS:
        return _cleaner("deny").clean(safe)
    try:
        return _cleaner(("rewrite_with_base", base)).clean(safe)
    except ValueError:  # a base that the WHATWG URL rules refuse
        return _cleaner("deny").clean(safe)


def plain_text(safe: str) -> str:
    """The text of sanitised HTML, one line a paragraph, white space collapsed, empty lines gone.

    In a text without any tags blank lines part the paragraphs, or where there are none its line breaks.
    """
    if "<" in safe:
        text = _BREAK.sub("\n", " ".join(safe.split()))
        if "<t" in text or "</t" in text:
            text = _CELL.sub(" ", text)
        text = _TAG.sub("", text)
    else:
        paragraphs = _PARAGRAPH.split(safe)
        text = safe if len(paragraphs) == 1 else "\n".join([" ".join(each.split()) for each in paragraphs])
    if "&" in text:
        text = html.unescape(text)
    lines = [" ".join(line.split()) for line in _UNWANTED.sub("", text).split("\n")]
    return "\n".join([line for line in lines if line])


def single_line(markup: str) -> str:
    """One line of plain text: a title, a name. Here a ``<`` that opens no tag is a character."""
    if _MARKUP.search(markup):
        return " ".join(plain_text(sanitise(markup, base="https://invalid.invalid/")).split())
    text = html.unescape(markup) if "&" in markup else markup
    return " ".join(_UNWANTED.sub("", text).split())
