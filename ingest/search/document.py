"""Make the index document of an article: a tsvector in text form.

Python makes the lexemes, so that they depend neither on the locale of a database nor on PostgreSQL's parser.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from ingest.search.analysis import Terms
from ingest.search.lexemes import FIELDS, MAX_BYTES, MAX_POSITION, MAX_POSITIONS, quoted
from ingest.search.stems import stemmer_language

INDEX_VERSION: Final = 1
"""Rows of another version are indexed again. Raise it with each change of lexemes or of PyStemmer's stems."""

MAX_TITLE: Final = 2_000
MAX_TEXT: Final = 1_000_000
"""Characters of a text that are read: more lexemes than a tsvector takes, except in a text of few words."""
MAX_NAMES: Final = 10_000

_GAP: Final = 1
"""Positions between two texts, so that no phrase begins in the one and ends in the other."""
_DIGITS: Final = [str(position) for position in range(MAX_POSITION + 1)]
_TITLE_DIGITS: Final = [f"{digits}A" for digits in _DIGITS]


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
    literal = _Literal()
    in_title = Terms()
    text_starts = in_title.add(title[:MAX_TITLE], 1)
    title_lexemes = in_title.lexemes(stems)
    for lexeme, positions in title_lexemes.items():
        literal.add(FIELDS["title"] + lexeme, positions)
    for name, values in (("author", authors), ("publisher", (publisher or "",))):
        terms = Terms()
        position = 1
        for value in values:
            position = terms.add(value[:MAX_TITLE], position) + _GAP
        for lexeme, positions in terms.lexemes(stems).items():
            literal.add(FIELDS[name] + lexeme, positions)
    in_text = Terms()
    in_text.add(text[:MAX_TEXT], text_starts + _GAP)
    text_lexemes = in_text.lexemes(stems)
    for lexeme, positions in title_lexemes.items():
        literal.add(lexeme, positions, text_lexemes.pop(lexeme, ()))
    for lexeme, positions in text_lexemes.items():
        literal.add(lexeme, (), positions)
    complete = literal.complete and len(title) <= MAX_TITLE and len(text) <= MAX_TEXT
    return IndexDocument(vector=" ".join(literal.entries), complete=complete)


class _Literal:
    """The text of a tsvector, within PostgreSQL's limits."""

    def __init__(self) -> None:
        self.entries: list[str] = []
        self.complete = True
        self._bytes = 0

    def add(self, lexeme: str, in_title: Sequence[int], in_text: Sequence[int] = ()) -> None:
        length = len(lexeme.encode()) + 4 + 2 * min(len(in_title) + len(in_text), MAX_POSITIONS)
        if self._bytes + length > MAX_BYTES:
            self.complete = False
            return
        self._bytes += length
        shown = [_TITLE_DIGITS[position] for position in in_title if position <= MAX_POSITION]
        shown += [_DIGITS[position] for position in in_text if position <= MAX_POSITION]
        if len(shown) < len(in_title) + len(in_text):
            self.complete = False
        self.entries.append(
            f"{quoted(lexeme)}:{','.join(shown[:MAX_POSITIONS])}" if shown else quoted(lexeme)
        )
