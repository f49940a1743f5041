"""Make the index document of an article: a tsvector in text form.

Python makes the lexemes, so that they depend neither on the locale of a database nor on PostgreSQL's parser.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from ingest.search.analysis import Terms, word_lexemes
from ingest.search.lexemes import FIELDS, MAX_BYTES, MAX_POSITION, MAX_POSITIONS
from ingest.search.stems import NO_STEMS, article_lexeme, stemmer_language

INDEX_VERSION: Final = 1
"""Rows of another version are indexed again. Raise it with each change of lexemes or of PyStemmer's stems."""

MAX_TITLE: Final = 2_000
MAX_TEXT: Final = 1_000_000
"""Characters of a text that are read: more lexemes than a tsvector takes, except in a text of few words."""
_UTF8_BYTES: Final = 4

_GAP: Final = 1
"""Positions between two texts, so that no phrase begins in the one and ends in the other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexDocument:
    """The index entry of one article."""

    vector: str
    """The text form of a tsvector."""
    complete: bool
    """False: the article was longer than the index takes; its beginning is searchable."""


def index_document(
    *, title: str, text: str, authors: Sequence[str], publisher: str | None, language: str | None
) -> IndexDocument:
    """Return the index document of an article. Positions of title words have weight A."""
    stems = stemmer_language(language)
    in_title, in_text = Terms(), Terms()
    text_starts = in_title.add(title[:MAX_TITLE], 1) + _GAP
    end = in_text.add(text[:MAX_TEXT], text_starts)
    article = article_lexeme(stems)
    entries = [] if article is None else [f"'{article}'"]
    entries += _entries(in_title, stems, prefix=FIELDS["title"])
    entries += _entries(_names(authors), NO_STEMS, prefix=FIELDS["author"])
    entries += _entries(_names([publisher or ""]), NO_STEMS, prefix=FIELDS["publisher"])
    entries += _entries(in_title, stems, weight="A")
    entries += _entries(in_text, stems)
    vector = " ".join(entries)
    complete = len(title) <= MAX_TITLE and len(text) <= MAX_TEXT and end <= MAX_POSITION + 1
    if len(vector) > MAX_BYTES // _UTF8_BYTES and len(vector.encode()) > MAX_BYTES:
        vector = _cut(entries)
        complete = False
    return IndexDocument(vector=vector, complete=complete)


def _names(values: Sequence[str]) -> Terms:
    terms = Terms()
    position = 1
    for value in values:
        position = terms.add(value[:MAX_TITLE], position) + _GAP
        if position > MAX_POSITION:
            break
    return terms


def _entries(terms: Terms, language: str | None, *, prefix: str = "", weight: str = "") -> list[str]:
    """Return the entries of a tsvector. PostgreSQL unites entries of one lexeme."""
    entries: list[str] = []
    for lexemes in (terms.grams, terms.symbols):
        entries += [
            f"'{prefix}{lexeme}'{_position_list(positions, weight)}" for lexeme, positions in lexemes.items()
        ]
    for word, positions in terms.words.items():
        position_list = _position_list(positions, weight)
        for lexeme in word_lexemes(word, language):
            entries.append(f"'{prefix}{lexeme}'{position_list}")
    return entries


def _position_list(positions: Sequence[int], weight: str) -> str:
    """Return positions as they stand behind a lexeme; words behind the last position of a tsvector have none."""
    if len(positions) == 1 and positions[0] <= MAX_POSITION:
        return f":{positions[0]}{weight}"
    if positions[-1] > MAX_POSITION:
        positions = [position for position in positions if position <= MAX_POSITION]
    if not positions:
        return ""
    return f":{f'{weight},'.join(map(str, positions[:MAX_POSITIONS]))}{weight}"


def _cut(entries: Sequence[str]) -> str:
    """Return as many entries as a tsvector takes: an entry is never shorter than what PostgreSQL stores of it."""
    size = 0
    for number, entry in enumerate(entries):
        size += len(entry.encode()) + 1
        if size > MAX_BYTES:
            return " ".join(entries[:number])
    return " ".join(entries)
