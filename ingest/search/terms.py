"""Make lexemes of expressions: the words of a query in the languages that they may be of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from ingest.search.accents import fold_accents
from ingest.search.analysis import (
    ELISIONS,
    Piece,
    is_apostrophe,
    joined_words,
    stem_lexemes,
    word_of,
)
from ingest.search.expressions import All, Either, Excluded, Expression, InField, Words
from ingest.search.lexemes import FIELDS
from ingest.search.nodes import AllOf, AnyOf, Lexeme, Node, Phrase, Step, Without
from ingest.search.stems import possible_languages

_DOTTED_ACRONYM: Final = 6
"""Length of an acronym with three letters: shorter ones are words when they lose their dots."""


def lexeme_tree(expression: Expression, language: str | None, field: str = "") -> Node:
    """Return the tree of lexemes for a language, or for every language that has a stemmer for a word's script."""
    match expression:
        case Words():
            return _words(expression, language, field)
        case All(parts=parts):
            return AllOf(nodes=tuple([lexeme_tree(part, language, field) for part in parts]))
        case Either(parts=parts):
            return AnyOf(nodes=tuple([lexeme_tree(part, language, field) for part in parts]))
        case Excluded(part=part):
            return Without(node=lexeme_tree(part, language, field))
        case InField(field=name, part=part):
            return lexeme_tree(part, language, FIELDS[name])


def _words(words: Words, language: str | None, field: str) -> Node:
    pieces: list[Piece] = []
    prefixes: set[int] = set()
    for number, chunk in enumerate(words.chunks):
        pieces += chunk if words.exact else _without_grammar(chunk)
        if number in words.prefixes:
            prefixes.add(len(pieces) - 1)
    writer = _StepWriter(exact=words.exact, language=language, field=field)
    for number, piece in enumerate(pieces):
        writer.add(piece, prefix=number in prefixes)
    phrase = Phrase(steps=tuple(writer.steps))
    if words.exact or len(pieces) == 1:
        return phrase
    joined = joined_words(pieces)
    if len(joined) != 1 or joined[0][1:] != (0, len(pieces) - 1):
        return phrase
    alternatives = writer.alternatives(joined[0][0], prefix=bool(prefixes))
    return AnyOf(nodes=(phrase, Phrase(steps=(Step(alternatives=alternatives, distance=0),))))


def _without_grammar(pieces: Sequence[Piece]) -> Sequence[Piece]:
    """Return the pieces of a word without an elided article before it and the possessive s behind it."""
    if len(pieces) > 1 and pieces[0].text in ELISIONS and is_apostrophe(pieces[1].separator):
        pieces = pieces[1:]
    if len(pieces) > 1 and pieces[-1].text == "s" and is_apostrophe(pieces[-1].separator):
        pieces = pieces[:-1]
    return pieces


class _StepWriter:
    """Append the steps of pieces that stand beside each other."""

    def __init__(self, *, exact: bool, language: str | None, field: str) -> None:
        self.steps: list[Step] = []
        self._exact = exact
        self._language = language
        self._field = field
        self._distance = 0

    def add(self, piece: Piece, *, prefix: bool) -> None:
        if not piece.characters:
            self._append(self.alternatives(word_of(piece), prefix=prefix), width=1)
            self._distance = 1
            return
        characters = [fold_accents(character) for character in piece.characters]
        if len(characters) == 1:
            self._append((self._lexeme(characters[0], prefix=True),), width=1)
            self._distance = 1
            return
        for pair in map(str.__add__, characters, characters[1:]):
            self._append((self._lexeme(pair),), width=2)
            self._distance = 1
        self._distance = 2

    def alternatives(self, word: str, *, prefix: bool) -> tuple[Lexeme, ...]:
        """Return the lexemes of which each means the word."""
        if prefix or self._exact:
            return (self._lexeme(fold_accents(word), prefix=prefix),)
        languages = possible_languages(word) if self._language is None else (self._language,)
        texts = [fold_accents(word)]
        if len(word) >= _DOTTED_ACRONYM and word[1] == ".":
            texts.append(word.replace(".", ""))
        for language in languages:
            texts += stem_lexemes(word, language)
        return tuple([self._lexeme(text) for text in texts])

    def _lexeme(self, text: str, *, prefix: bool = False) -> Lexeme:
        return Lexeme(text=self._field + text, prefix=prefix)

    def _append(self, alternatives: tuple[Lexeme, ...], *, width: int) -> None:
        self.steps.append(Step(alternatives=alternatives, distance=self._distance, width=width))
