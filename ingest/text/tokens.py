"""Split text into tokens by rule, for topics, stories and search alike.

A token is one of

- a run of letters, digits and their combining marks (UAX #29 without its exceptions for apostrophes and dots, so that
  "Korea’s" has the token "korea", and "1,000" has two);
- one Han, Hiragana or Katakana character, or one Thai, Lao, Khmer or Myanmar letter with its marks. These scripts have
  no spaces between words, so a word is a sequence of tokens, and a search finds it as a phrase;
- an acronym with dots, written "u.s." whether the last dot is there or not;
- a letter followed by ``++`` or ``#``: C++, C#.

Hangul is a run of letters: an eojeol, which is a word with its particles. Callers that look inside an eojeol use
prefixes or bigrams (:func:`bigrams`).

Tokens are folded (:mod:`ingest.text.fold`), so equivalent spellings give equal tokens.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Final, NamedTuple

from ingest.text.characters import IDEOGRAPHIC, MARKS, UNSPACED
from ingest.text.fold import fold, folded_text

_LETTER: Final = f"[^\\W_{IDEOGRAPHIC}{UNSPACED}]"
_ACRONYM: Final = r"[^\W\d_](?:\.[^\W\d_])+(?![\w{0}])\.?".replace("{0}", MARKS)
_TOKEN: Final = re.compile(
    f"(?<![\\w{MARKS}])(?:{_ACRONYM}|[a-z](?:\\+\\+|#)(?![\\w+#]))"
    f"|[{IDEOGRAPHIC}][{MARKS}]*"
    f"|[{UNSPACED}][{MARKS}]*"
    f"|{_LETTER}(?:{_LETTER}|[{MARKS}])*"
)
# A search with a literal first character skips through a text ten times as fast as one for any of several.
_CAREFUL: Final = (re.compile(r"\.[A-Za-z](?![A-Za-z0-9])"), re.compile(r"\+\+"), re.compile("#"))
_OTHER: Final = re.compile(r"[^\x00-\x7f]+")
_CHUNK: Final = re.compile(r"\S+")
# No token spans white space, and most chunks between white space stood in an earlier text.
_REMEMBERED_CHUNKS: Final = 65_536
_REMEMBERED_LENGTH: Final = 48
_MOSTLY_ASCII: Final = 16
"""A text with fewer than one other character in so many is read around its chunks of other characters."""

TYPOGRAPHY: Final = "\u00a0‘’“”–—…£€•·«»"
"""Characters outside ASCII that belong to no token and fold to none."""
_ASCII: Final = {number: chr(number).lower() if chr(number).isalnum() else " " for number in range(128)}


class Token(NamedTuple):
    """A folded token, and its span in the original text in characters."""

    text: str
    start: int
    end: int


def tokenize(text: str) -> list[str]:
    """Return the folded tokens of ``text`` in their order.

    Text in ASCII and common typographic quotes takes one pass over a table and a split. Chunks between white space that
    need more care are remembered.
    """
    plain = text
    if not plain.isascii():
        for character in TYPOGRAPHY:
            plain = plain.replace(character, " ")
    hits = [hit.start() for expression in _CAREFUL for hit in expression.finditer(plain)]
    if not plain.isascii():
        others = [hit.start() for hit in _OTHER.finditer(plain)]
        if len(others) > len(plain) // _MOSTLY_ASCII:
            return _tokenize_by_chunk(plain)
        hits += others
    if not hits:
        return plain.translate(_ASCII).split()
    return _tokenize_around(plain, sorted(hits))


def _tokenize_by_chunk(text: str) -> list[str]:
    words: list[str] = []
    for chunk in text.split():
        words += _remembered(chunk) if len(chunk) <= _REMEMBERED_LENGTH else _tokens_of(chunk)
    return words


def _tokenize_around(text: str, hits: Sequence[int]) -> list[str]:
    """Tokenise a text that is ASCII but for the chunks at ``hits``."""
    words: list[str] = []
    done = 0
    for hit in hits:
        if hit < done:
            continue
        start = max(text.rfind(" ", done, hit) + 1, done)
        end = text.find(" ", hit)
        words += text[done:start].translate(_ASCII).split()
        done = len(text) if end < 0 else end
        words += _remembered(text[start:done])
    words += text[done:].translate(_ASCII).split()
    return words


def token_spans(text: str) -> Iterator[Token]:
    """Yield the tokens of ``text`` with their spans: the same tokens as :func:`tokenize`, in the same order."""
    for chunk in _CHUNK.finditer(text):
        at = chunk.start()
        folded = fold(chunk.group())
        for match in _TOKEN.finditer(folded.text):
            start, end = folded.original(*match.span())
            yield Token(_canonical(match.group()), at + start, at + end)


def _tokens_of(chunk: str) -> tuple[str, ...]:
    return tuple([_canonical(each) for each in _TOKEN.findall(folded_text(chunk))])


_remembered: Final = lru_cache(_REMEMBERED_CHUNKS)(_tokens_of)


def bigrams(token: str) -> Sequence[str]:
    """Return the overlapping pairs of characters of ``token``; a token of one character is its own only pair."""
    if len(token) < 2:
        return (token,)
    return tuple([token[at : at + 2] for at in range(len(token) - 1)])


def _canonical(token: str) -> str:
    """Return an acronym with its last dot; any other token as it is."""
    return f"{token}." if len(token) > 2 and token[1] == "." and token[-1] != "." else token
