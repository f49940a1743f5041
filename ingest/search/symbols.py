"""Split a query into symbols: words, phrases, operators, each with its place.

A character that the syntax does not have is refused here, so that no query is read as another one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from ingest.errors import Refused
from ingest.search.lexemes import FIELDS
from ingest.text.characters import MARKS


class SymbolKind(Enum):
    WORD = auto()
    PHRASE = auto()
    FIELD = auto()
    OR = auto()
    MINUS = auto()
    OPEN = auto()
    CLOSE = auto()
    END = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Symbol:
    """A part of a query; ``text`` is a phrase without its quotes, or a field without its colon."""

    kind: SymbolKind
    text: str
    start: int
    """The place of its first character, from 0."""


ACCEPTED: Final = 'words, "phrases", prefix*, or, -without, parentheses, and ' + ", ".join(
    f"{field}:" for field in FIELDS
)
_OPENING: Final = "(（"
_CLOSING: Final = ")）"
# Straight and curly quotes end each other: a keyboard that corrects quotes may correct one of the two.
_QUOTES: Final = dict.fromkeys('"“”„‟＂', '"“”„‟＂') | {
    "«": "»",
    "»": "«",
    "「": "」",
    "『": "』",
    "《": "》",
    "〈": "〉",
    "﹁": "﹂",
    "｢": "｣",
}
_ENDING_QUOTES: Final = "」』》〉﹂｣"
_DASHES: Final = "‐‑‒–—−－"
_FIELD: Final = re.compile(r"([A-Za-z]+):(?!//|\s|$)")
_EMPTY_FIELD: Final = re.compile(r"([A-Za-z]+):(?=\s|$)")
_HEBREW_ACRONYM: Final = re.compile('(?<=[\u05d0-\u05ea])"(?=[\u05d0-\u05ea])')
_END_OF_WORD: Final = re.compile(rf"[\s{re.escape(_OPENING + _CLOSING + ''.join(_QUOTES) + _ENDING_QUOTES)}]")

_UNSUPPORTED: Final = (
    (re.compile(r"\\"), 'no backslash; a "phrase" in quotes means its words literally'),
    (re.compile(r"\|+"), "or between alternatives"),
    (re.compile(r"&&+"), "words beside each other: all of them are required"),
    (re.compile(r"\^[\d.]*"), "words without a weight"),
    (re.compile(r"^~+|(?<=[^\W\d])~[\d.]*$|~$"), "words without ~: their inflections are searched too"),
    (re.compile(r"^!+(?=[^\s!])|^!+$"), "-word for what must not occur"),
    (re.compile(r"^\++(?=\w)|^\++$"), "words without +: all of them are required"),
    (re.compile(r"^--+"), "one - directly before a word"),
    (re.compile(r"(?<=\w)\?(?=\w)"), "* at the end of a word's beginning"),
    (re.compile(r"^<[-\d]*>$"), 'a "phrase" for words beside each other'),
    (re.compile(r"^/.+/[a-z]*$"), "words: there are no regular expressions"),
    (re.compile(r"^NEAR/\d+$"), 'a "phrase" for words beside each other'),
    (re.compile(r"^AND$"), 'words beside each other: all of them are required; "and" in quotes for the word'),
    (re.compile(r"^NOT$"), '-word for what must not occur; "not" in quotes for the word'),
    (re.compile(rf"\*(?!$)|^\*|(?<=[^\w{MARKS}])\*$"), "* at the end of a word's beginning"),
)


def refuse(name: str, symbol: Symbol, accepted: str) -> Refused:
    """Return the refusal of a symbol, with its place counted from 1."""
    place = f"{name}, character {symbol.start + 1}"
    return Refused(place, symbol.text or None, accepted)


def split_query(name: str, query: str) -> list[Symbol]:
    """Return the symbols of ``query``, with END behind the last.

    Raises:
        Refused: a quote without its partner, or an operator of another syntax.
    """
    return _Splitter(name, query).symbols()


class _Splitter:
    def __init__(self, name: str, query: str) -> None:
        self._name = name
        self._query = query
        self._at = 0
        self._symbols: list[Symbol] = []

    def symbols(self) -> list[Symbol]:
        while self._at < len(self._query):
            character = self._query[self._at]
            if character.isspace():
                self._at += 1
            elif character in _OPENING:
                self._append(SymbolKind.OPEN, character)
            elif character in _CLOSING:
                self._append(SymbolKind.CLOSE, character)
            elif character in _QUOTES:
                self._phrase(_QUOTES[character])
            elif character in _ENDING_QUOTES:
                raise self._refusal(character, f"{character} behind the quote that it ends")
            elif character in _DASHES or character == "-":
                self._dash(character)
            else:
                self._word()
        return [*self._symbols, Symbol(kind=SymbolKind.END, text="", start=len(self._query))]

    def _append(self, kind: SymbolKind, text: str, length: int = 1) -> None:
        self._symbols.append(Symbol(kind=kind, text=text, start=self._at))
        self._at += length

    def _refusal(self, text: str, accepted: str, offset: int = 0) -> Refused:
        symbol = Symbol(kind=SymbolKind.WORD, text=text, start=self._at + offset)
        return refuse(self._name, symbol, accepted)

    def _phrase(self, closing: str) -> None:
        start = self._at + 1
        end = start
        while end < len(self._query) and not self._closes(end, closing):
            end += 1
        if end == len(self._query):
            raise self._refusal(self._query[self._at :], f"{closing[0]} at the end of the phrase")
        self._append(SymbolKind.PHRASE, self._query[start:end], end + 1 - self._at)
        if self._query[self._at : self._at + 1] in ("~", "^", "*"):
            accepted = 'no operator behind a phrase; "north kor*" for a phrase with the beginning of a word'
            raise self._refusal(self._query[self._at], accepted)

    def _closes(self, place: int, closing: str) -> bool:
        return self._query[place] in closing and not _HEBREW_ACRONYM.match(self._query, place)

    def _dash(self, dash: str) -> None:
        following = self._query[self._at + 1 : self._at + 2]
        if dash not in "-－":
            if following.isalnum() or following in _QUOTES:
                accepted = "- for what must not occur, or a space behind the dash"
                raise self._refusal(self._chunk(), accepted)
            self._word()
        elif not following or following.isspace() or following in _CLOSING:
            raise self._refusal(dash, '- directly before a word, "phrase" or parenthesis that must not occur')
        elif following in "-－":
            raise self._refusal(self._chunk(), "one - directly before a word")
        else:
            self._append(SymbolKind.MINUS, dash)

    def _chunk(self) -> str:
        """Return the characters up to white space, a parenthesis or a quote."""
        start = self._at
        end = start
        while boundary := _END_OF_WORD.search(self._query, end):
            end = boundary.start()
            if not _HEBREW_ACRONYM.match(self._query, end):
                break
            end += 1
        else:
            end = len(self._query)
        return self._query[start:end]

    def _word(self) -> None:
        if self._field():
            return
        chunk = self._chunk()
        for operator, accepted in _UNSUPPORTED:
            if unsupported := operator.search(chunk):
                raise self._refusal(unsupported.group() or chunk, accepted, unsupported.start())
        self._append(SymbolKind.OR if chunk in ("or", "OR") else SymbolKind.WORD, chunk, len(chunk))

    def _field(self) -> bool:
        if empty := _EMPTY_FIELD.match(self._query, self._at):
            if empty.group(1).lower() in FIELDS:
                raise self._refusal(
                    empty.group(), f"a word, phrase or parenthesis directly behind {empty.group()}"
                )
            return False
        field = _FIELD.match(self._query, self._at)
        if field is None:
            return False
        if field.group(1).lower() not in FIELDS:
            names = ", ".join(f"{name}:" for name in FIELDS)
            raise self._refusal(field.group(), f"one of {names}, or quotes around the text")
        self._append(SymbolKind.FIELD, field.group(1).lower(), len(field.group()))
        return True
