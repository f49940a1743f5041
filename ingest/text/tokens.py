"""Split text into tokens by rule, for topics, stories and search alike.

A token is one of

- a run of letters, digits and their combining marks (UAX #29 without its exceptions for apostrophes and dots, so that
  "Korea’s" has the token "korea", and "1,000" has two);
- one Han, Hiragana or Katakana character, or one Thai, Lao, Khmer or Myanmar letter with its marks. These scripts have
  no spaces between words, so a word is a sequence of tokens, and a search finds it as a phrase;
- an acronym with dots, written "u.s." whether the last dot is there or not;
- a letter followed by ``++`` or ``#``: C++, C#.

Hangul is a run of letters: an eojeol, which is a word with its particles. Callers that look inside an eojeol use
prefixes.

Tokens are folded (:mod:`ingest.text.fold`), so equivalent spellings give equal tokens.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal

from ingest.text.characters import IDEOGRAPHIC, MARKS, UNSPACED
from ingest.text.fold import fold

_LETTER: Final = f"[^\\W_{IDEOGRAPHIC}{UNSPACED}]"
_ACRONYM: Final = r"[^\W\d_](?:\.[^\W\d_])+(?![\w{0}])\.?".replace("{0}", MARKS)
_SYMBOL: Final = f"(?<![\\w{MARKS}])(?:{_ACRONYM}|[a-z](?:\\+\\+|#)(?![\\w+#]))"
_WORD: Final = f"{_LETTER}(?:{_LETTER}|[{MARKS}])*"
_TOKEN: Final = re.compile(f"{_SYMBOL}|[{IDEOGRAPHIC}][{MARKS}]*|[{UNSPACED}][{MARKS}]*|{_WORD}")
_RUN: Final = re.compile(
    f"(?P<symbol>{_SYMBOL})|(?P<ideographic>[{IDEOGRAPHIC}][{IDEOGRAPHIC}{MARKS}]*)"
    f"|(?P<unspaced>[{UNSPACED}][{UNSPACED}{MARKS}]*)|(?P<word>{_WORD})"
)
# A search with a literal first character skips through a text ten times as fast as one for any of several.
_CAREFUL: Final = (re.compile(r"\.[A-Za-z](?![A-Za-z0-9])"), re.compile(r"\+\+"), re.compile("#"))
_OTHER: Final = re.compile(r"[^\x00-\x7f]+")
_CHUNK: Final = re.compile(r"\S+")
_ASCII_TOKEN: Final = re.compile("[A-Za-z0-9]+")
# No token spans white space, and most chunks between white space stood in an earlier text.
_REMEMBERED_CHUNKS: Final = 65_536
_REMEMBERED_LENGTH: Final = 48
_MOSTLY_ASCII: Final = 16
"""A text with fewer than one other character in so many is read around its chunks of other characters."""

TYPOGRAPHY: Final = "\u00a0‘’“”–—…£€•·«»"
"""Characters outside ASCII that belong to no token and fold to none."""
_ASCII: Final = {number: chr(number).lower() if chr(number).isalnum() else " " for number in range(128)}


def tokenize(text: str) -> list[str]:
    """Return the folded tokens of ``text`` in their order.

    Text in ASCII and common typographic quotes takes one pass over a table and a split. Chunks between white space that
    need more care are remembered.
    """
    plain = _without_typography(text)
    words: list[str] = []
    chunks = _careful_chunks(plain)
    if chunks is None:
        for chunk in plain.split():
            words += _words_of(chunk)
        return words
    done = 0
    for start, end in chunks:
        if done < start:
            words += plain[done:start].translate(_ASCII).split()
        words += _words_of(plain[start:end])
        done = end
    words += plain[done:].translate(_ASCII).split()
    return words


def token_offsets(text: str) -> list[tuple[int, int]]:
    """Return start and end of every token of ``text`` in the original, in the order of :func:`tokenize`."""
    plain = _without_typography(text)
    chunks = _careful_chunks(plain)
    if chunks is None:
        chunks = [chunk.span() for chunk in _CHUNK.finditer(plain)]
    offsets: list[tuple[int, int]] = []
    done = 0
    for start, end in chunks:
        offsets += [match.span() for match in _ASCII_TOKEN.finditer(plain, done, start)]
        offsets += [(start + first, start + last) for first, last in _offsets_of(plain[start:end])]
        done = end
    offsets += [match.span() for match in _ASCII_TOKEN.finditer(plain, done)]
    return offsets


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A token that is a word, or all adjacent tokens of a script without spaces, in folded text."""

    kind: Literal["word", "symbol", "ideographic", "unspaced"]
    """``symbol``: an acronym with dots, or C++ and C#."""
    text: str
    start: int
    """The place of the first character in the folded text."""

    @property
    def end(self) -> int:
        return self.start + len(self.text)


def read_runs(folded: str) -> list[Run]:
    """Return the tokens of folded text, with adjacent tokens of a script without spaces joined."""
    return [
        Run(kind=match.lastgroup, text=match.group(), start=match.start())  # type: ignore[arg-type]
        for match in _RUN.finditer(folded)
    ]


def _without_typography(text: str) -> str:
    """Return ``text`` with a space for each character of :data:`TYPOGRAPHY`; offsets stay."""
    if not text.isascii():
        for character in TYPOGRAPHY:
            text = text.replace(character, " ")
    return text


def _careful_chunks(plain: str) -> Sequence[tuple[int, int]] | None:
    """Return the spans of the chunks that the pass for ASCII cannot read, in their order; None for most chunks."""
    hits = [hit.start() for expression in _CAREFUL for hit in expression.finditer(plain)]
    if not plain.isascii():
        others = [hit.start() for hit in _OTHER.finditer(plain)]
        if len(others) > len(plain) // _MOSTLY_ASCII:
            return None
        hits += others
    chunks: list[tuple[int, int]] = []
    done = 0
    for hit in sorted(hits):
        if hit >= done:
            start = max(plain.rfind(" ", done, hit) + 1, done)
            done = plain.find(" ", hit)
            done = len(plain) if done < 0 else done
            chunks.append((start, done))
    return chunks


def _words_of(chunk: str) -> tuple[str, ...]:
    return _cached_words(chunk) if len(chunk) <= _REMEMBERED_LENGTH else _read_words(chunk)


def _offsets_of(chunk: str) -> tuple[tuple[int, int], ...]:
    return _cached_offsets(chunk) if len(chunk) <= _REMEMBERED_LENGTH else _read_offsets(chunk)


def _read_words(chunk: str) -> tuple[str, ...]:
    return tuple([canonical_token(word) for word in _TOKEN.findall(fold(chunk).text)])


def _read_offsets(chunk: str) -> tuple[tuple[int, int], ...]:
    folded = fold(chunk)
    return tuple([folded.original(*match.span()) for match in _TOKEN.finditer(folded.text)])


_cached_words: Final = lru_cache(_REMEMBERED_CHUNKS)(_read_words)
_cached_offsets: Final = lru_cache(_REMEMBERED_CHUNKS)(_read_offsets)


def canonical_token(token: str) -> str:
    """Return an acronym with its last dot; any other token as it is."""
    return f"{token}." if len(token) > 2 and token[1] == "." and token[-1] != "." else token
