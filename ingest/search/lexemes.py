"""Lexemes of the search index: their names, and the limits of PostgreSQL.

::

    korea          a word, or two adjacent characters of a script without spaces
    =entroop       the stem of a word that differs from it, with the language of its stemmer
    =en            any article in this language; = where the language is unknown
    /tkorea        either of both in a field: /t title, /a author, /p publisher

No token begins with ``=`` or ``/``, so neither a word nor a prefix typed by a user reaches the other kinds.
"""

from __future__ import annotations

from typing import Final

FIELDS: Final = {"title": "/t", "author": "/a", "publisher": "/p"}
"""Fields of a query, with the prefix of their lexemes."""

NAME_FIELDS: Final = frozenset(("/a", "/p"))
"""Fields of names, which are not stemmed."""

MAX_WORD: Final = 128
"""Words are cut to so many characters, in index and query alike: at most 512 bytes of the 2,046 of a lexeme."""
MAX_CHARACTER: Final = 16
"""A letter with its marks is cut to so many characters."""
MAX_POSITION: Final = 16_383
"""PostgreSQL's MAXENTRYPOS - 1: higher positions of a tsvector are read as this one."""
MAX_POSITIONS: Final = 255
"""PostgreSQL's MAXNUMPOS - 1: further positions of a lexeme are dropped."""
MAX_BYTES: Final = 1_000_000
"""Lexemes and positions of a tsvector have to be shorter than 1 MB (1,048,575 bytes)."""


UNKNOWN_LANGUAGE: Final = "="
"""The lexeme of an article whose language is unknown."""


def language_lexeme(language: str) -> str:
    """Return the lexeme of all articles in a language that has a stemmer."""
    return f"={language}"


def stem_lexeme(language: str, stem: str) -> str:
    return f"={language}{stem}"


def quoted(lexeme: str) -> str:
    """Return ``lexeme`` as it stands in the text of a tsvector or tsquery."""
    escaped = lexeme.replace("\\", "\\\\").replace("'", "''")
    return f"'{escaped}'"
