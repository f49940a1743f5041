"""Parse the query syntax.

::

    query   alternative ("or" alternative)*
    alternative   term+                     all of them, at least one without "-"
    term    ["-"] [field ":"] (word | "phrase" | "(" query ")")
"""

from __future__ import annotations

import re
from typing import Final

from ingest.errors import Refused
from ingest.search.analysis import Piece, fold_chunk, read_pieces
from ingest.search.expressions import All, Either, Excluded, Expression, InField, Words
from ingest.search.symbols import Symbol, SymbolKind, refuse, split_query

MAX_WORDS: Final = 64
MAX_DEPTH: Final = 8
MIN_PREFIX: Final = 2

_PARTING: Final = re.compile("[、。，；：！？…—،؛।]+")
"""Punctuation that parts words where no white space does; words around other punctuation stand beside each other."""


def parse(name: str, query: str) -> Expression:
    """
    Raises:
        Refused: names the place in ``query``.
    """
    return _Parser(name, split_query(name, query)).query()


class _Parser:
    def __init__(self, name: str, symbols: list[Symbol]) -> None:
        self._name = name
        self._symbols = symbols
        self._next = 0
        self._words = 0

    @property
    def _symbol(self) -> Symbol:
        return self._symbols[self._next]

    def query(self) -> Expression:
        expression = self._either(0, field=None)
        if self._symbol.kind is SymbolKind.CLOSE:
            raise self._refusal(self._symbol, "a ( before each )")
        if expression is None:
            raise Refused(
                self._name, "".join(symbol.text for symbol in self._symbols) or None, "at least one word"
            )
        return expression

    def _refusal(self, symbol: Symbol, accepted: str) -> Refused:
        return refuse(self._name, symbol, accepted)

    def _either(self, depth: int, *, field: str | None) -> Expression | None:
        parts = [self._all(depth, field=field)]
        while self._symbol.kind is SymbolKind.OR:
            operator = self._symbol
            if parts[-1] is None:
                raise self._refusal(operator, 'a word before or; "or" in quotes for the word')
            self._next += 1
            parts.append(self._all(depth, field=field))
            if parts[-1] is None:
                raise self._refusal(operator, 'a word behind or; "or" in quotes for the word')
        alternatives = tuple([part for part in parts if part is not None])
        if len(alternatives) > 1:
            return Either(parts=alternatives)
        return alternatives[0] if alternatives else None

    def _all(self, depth: int, *, field: str | None) -> Expression | None:
        parts: list[Expression] = []
        first = self._symbol
        while self._symbol.kind not in (SymbolKind.OR, SymbolKind.CLOSE, SymbolKind.END):
            parts += self._term(depth, field=field)
        if parts and all(isinstance(part, Excluded) for part in parts):
            raise self._refusal(first, "a word that must occur beside those that must not")
        if len(parts) > 1:
            return All(parts=tuple(parts))
        return parts[0] if parts else None

    def _term(self, depth: int, *, field: str | None) -> list[Expression]:
        symbol = self._symbol
        self._next += 1
        match symbol.kind:
            case SymbolKind.MINUS:
                return [Excluded(part=self._required(symbol, depth, field=field))]
            case SymbolKind.FIELD:
                if field is not None:
                    raise self._refusal(symbol, f"no field inside {field}:")
                return [InField(field=symbol.text, part=self._required(symbol, depth, field=symbol.text))]
            case SymbolKind.OPEN:
                return [self._group(symbol, depth, field=field)]
            case SymbolKind.PHRASE:
                return [self._phrase(symbol)]
            case _:
                return self._word(symbol)

    def _required(self, operator: Symbol, depth: int, *, field: str | None) -> Expression:
        """Parse the term that an operator stands before."""
        symbol = self._symbol
        accepted = "a word, phrase or parenthesis directly behind it"
        if symbol.kind in (SymbolKind.OR, SymbolKind.CLOSE, SymbolKind.END):
            raise self._refusal(operator, accepted)
        if symbol.kind is SymbolKind.MINUS:
            raise self._refusal(symbol, "- before the field" if field else "one - directly before a word")
        parts = self._term(depth, field=field)
        if not parts:
            raise self._refusal(operator, accepted)
        return parts[0] if len(parts) == 1 else All(parts=tuple(parts))

    def _group(self, opening: Symbol, depth: int, *, field: str | None) -> Expression:
        if depth == MAX_DEPTH:
            raise self._refusal(opening, f"at most {MAX_DEPTH} parentheses inside each other")
        expression = self._either(depth + 1, field=field)
        if self._symbol.kind is not SymbolKind.CLOSE:
            raise self._refusal(opening, "a ) behind each (")
        if expression is None:
            raise self._refusal(opening, "at least one word in parentheses")
        self._next += 1
        return expression

    def _phrase(self, symbol: Symbol) -> Expression:
        chunks: list[tuple[Piece, ...]] = []
        prefixes: set[int] = set()
        for chunk in symbol.text.split():
            if "*" in chunk.rstrip(".,;:!?").removesuffix("*"):
                raise self._refusal(symbol, "* at the end of a word's beginning")
            pieces = self._pieces(symbol, chunk)
            if chunk.endswith("*"):
                self._check_prefix(symbol, pieces)
                prefixes.add(len(chunks))
            if pieces:
                chunks.append(pieces)
        if not chunks:
            raise self._refusal(symbol, "at least one word between the quotes")
        return Words(chunks=tuple(chunks), exact=True, prefixes=frozenset(prefixes))

    def _word(self, symbol: Symbol) -> list[Expression]:
        words: list[Expression] = []
        for chunk in _PARTING.split(symbol.text):
            pieces = self._pieces(symbol, chunk)
            if chunk.endswith("*"):
                self._check_prefix(symbol, pieces)
            if pieces:
                prefixes = frozenset({0}) if chunk.endswith("*") else frozenset[int]()
                words.append(Words(chunks=(pieces,), exact=False, prefixes=prefixes))
        return words

    def _pieces(self, symbol: Symbol, chunk: str) -> tuple[Piece, ...]:
        pieces = read_pieces(fold_chunk(chunk).text)
        self._words += len(pieces)
        if self._words > MAX_WORDS:
            raise self._refusal(symbol, f"at most {MAX_WORDS} words")
        return pieces

    def _check_prefix(self, symbol: Symbol, pieces: tuple[Piece, ...]) -> None:
        if not pieces or (not pieces[-1].characters and len(pieces[-1].text) < MIN_PREFIX):
            raise self._refusal(symbol, f"at least {MIN_PREFIX} letters before *")
