"""An article as words, and the positions of all phrases among them."""

from __future__ import annotations

import re
from bisect import insort
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from ingest.text import token_offsets, tokenize
from ingest.text.characters import IDEOGRAPHIC, UNSPACED

MAX_WORDS: Final = 20_000
"""Words of a text that are scanned: later ones do not determine an article's subject."""
MAX_CACHED_WORDS: Final = 200_000
"""Words without a phrase that are cached across articles; then the cache starts anew."""
QUOTE_CHARACTERS: Final = 40
"""Characters of a quote on either side of a matched phrase."""
MAX_QUOTES: Final = 12
"""Matched phrases that an explanation quotes."""

_PIECE: Final = re.compile(r"([^*]+)(\*?)")
_WITHIN_WORD: Final = re.compile(f"[^\\s{IDEOGRAPHIC}{UNSPACED}]{{2}}")

_Candidate = tuple[str, tuple[str, ...]]
"""A phrase, and its words after the first one."""


def phrase_words(phrase: str) -> list[str]:
    """Return the tokens of ``phrase``. A token that was written with ``*`` directly behind it ends with ``*``."""
    words: list[str] = []
    for piece, star in _PIECE.findall(phrase):
        tokens = tokenize(piece)
        if star and tokens and not piece[-1].isspace():
            tokens[-1] += "*"
        words += tokens
    return words


class Span(NamedTuple):
    """An occurrence of ``phrase``: words ``start`` up to, not including, ``end``; title and text count as one."""

    start: int
    end: int
    phrase: str


class TokenizedArticle:
    """The folded words of an article's title and text, with the positions of the phrases among them."""

    def __init__(self, title: str, text: str) -> None:
        self.title = title
        self.text = text
        self.words = tokenize(title)
        self.title_words = len(self.words)
        self.words += tokenize(text)[:MAX_WORDS]
        self.positions: dict[str, list[int]] = {}
        """The first word of every occurrence, by phrase."""
        self._title_offsets: list[tuple[int, int]] | None = None
        self._text_offsets: list[tuple[int, int]] | None = None

    def quotes(self, spans: Sequence[Span]) -> list[dict[str, Any]]:
        """Return field, phrase, character offset and quote of the first ``MAX_QUOTES`` spans, for an explanation."""
        return [self._quote(span) for span in sorted(set(spans), key=lambda span: span.start)[:MAX_QUOTES]]

    def _quote(self, span: Span) -> dict[str, Any]:
        if span.start < self.title_words:
            field, source = "title", self.title
            if self._title_offsets is None:
                self._title_offsets = token_offsets(source)
            offsets = self._title_offsets
            first, last = span.start, span.end - 1
        else:
            field, source = "text", self.text
            first, last = span.start - self.title_words, span.end - 1 - self.title_words
            if self._text_offsets is None:
                self._text_offsets = token_offsets(source)
            offsets = self._text_offsets
        start, end = offsets[first][0], offsets[last][1]
        quote = _with_context(source, start, end)
        return {"field": field, "phrase": span.phrase, "offset": start, "quote": " ".join(quote.split())}


def _with_context(source: str, start: int, end: int) -> str:
    """Return ``source[start:end]`` with ``QUOTE_CHARACTERS`` on either side, cut between words."""
    first, last = max(0, start - QUOTE_CHARACTERS), min(len(source), end + QUOTE_CHARACTERS)
    if first and _WITHIN_WORD.match(source, first - 1):
        spaces = (n for n, character in enumerate(source[first:start]) if character.isspace())
        first = next((first + n for n in spaces), start)
    if last < len(source) and _WITHIN_WORD.match(source, last - 1):
        spaces = (n for n, character in enumerate(source[last:end:-1]) if character.isspace())
        last = next((last - n for n in spaces), end)
    return source[first:last]


class PhraseIndex:
    """The phrases of all topics by first word; one look-up per word of an article finds all of their occurrences."""

    def __init__(self) -> None:
        self._phrases: set[str] = set()
        self._by_word: dict[str, list[_Candidate]] = {}
        self._by_prefix: dict[str, list[_Candidate]] = {}
        """Candidates whose first word ends with ``*``."""
        self._prefix_lengths: dict[str, list[int]] = {}
        """The lengths of the prefixes of two and more characters, by their first two characters."""
        # Caches across articles: most words of an article were in an earlier one too.
        self._candidates: dict[str, tuple[_Candidate, ...]] = {}
        self._words_without_phrase: set[str] = set()

    def add(self, phrase: str) -> None:
        if phrase in self._phrases:
            return
        self._phrases.add(phrase)
        first, *rest = phrase_words(phrase)
        index = self._by_prefix if first.endswith("*") else self._by_word
        index.setdefault(first.rstrip("*"), []).append((phrase, tuple(rest)))
        if index is self._by_prefix and len(first) > 2:
            lengths = self._prefix_lengths.setdefault(first[:2], [])
            if len(first) - 1 not in lengths:
                insort(lengths, len(first) - 1)
        self._clear_caches()

    def _clear_caches(self) -> None:
        self._candidates.clear()
        self._words_without_phrase.clear()

    def locate(self, article: TokenizedArticle) -> None:
        """Set ``article.positions``."""
        words = article.words
        if len(self._words_without_phrase) > MAX_CACHED_WORDS:
            self._clear_caches()
        candidates: dict[str, tuple[_Candidate, ...]] = {}
        for word in set(words) - self._words_without_phrase:
            starting = self._candidates.get(word)
            if starting is None:
                starting = self._starting_with(word)
                if not starting:
                    self._words_without_phrase.add(word)
                    continue
                self._candidates[word] = starting
            candidates[word] = starting
        if not candidates:
            return
        for at in [at for at, word in enumerate(words) if word in candidates]:
            for phrase, rest in candidates[words[at]]:
                end = at + 1 + len(rest)
                # A phrase does not extend from the title into the text.
                if rest and (at < article.title_words < end or not _continues(words, at + 1, rest)):
                    continue
                article.positions.setdefault(phrase, []).append(at)

    def _starting_with(self, word: str) -> tuple[_Candidate, ...]:
        candidates = list(self._by_word.get(word, ()))
        candidates += self._by_prefix.get(word[:1], ())
        for length in self._prefix_lengths.get(word[:2], ()):
            if length > len(word):
                break
            candidates += self._by_prefix.get(word[:length], ())
        return tuple(candidates)


def _continues(words: Sequence[str], at: int, rest: Sequence[str]) -> bool:
    """Return whether the words from ``at`` on are the ``rest`` of a phrase."""
    if at + len(rest) > len(words):
        return False
    return all(
        words[number].startswith(word[:-1]) if word.endswith("*") else words[number] == word
        for number, word in enumerate(rest, at)
    )
