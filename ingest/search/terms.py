"""Make lexemes of expressions: the words of a query in the languages that they may be of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from ingest.search.accents import fold_accents
from ingest.search.analysis import (
    ELISIONS,
    POSSESSIVES,
    Piece,
    characters_of,
    folded_stems,
    is_apostrophe,
    joined_words,
    word_of,
)
from ingest.search.expressions import All, Either, Excluded, Expression, InField, Words
from ingest.search.korean import is_particle_behind_latin, without_particle
from ingest.search.lexemes import FIELDS, NAME_FIELDS, UNKNOWN_LANGUAGE, language_lexeme, stem_lexeme
from ingest.search.nodes import AllOf, AnyOf, Lexeme, Node, Phrase, Step, Without
from ingest.search.stems import is_likely, possible_languages

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
    for number, written in enumerate(words.chunks):
        chunk: Sequence[Piece] = written
        if not words.exact:
            chunk = _without_elision(chunk)
            chunk = chunk if words.prefixes else _without_ending(chunk)
        pieces += chunk
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


def _without_elision(pieces: Sequence[Piece]) -> Sequence[Piece]:
    """Return the pieces of a word without an elided article before it."""
    if len(pieces) > 1 and pieces[0].text in ELISIONS and is_apostrophe(pieces[1].separator):
        return pieces[1:]
    return pieces


def _without_ending(pieces: Sequence[Piece]) -> Sequence[Piece]:
    """Return the pieces of a word without the possessive or the Korean particle behind it."""
    last = pieces[-1]
    if len(pieces) > 1 and last.text in POSSESSIVES and is_apostrophe(last.separator):
        return pieces[:-1]
    if (
        len(pieces) > 1
        and not last.separator
        and pieces[-2].text.isalpha()
        and is_particle_behind_latin(last.text)
    ):
        return pieces[:-1]
    if (noun := without_particle(last.text)) != last.text:
        return [*pieces[:-1], replace(last, text=noun, characters=last.characters[: len(noun)])]
    return pieces


def _articles_in(languages: Sequence[str]) -> tuple[str, ...]:
    """Return the lexemes of articles in these languages, and of unknown language if one of them is likely then."""
    articles = [language_lexeme(language) for language in languages]
    if any(map(is_likely, languages)):
        articles.append(UNKNOWN_LANGUAGE)
    return tuple(articles)


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
        characters = characters_of(piece)
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
        if prefix or self._exact or self._field in NAME_FIELDS:
            return (self._lexeme(fold_accents(word), prefix=prefix),)
        languages = possible_languages(word) if self._language is None else (self._language,)
        plain = fold_accents(word)
        lexemes = [self._lexeme(plain)]
        if len(word) >= _DOTTED_ACRONYM and word[1] == ".":
            lexemes.append(self._lexeme(word.replace(".", "")))
        languages_of_stem: dict[str, list[str]] = {}
        for language in languages:
            for stem in folded_stems(word, language, in_query=True):
                lexemes.append(self._lexeme(stem_lexeme(language, stem)))
                languages_of_stem.setdefault(stem, []).append(language)
        for stem, of_languages in languages_of_stem.items():
            if stem != plain:
                lexemes.append(Lexeme(text=self._field + stem, articles=_articles_in(of_languages)))
        return tuple(lexemes)

    def _lexeme(self, text: str, *, prefix: bool = False) -> Lexeme:
        return Lexeme(text=self._field + text, prefix=prefix)

    def _append(self, alternatives: tuple[Lexeme, ...], *, width: int) -> None:
        self.steps.append(Step(alternatives=alternatives, distance=self._distance, width=width))
