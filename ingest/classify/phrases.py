"""An article's words, and where which phrase stands among them."""

from __future__ import annotations

import re
from bisect import insort
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from ingest.tokenize import ascii_tokens

SCANNED_WORDS: Final = 20_000
"""Words of a text that are looked at: what comes later does not make an article's subject."""
REMEMBERED_WORDS: Final = 200_000
"""Words whose phrases are remembered from article to article; then it begins anew."""
QUOTE_CHARACTERS: Final = 40
"""Shown on either side of a found phrase."""
FOUND: Final = 12
"""Places shown in an explanation."""

_CHARACTERS: Final = r"\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_WORDS: Final = re.compile(rf"[{_CHARACTERS}]|[^\W_{_CHARACTERS}]+")
PHRASE_WORDS: Final = re.compile(rf"[{_CHARACTERS}]\*?|[^\W_{_CHARACTERS}]+\*?")
_WITHIN_WORD: Final = re.compile(rf"[^\s{_CHARACTERS}]{{2}}")


class Span(NamedTuple):
    """Words ``start`` to ``end`` (behind it) of the article, title and text counted through, are ``phrase``."""

    start: int
    end: int
    phrase: str


class Words:
    """An article's words, and where which phrase of which topic stands."""

    def __init__(self, title: str, text: str) -> None:
        self.title = title
        self.text = text
        self.folded = _folded(title)
        self.title_words = len(self.folded)
        self.folded += _folded(text)[:SCANNED_WORDS]
        self._title_spans: list[tuple[int, int]] | None = None
        self._text_spans: list[tuple[int, int]] | None = None
        self.starts: dict[str, list[int]] = {}
        """Where each phrase that was found begins."""

    def found(self, places: Sequence[Span]) -> list[dict[str, Any]]:
        """For people: where in the article, which phrase, in what words."""
        return [self._quoted(place) for place in sorted(set(places), key=lambda place: place.start)[:FOUND]]

    def _quoted(self, place: Span) -> dict[str, Any]:
        if place.start < self.title_words:
            where, source = "title", self.title
            if self._title_spans is None:
                self._title_spans = [found.span() for found in _WORDS.finditer(source)]
            spans = self._title_spans
            first, last = place.start, place.end - 1
        else:
            where, source = "text", self.text
            first, last = place.start - self.title_words, place.end - 1 - self.title_words
            if self._text_spans is None:
                self._text_spans = [found.span() for found in _WORDS.finditer(source)]
            spans = self._text_spans
        at, end = spans[first][0], spans[last][1]
        quote = _around(source, at, end)
        return {"where": where, "phrase": place.phrase, "at": at, "quote": " ".join(quote.split())}


def _folded(text: str) -> list[str]:
    """The words of ``text`` as phrases are compared with them; as many as ``_WORDS`` finds."""
    words = ascii_tokens(text)
    if words is None:
        # Folding may lengthen a word but never adds a line to it, so the count of words stays.
        found = _WORDS.findall(text)
        words = "\n".join(found).casefold().split("\n") if found else []
    return words


def _around(source: str, at: int, end: int) -> str:
    """What stands from ``at`` to ``end`` with some of what is around it, in whole words."""
    first, last = max(0, at - QUOTE_CHARACTERS), min(len(source), end + QUOTE_CHARACTERS)
    if first and _WITHIN_WORD.match(source, first - 1):
        first = next((first + n for n, character in enumerate(source[first:at]) if character.isspace()), at)
    if last < len(source) and _WITHIN_WORD.match(source, last - 1):
        last = next((last - n for n, character in enumerate(source[last:end:-1]) if character.isspace()), end)
    return source[first:last]


class PhraseIndex:
    """Every phrase of every topic by its first word; one look at each word of an article finds them all."""

    def __init__(self) -> None:
        self._exact: dict[str, list[tuple[str, tuple[str, ...]]]] = {}
        self._prefix: dict[str, list[tuple[str, tuple[str, ...]]]] = {}
        self._prefix_lengths: dict[str, list[int]] = {}
        """Of two and more, by the first two characters."""
        self._known: set[str] = set()
        # What begins with a word, by the word: most of the words of an article stood in the one before too.
        self._starting: dict[str, tuple[tuple[str, tuple[str, ...]], ...]] = {}
        self._barren: set[str] = set()

    def add(self, phrase: str) -> None:
        if phrase in self._known:
            return
        self._known.add(phrase)
        first, *rest = PHRASE_WORDS.findall(phrase.casefold())
        by_first = self._prefix if first.endswith("*") else self._exact
        by_first.setdefault(first.rstrip("*"), []).append((phrase, tuple(rest)))
        if by_first is self._prefix and len(first) > 2:
            lengths = self._prefix_lengths.setdefault(first[:2], [])
            if len(first) - 1 not in lengths:
                insort(lengths, len(first) - 1)
        self._forget()

    def _forget(self) -> None:
        self._starting.clear()
        self._barren.clear()

    def find(self, words: Words) -> None:
        folded = words.folded
        if len(self._barren) > REMEMBERED_WORDS:
            self._forget()
        candidates: dict[str, tuple[tuple[str, tuple[str, ...]], ...]] = {}
        for word in set(folded) - self._barren:
            starting = self._starting.get(word)
            if starting is None:
                starting = self._starting_with(word)
                if not starting:
                    self._barren.add(word)
                    continue
                self._starting[word] = starting
            candidates[word] = starting
        if not candidates:
            return
        for at in [at for at, word in enumerate(folded) if word in candidates]:
            for phrase, rest in candidates[folded[at]]:
                end = at + 1 + len(rest)
                # A phrase does not run from the title into the text.
                if rest and (at < words.title_words < end or not _goes_on(folded, at + 1, rest)):
                    continue
                words.starts.setdefault(phrase, []).append(at)

    def _starting_with(self, word: str) -> tuple[tuple[str, tuple[str, ...]], ...]:
        found = list(self._exact.get(word, ()))
        found += self._prefix.get(word[:1], ())
        for length in self._prefix_lengths.get(word[:2], ()):
            if length > len(word):
                break
            found += self._prefix.get(word[:length], ())
        return tuple(found)


def _goes_on(folded: Sequence[str], at: int, rest: Sequence[str]) -> bool:
    if at + len(rest) > len(folded):
        return False
    return all(
        folded[number].startswith(word[:-1]) if word.endswith("*") else folded[number] == word
        for number, word in enumerate(rest, at)
    )
