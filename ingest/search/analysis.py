"""Read a text into terms with positions: the same for the index, for queries and for snippets.

::

    text ─▶ chunks between white space ─▶ runs ─▶ pieces ─▶ terms

A *piece* advances the position by its width: a word by 1, a run of a script without spaces by its characters. A *term*
is a word, which search folds and stems later, or a gram, which is a lexeme already: two adjacent characters, or the
last character of a run.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from ingest.search.accents import fold_accents
from ingest.search.lexemes import MAX_CHARACTER, MAX_WORD, stem_lexeme
from ingest.search.stems import likely_language, query_stems, stems
from ingest.text import Folded, Run, canonical_token, fold, read_runs
from ingest.text.characters import MARKS

_REMEMBERED_CHUNKS: Final = 65_536
_REMEMBERED_LENGTH: Final = 48
_REMEMBERED_WORDS: Final = 131_072

_HANGUL: Final = re.compile("[\u1100-\u11ff\u3130-\u318f\ua960-\ua97f\uac00-\ud7ff]+")
_CHARACTER: Final = re.compile(f".[{MARKS}]*")
# Letters, digits, and the characters that join words; one per character, so that offsets stay.
_ASCII: Final = {
    number: chr(number).lower() if chr(number).isalnum() or chr(number) in "'`-.,+#" else " "
    for number in range(128)
}
_APOSTROPHES: Final = "'’‘ʼ` "
"""A space inside a chunk is a letter that :mod:`ingest.text.fold` read as a separator."""
_HYPHENS: Final = "-\u2010\u2011\u00b7"
_THOUSANDS: Final = re.compile("[0-9]{3}")
_ARABIC_LETTERS: Final = "[\u0620-\u06ff\u0750-\u077f\ufb50-\ufdff\ufe70-\ufefc]"
_NON_JOINER: Final = re.compile(f"(?<={_ARABIC_LETTERS})\u200c(?={_ARABIC_LETTERS})")
_HEBREW: Final = re.compile("[\u05d0-\u05ea]+")

MAX_COMPOUND_PARTS: Final = 8
MAX_COMPOUND_LENGTH: Final = 64

_FRENCH_ELISIONS: Final = (
    "l",
    "d",
    "j",
    "m",
    "t",
    "s",
    "n",
    "c",
    "qu",
    "jusqu",
    "lorsqu",
    "puisqu",
    "quoiqu",
    "presqu",
)
_ITALIAN_ELISIONS: Final = (
    "dell",
    "nell",
    "all",
    "dall",
    "sull",
    "coll",
    "un",
    "quest",
    "quell",
    "gl",
    "anch",
)
ELISIONS: Final = frozenset(_FRENCH_ELISIONS + _ITALIAN_ELISIONS)
"""Articles and pronouns before an apostrophe, which belong to the grammar and not to the word."""
_TURKISH_CASES: Final = (
    "in",
    "ın",
    "un",
    "ün",
    "nin",
    "nın",
    "nun",
    "nün",
    "ye",
    "ya",
    "yi",
    "yı",
    "yu",
    "yü",
)
_TURKISH_PLACES: Final = ("de", "da", "te", "ta", "den", "dan", "ten", "tan", "deki", "daki")
POSSESSIVES: Final = frozenset(("s", *_TURKISH_CASES, *_TURKISH_PLACES))
"""Endings of a name behind an apostrophe: the English possessive, and Turkish cases."""
CONTRACTIONS: Final = frozenset(["s", "ll", "re", "ve", "d", "m"])
"""Parts behind an apostrophe that never make one word with the part before: "he'll" is not "hell"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A word, or a run of a script without spaces, in a chunk of folded text."""

    characters: tuple[str, ...]
    """Letters with their marks where each of them is a position; empty for a word."""
    text: str
    joinable: bool
    """A word of letters and digits, which may be a part of a compound."""
    start: int
    separator: str
    """The folded characters between the piece before and this one."""

    @property
    def end(self) -> int:
        return self.start + len(self.text)

    @property
    def width(self) -> int:
        return len(self.characters) or 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """The terms of one chunk, each with its position relative to the chunk's first one."""

    width: int
    words: tuple[tuple[str, int], ...]
    symbols: tuple[tuple[str, int], ...]
    grams: tuple[tuple[str, int], ...]


def fold_chunk(chunk: str) -> Folded:
    """Fold a chunk; a zero-width non-joiner between Arabic letters parts a word from its ending, like a hyphen."""
    return fold(_NON_JOINER.sub("-", chunk) if "\u200c" in chunk else chunk)


def read_pieces(folded: str) -> tuple[Piece, ...]:
    """Return the pieces of a folded chunk; a word that mixes Hangul with other letters is parted."""
    pieces: list[Piece] = []
    end = 0
    for run in read_runs(folded):
        for piece in _pieces_of(run, folded[end : run.start]):
            pieces.append(piece)
            end = piece.end
    return tuple(pieces)


def _pieces_of(run: Run, separator: str) -> list[Piece]:
    if run.kind in ("ideographic", "unspaced"):
        return [_character_piece(run.text, run.start, separator)]
    if run.kind == "symbol":
        return [_word_piece(run.text, run.start, separator, joinable=False)]
    pieces: list[Piece] = []
    done = 0
    for hangul in _HANGUL.finditer(run.text):
        if done < hangul.start():
            word = run.text[done : hangul.start()]
            pieces.append(_word_piece(word, run.start + done, separator, joinable=True))
            separator = ""
        pieces.append(_character_piece(hangul.group(), run.start + hangul.start(), separator))
        separator = ""
        done = hangul.end()
    if done < len(run.text):
        pieces.append(_word_piece(run.text[done:], run.start + done, separator, joinable=True))
    return pieces


def _word_piece(text: str, start: int, separator: str, *, joinable: bool) -> Piece:
    return Piece(characters=(), text=text, joinable=joinable, start=start, separator=separator)


def _character_piece(text: str, start: int, separator: str) -> Piece:
    characters = tuple(_CHARACTER.findall(text))
    return Piece(characters=characters, text=text, joinable=False, start=start, separator=separator)


def word_of(piece: Piece) -> str:
    """Return the word of a piece as the index spells it before accents are folded."""
    return canonical_token(piece.text)[:MAX_WORD]


def characters_of(piece: Piece) -> list[str]:
    """Return the characters of a piece as lexemes spell them."""
    return [fold_accents(character[:MAX_CHARACTER]) for character in piece.characters]


def joined_words(pieces: Sequence[Piece]) -> list[tuple[str, int, int]]:
    """Return the words that are written in parts, with the numbers of their first and last piece.

    Hyphens, apostrophes and thousands separators divide words; acronyms are words without their dots.
    """
    joined: list[tuple[str, int, int]] = []
    first = 0
    for number in range(1, len(pieces) + 1):
        if number == len(pieces) or not _joins(pieces[number - 1], pieces[number]):
            if word := _joined(pieces[first:number]):
                joined.append((word, first, number - 1))
            first = number
    return joined


def _joins(left: Piece, right: Piece) -> bool:
    if not left.joinable or not right.joinable or len(right.separator) != 1:
        return False
    if right.separator in _HYPHENS:
        return not (left.text.isdecimal() and right.text.isdecimal())
    if is_apostrophe(right.separator):
        return True
    if right.separator in ",.":
        return left.text.isdecimal() and _THOUSANDS.fullmatch(right.text) is not None
    return right.separator == '"' and bool(_HEBREW.match(left.text) and _HEBREW.match(right.text))


def is_apostrophe(separator: str) -> bool:
    return len(separator) == 1 and separator in _APOSTROPHES


def _joined(parts: Sequence[Piece]) -> str | None:
    if len(parts) == 1:
        return parts[0].text.replace(".", "")[:MAX_WORD] if "." in parts[0].text else None
    word = "".join(part.text for part in parts)
    if not 1 < len(parts) <= MAX_COMPOUND_PARTS or len(word) > MAX_COMPOUND_LENGTH:
        return None
    if is_apostrophe(parts[1].separator) and (parts[0].text in ELISIONS or parts[-1].text in CONTRACTIONS):
        return None
    return word


def grams(characters: Sequence[str]) -> list[str]:
    """Return a lexeme for each character: with the next character, and the last one alone."""
    return [*map(str.__add__, characters, characters[1:]), characters[-1]]


def read_chunk(chunk: str) -> Chunk:
    """Return the terms of a text without white space."""
    return _cached_chunk(chunk) if len(chunk) <= _REMEMBERED_LENGTH else _read_chunk(chunk)


def _read_chunk(chunk: str) -> Chunk:
    pieces = read_pieces(fold_chunk(chunk).text)
    words: list[tuple[str, int]] = []
    symbols: list[tuple[str, int]] = []
    lexemes: list[tuple[str, int]] = []
    positions: list[int] = []
    position = 0
    for piece in pieces:
        positions.append(position)
        if piece.characters:
            lexemes += zip(grams(characters_of(piece)), range(position, position + piece.width), strict=True)
        else:
            (words if piece.joinable else symbols).append((word_of(piece), position))
        position += piece.width
    words += [(word, positions[first]) for word, first, _ in joined_words(pieces)]
    return Chunk(width=position, words=tuple(words), symbols=tuple(symbols), grams=tuple(lexemes))


_cached_chunk: Final = lru_cache(_REMEMBERED_CHUNKS)(_read_chunk)


@lru_cache(_REMEMBERED_WORDS)
def word_lexemes(word: str, language: str | None) -> tuple[str, ...]:
    """Return the lexemes of a word in a text of this language: the word without accents, and stems that differ from it.

    Half of all words are their own stem. A query finds these by the word and the language of the article
    (:func:`ingest.search.lexemes.language_lexeme`), so that they need no second lexeme.
    """
    plain = fold_accents(word)
    language = language or likely_language(word)
    if language is None:
        return (plain,)
    stems_of_word = folded_stems(word, language)
    return (plain, *[stem_lexeme(language, stem) for stem in stems_of_word if stem != plain])


def folded_stems(word: str, language: str, *, in_query: bool = False) -> tuple[str, ...]:
    """Return the stems of a word as it is written and without its accents, which a reader may not have typed."""
    stems_of = query_stems if in_query else stems
    folded = fold_accents(word)
    spellings = (word,) if folded == word else (word, folded)
    spelled_stems = [fold_accents(stem) for spelling in spellings for stem in stems_of(spelling, language)]
    return tuple(dict.fromkeys(spelled_stems))


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """The terms of a text: each word and gram with its positions."""

    words: dict[str, list[int]] = field(default_factory=dict)
    symbols: dict[str, list[int]] = field(default_factory=dict)
    """Words such as "u.s." and "c++", which are no chunks of letters and digits."""
    grams: dict[str, list[int]] = field(default_factory=dict)

    def add(self, text: str, position: int) -> int:
        """Add the terms of ``text``, whose first one gets ``position``; return the position behind the last."""
        words = self.words
        for chunk in prepare(text).split():
            # Most chunks are a word that the text had before: this loop is the cost of indexing.
            positions = words.get(chunk)
            if positions is not None:
                positions.append(position)
                position += 1
            elif chunk.isascii() and chunk.isalnum() and len(chunk) <= MAX_WORD:
                words.setdefault(chunk.lower(), []).append(position)
                position += 1
            else:
                position = self.add_chunk(chunk, position)
        return position

    def add_chunk(self, chunk: str, position: int) -> int:
        """Add the terms of any chunk of a prepared text; return the position behind the last."""
        terms = read_chunk(chunk)
        for word, offset in terms.words:
            self.words.setdefault(word, []).append(position + offset)
        for symbol, offset in terms.symbols:
            self.symbols.setdefault(symbol, []).append(position + offset)
        for gram, offset in terms.grams:
            self.grams.setdefault(gram, []).append(position + offset)
        return position + terms.width

    def lexemes(self, language: str | None) -> Iterator[tuple[str, list[int]]]:
        """Yield all lexemes of a text in this language, each once or several times, with their positions."""
        yield from self.grams.items()
        yield from self.symbols.items()
        for word, positions in self.words.items():
            for lexeme in word_lexemes(word, language):
                yield lexeme, positions


def prepare(text: str) -> str:
    """Return ``text`` with spaces for the punctuation that no term needs; offsets stay."""
    if not text.isascii():
        for character in "“”—–…«»\u00a0":
            text = text.replace(character, " ")
        plain = text.replace("’", "'").replace("‘", "'")
        if plain.isascii():
            text = plain
    if text.isascii():
        text = text.translate(_ASCII)
    # Fewer spellings of a chunk; an acronym does without its last dot.
    return text.replace(", ", "  ").replace(". ", "  ")
