"""Find the places of a text that a query matches, by the same terms as the index has."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from ingest.search.analysis import (
    Piece,
    Terms,
    fold_chunk,
    joined_words,
    prepare,
    read_pieces,
    word_lexemes,
    word_of,
)
from ingest.search.lexemes import FIELDS
from ingest.search.nodes import AllOf, AnyOf, Node, Phrase, Step, Without
from ingest.search.stems import article_lexeme

_CHUNK: Final = re.compile(r"\S+")
_REMEMBERED_CHUNKS: Final = 4_096


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """A place that a phrase of the query matches."""

    start: int
    end: int
    phrase: int
    """The number of the phrase in the query."""


def positive_phrases(node: Node) -> Iterator[Phrase]:
    """Yield the words and phrases of a query that have to occur or may occur."""
    match node:
        case Phrase():
            yield node
        case AnyOf(nodes=nodes) | AllOf(nodes=nodes):
            for inner in nodes:
                yield from positive_phrases(inner)
        case Without():
            return


def field_prefix(phrase: Phrase) -> str:
    """Return the prefix of a phrase's lexemes; empty for words without a field."""
    lexeme = phrase.steps[0].alternatives[0].text
    return next((prefix for prefix in FIELDS.values() if lexeme.startswith(prefix)), "")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """The original characters of one position in a chunk."""

    start: int
    end: int
    piece: int


class Matcher:
    """The terms of a text, and where they stand."""

    def __init__(self, text: str, language: str | None) -> None:
        terms = Terms()
        self._plain = prepare(text)
        self._spans: list[tuple[int, int]] = []
        self._positions: list[int] = []
        position = 0
        for chunk in _CHUNK.finditer(self._plain):
            behind = terms.add_chunk(chunk.group(), position)
            if behind > position:
                self._spans.append(chunk.span())
                self._positions.append(position)
                position = behind
        self._language = language
        self._article = article_lexeme(language)
        self._lexemes: dict[str, list[int]] = {}
        for lexeme, positions in terms.lexemes(language):
            self._lexemes[lexeme] = self._lexemes.get(lexeme, []) + positions

    def hits(self, phrases: Sequence[Phrase]) -> list[Hit]:
        """Return the hits of all phrases in the order of their places."""
        hits = [
            Hit(start=start, end=end, phrase=number)
            for number, phrase in enumerate(phrases)
            for start, end in self._occurrences(phrase)
        ]
        return sorted(hits, key=lambda hit: (hit.start, -hit.end))

    def _occurrences(self, phrase: Phrase) -> Iterator[tuple[int, int]]:
        prefix = field_prefix(phrase)
        first = self._step_positions(phrase.steps[0], prefix, alone=len(phrase.steps) == 1)
        later = [set(self._step_positions(step, prefix)) for step in phrase.steps[1:]]
        for position in first:
            last = position
            for step, positions in zip(phrase.steps[1:], later, strict=True):
                last += step.distance
                if last not in positions:
                    break
            else:
                yield self._span(position, last, phrase, prefix)

    def _step_positions(self, step: Step, prefix: str, *, alone: bool = False) -> list[int]:
        positions: set[int] = set()
        for lexeme in step.alternatives:
            if alone and lexeme.articles and self._article not in lexeme.articles:
                continue
            text = lexeme.text[len(prefix) :]
            if lexeme.prefix:
                for candidate, places in self._lexemes.items():
                    if candidate.startswith(text):
                        positions.update(places)
            else:
                positions.update(self._lexemes.get(text, ()))
        return sorted(positions)

    def _span(self, first: int, last: int, phrase: Phrase, prefix: str) -> tuple[int, int]:
        """Return the original characters from one position to another."""
        chunk, places, start = self._chunk_at(first)
        begun = places[first - self._positions[chunk]]
        offset = first - self._positions[chunk]
        if len(phrase.steps) == 1:
            compound = self._compound_end(chunk, offset, phrase.steps[0], prefix)
            if compound is not None:
                return start + begun.start, start + compound
        final = last + phrase.steps[-1].width - 1
        chunk, places, end = self._chunk_at(final)
        return start + begun.start, end + places[final - self._positions[chunk]].end

    def _chunk_at(self, position: int) -> tuple[int, tuple[_Place, ...], int]:
        chunk = bisect_right(self._positions, position) - 1
        start, end = self._spans[chunk]
        return chunk, _places(self._plain[start:end]), start

    def _compound_end(self, chunk: int, offset: int, step: Step, prefix: str) -> int | None:
        """Return the end of a compound in the chunk; None where the step matches the single word there."""
        start, end = self._spans[chunk]
        pieces = _pieces(self._plain[start:end])
        places = _places(self._plain[start:end])
        number = places[offset].piece
        if pieces[number].characters:
            return None
        lexemes = word_lexemes(word_of(pieces[number]), self._language)
        for lexeme in step.alternatives:
            text = lexeme.text[len(prefix) :]
            if text in lexemes or (lexeme.prefix and lexemes[0].startswith(text)):
                return None
        for _, first, last in joined_words(pieces):
            if first == number:
                return max(place.end for place in places if first <= place.piece <= last)
        return None


@lru_cache(_REMEMBERED_CHUNKS)
def _pieces(chunk: str) -> tuple[Piece, ...]:
    return read_pieces(fold_chunk(chunk).text)


@lru_cache(_REMEMBERED_CHUNKS)
def _places(chunk: str) -> tuple[_Place, ...]:
    """Return the place of each position of a chunk."""
    folded = fold_chunk(chunk)
    places: list[_Place] = []
    for number, piece in enumerate(_pieces(chunk)):
        at = piece.start
        for character in piece.characters or (piece.text,):
            start, end = folded.original(at, at + len(character))
            places.append(_Place(start=start, end=end, piece=number))
            at += len(character)
    return tuple(places)
