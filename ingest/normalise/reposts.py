"""Remove boilerplate around a story, and read its declared origin and the agencies that it credits.

Aggregators and content management systems add lines to the texts that they publish. With these lines two copies of one
story would differ, and a search would find every article of a site. So the lines are removed, and kept beside the text.

::

    text ─lines─▶ origin? ─▶ boilerplate? ─▶ byline? ─▶ kept or removed ─▶ CleanText
                  origins     boilerplate    bylines     credits: first and last lines

Every regular expression is bounded, and applies to lines of at most ``LINE_CHARACTERS``: longer ones are prose.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from ingest.normalise.boilerplate import boilerplate_rule, is_headline
from ingest.normalise.boilerplate_parts import EDGE_LINES, LINE_CHARACTERS, Place
from ingest.normalise.bylines import clean_authors, text_byline
from ingest.normalise.credits import FIRST_LINES, LAST_LINES, credit_line, find_credits
from ingest.normalise.origins import find_origin, fold_words, publisher_url
from ingest.types import Attribution, RemovedLine

__all__ = ["LINE_CHARACTERS", "CleanText", "clean_text"]

MAX_REMOVED: Final = 100
MIN_ASIDE_WORDS: Final = 4
"""Words of a headline in brackets; "(See also: Article 5)" refers to the story's own matter."""
TRAILER_CHARACTERS: Final = 200

_ASIDE: Final = re.compile(
    r"\s*[(\[]\s*(?:(?i:related)(?:\s(?i:articles?|stor(?:y|ies)|news|coverage))?|(?i:see\salso|read\salso|also\sread|read\smore"
    r"|lesen\ssie\sauch|lire\saussi|lea\stambién|читайте\sтакже|читать\sтакже))\s?:\s?(?P<headline>[^()\[\]\n]{3,300})[)\]]"
)
_TRAILER: Final = re.compile(
    r"(?P<before>^|[.!?…。\"”’»)\]]|\.\.\.)?\s*(?P<trailer>\[(?:…|\.\.\.)\]|(?:…|\.\.\.)?\s*"
    r"(?:Continue\s[Rr]eading|Read\s[Mm]ore|READ\sMORE|Read\sthe\s[Ff]ull\s(?:[Ss]tory|[Aa]rticle)"
    r"|Читать\sдалее|Weiterlesen|Lire\sla\ssuite|Leer\smás|Leia\smais|Leggi\stutto)"
    r"\s*(?:»|→|…|\.\.\.|>+)?)\s*\Z"
)
_TRAILER_ENDS: Final = (
    "]", "reading", "more", "story", "article", "»", "→", "…", "...", ">",
    "далее", "weiterlesen", "suite", "más", "mais", "tutto",
)  # fmt: skip
"""Ends of a folded text without trailing white space: a text with another end has no trailer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CleanText:
    """A story without boilerplate."""

    text: str
    attribution: Attribution | None
    removed: tuple[RemovedLine, ...]
    authors: tuple[str, ...]
    """The authors that a byline within the text names."""


def clean_text(text: str, *, title: str, markup: str) -> CleanText:
    """The story without boilerplate, its declared origin, and the lines that were removed.

    ``text`` is plain, one line per paragraph; ``markup`` is its HTML, which may link to the origin. Boilerplate
    alone stays as it is: a poor text is better than none.
    """
    cleaner = _Cleaner(text.split("\n"), title=title, markup=markup)
    cleaner.clean()
    story = "\n".join(cleaner.kept)
    if not story.strip():
        return CleanText(text=text, attribution=cleaner.attribution, removed=(), authors=())
    return CleanText(
        text=story,
        attribution=cleaner.attribution,
        removed=tuple(cleaner.removed[:MAX_REMOVED]),
        authors=cleaner.authors,
    )


def authors_of(declared: Iterable[str], story: CleanText) -> tuple[str, ...]:
    """Return a text's authors: those of its origin, else those that the feed declares, else those of its byline."""
    if story.attribution is not None and story.attribution.author is not None:
        return clean_authors((story.attribution.author,))  # the feed names who reposted the text
    return clean_authors(declared) or story.authors


class _Cleaner:
    """Passes through the lines of one text once."""

    def __init__(self, lines: Sequence[str], *, title: str, markup: str) -> None:
        self._lines = lines
        self._title = title
        self._markup = markup
        self.kept: list[str] = []
        self.removed: list[RemovedLine] = []
        self.attribution: Attribution | None = None
        self.authors: tuple[str, ...] = ()

    def clean(self) -> None:
        lines = self._lines
        for number, line in enumerate(lines):
            if number == 0 and len(lines) > 1 and self._title and fold_words(line) == fold_words(self._title):
                self._remove("title", line)
            else:
                self._clean_line(line, number)
        self._clean_end()
        self._add_credits()

    def _clean_line(self, line: str, number: int) -> None:
        place = self._place(number)
        if place is not Place.ANYWHERE:
            line = self._without_origin(line)
            if not line or self._is_byline_or_credit(line, number):
                return
        rule = boilerplate_rule(line, place=place)
        if rule is not None:
            self._remove(rule, line)
        elif ":" in line and ("(" in line or "[" in line):
            self._keep(_ASIDE.sub(self._aside, line))
        else:
            self.kept.append(line)

    def _place(self, number: int) -> Place:
        if number >= len(self._lines) - EDGE_LINES:
            return Place.END
        return Place.EDGES if number < EDGE_LINES else Place.ANYWHERE

    def _without_origin(self, line: str) -> str:
        origin = find_origin(line, title=self._title, markup=self._markup)
        if origin is None:
            return line
        if self.attribution is None:
            self.attribution = Attribution(
                author=origin.author,
                publisher=origin.publisher,
                url=publisher_url(origin.publisher, self._markup),
                evidence=origin.evidence,
            )
        self._remove("origin", origin.evidence)
        return origin.rest

    def _is_byline_or_credit(self, line: str, number: int) -> bool:
        if number < FIRST_LINES and not self.authors and (authors := text_byline(line)):
            self.authors = authors
            self._remove("byline", line)
            return True
        is_last = number >= len(self._lines) - LAST_LINES
        if len(self._lines) > 1 and (number < FIRST_LINES or is_last) and credit_line(line):
            self._remove("credit", line)
            return True
        return False

    def _aside(self, match: re.Match[str]) -> str:
        if not is_headline(match["headline"]) or len(match["headline"].split()) < MIN_ASIDE_WORDS:
            return match[0]
        self._remove("related", match[0].strip())
        return ""

    def _clean_end(self) -> None:
        while self.kept and (trailer := _trailer(self.kept[-1][-TRAILER_CHARACTERS:])):
            last = self.kept.pop()
            self._remove("read-more", trailer)
            self._keep(last[: last.rindex(trailer)].rstrip())

    def _add_credits(self) -> None:
        credits_ = find_credits(self._lines)
        if not credits_:
            return
        if self.attribution is not None:
            self.attribution = replace(self.attribution, credits=credits_)
        else:
            self.attribution = Attribution(
                author=None, publisher=None, url=None, evidence=credits_[0].evidence, credits=credits_
            )

    def _keep(self, line: str) -> None:
        if line.strip():
            self.kept.append(line)

    def _remove(self, rule: str, line: str) -> None:
        self.removed.append(RemovedLine(rule=rule, text=line[:LINE_CHARACTERS]))


def _trailer(end: str) -> str | None:
    """The call to read on that hangs on the last sentence: behind its end, or in brackets."""
    if not end.rstrip()[-12:].casefold().endswith(_TRAILER_ENDS):
        return None
    match = _TRAILER.search(end)
    if match is None:
        return None
    trailer = match["trailer"].strip()
    hangs_on_a_sentence = match["before"] is not None or trailer.startswith(("[", "…", "..."))
    return trailer if trailer and hangs_on_a_sentence else None
