"""A search as a user typed it: the tsquery for the database, and the hits in an article."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from ingest.search.candidates import has_positions, without_positions
from ingest.search.expressions import Expression
from ingest.search.lexemes import FIELDS
from ingest.search.matching import Matcher, field_prefix, positive_phrases
from ingest.search.nodes import Phrase, tsquery_text
from ingest.search.snippets import Fragment, marked, snippet_of
from ingest.search.stems import stemmer_language
from ingest.search.syntax import parse
from ingest.search.terms import lexeme_tree

SNIPPET_TEXT_CHARACTERS: Final = 20_000
"""Snippets come from this much of the beginning of a text, because their cost is proportional to its length."""
_REMEMBERED_QUERIES: Final = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchQuery:
    """A parsed query."""

    expression: Expression

    def tsquery(self, language: str | None = None) -> str:
        """Return the text form of a tsquery.

        With a language, words are searched by the stems of that language alone: for articles in that language.
        Without one, by the stems of every language that is written in the word's script.
        """
        return tsquery_text(lexeme_tree(self.expression, stemmer_language(language)))

    def candidate_tsquery(self, language: str | None = None) -> str | None:
        """Return a tsquery that every match fulfils and that needs no positions; None where :meth:`tsquery` needs none.

        An inverted index has no positions. PostgreSQL reads the vector of every text that has the words of a phrase.
        """
        tree = lexeme_tree(self.expression, stemmer_language(language))
        candidates = without_positions(tree) if has_positions(tree) else None
        return None if candidates is None else tsquery_text(candidates)

    def snippet(self, text: str, *, language: str | None = None) -> tuple[Fragment, ...]:
        """Return up to two parts of an article's text around the hits; its beginning where the text has none."""
        text = text[:SNIPPET_TEXT_CHARACTERS]
        phrases = [phrase for phrase in _positive_phrases(self.expression) if not field_prefix(phrase)]
        return snippet_of(text, Matcher(text, stemmer_language(language)).hits(phrases))

    def highlight(self, title: str, *, language: str | None = None) -> tuple[Fragment, ...]:
        """Return a whole title with its hits marked."""
        phrases = [
            phrase
            for phrase in _positive_phrases(self.expression)
            if field_prefix(phrase) in ("", FIELDS["title"])
        ]
        return tuple(marked(title, Matcher(title, stemmer_language(language)).hits(phrases)))


def parse_search(query: str, *, name: str = "q") -> SearchQuery:
    """Return the parsed query; ``name`` is the parameter that a refusal names.

    Raises:
        Refused: names the place in ``query``, and what the syntax accepts there.
    """
    return SearchQuery(expression=parse(name, query))


@lru_cache(_REMEMBERED_QUERIES)
def _positive_phrases(expression: Expression) -> tuple[Phrase, ...]:
    return tuple(positive_phrases(lexeme_tree(expression, None)))
