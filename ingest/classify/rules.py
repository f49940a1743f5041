"""Compile a topic's rule into a condition on the positions of its phrases."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

from ingest.classify.phrases import PhraseIndex, Span, TokenizedArticle, phrase_words
from ingest.errors import Refused, RefusedTogether
from ingest.types import Topic

LEDE_WORDS: Final = 60
"""The lede is the title and this many words from the beginning of the text."""

Condition = Callable[[TokenizedArticle, int, int], "list[Span] | None"]
"""Takes an article and the range of its words to examine; returns the spans that match, or None if false."""


class RuleCompiler:
    """Compiles the rule of one topic.

    An invalid part is added to ``refusals`` and becomes a condition that is never true, so that the rest of the rule
    is checked too.
    """

    def __init__(self, topic: Topic, index: PhraseIndex) -> None:
        self._topic = topic.slug
        self._index = index
        self.refusals: list[Refused] = []
        self.phrases: set[str] = set()
        groups = topic.rule.get("phrases", {})
        if not isinstance(groups, Mapping):
            self._refuse("phrases", groups, "a mapping of group names to lists of phrases")
            groups = {}
        self._groups = {
            str(name): self._read_phrases(phrases, f"phrases.{name}") for name, phrases in groups.items()
        }

    def compile(self, rule: Any, where: str) -> Condition:
        """Compile a rule or a part of one; ``where`` is its path in the topic, for refusals."""
        if isinstance(rule, str):
            return _any_phrase(self._resolve(rule, where))
        if not isinstance(rule, Mapping) or not rule:
            return self._refuse(where, rule, "a phrase, $group, or a mapping such as {any: […]}")
        if "near" in rule:
            return self._near(rule, where)
        if "count" in rule:
            return self._count(rule, where)
        if len(rule) != 1:
            return self._refuse(where, sorted(map(str, rule)), f"one of {', '.join(self._kinds)}")
        ((kind, inner),) = rule.items()
        if kind not in self._kinds:
            return self._refuse(where, kind, f"one of {', '.join(self._kinds)}")
        return self._kinds[kind](self, inner, f"{where}.{kind}")

    def _any(self, rules: Any, where: str) -> Condition:
        conditions = self._compile_list(rules, where)

        def matches(article: TokenizedArticle, start: int, end: int) -> list[Span] | None:
            matched = [
                spans for condition in conditions if (spans := condition(article, start, end)) is not None
            ]
            return [span for spans in matched for span in spans] if matched else None

        return matches

    def _all(self, rules: Any, where: str) -> Condition:
        conditions = self._compile_list(rules, where)

        def matches(article: TokenizedArticle, start: int, end: int) -> list[Span] | None:
            matched: list[Span] = []
            for condition in conditions:
                spans = condition(article, start, end)
                if spans is None:
                    return None
                matched += spans
            return matched

        return matches

    def _none(self, rules: Any, where: str) -> Condition:
        conditions = self._compile_list(rules, where)

        def matches(article: TokenizedArticle, start: int, end: int) -> list[Span] | None:
            return [] if all(condition(article, start, end) is None for condition in conditions) else None

        return matches

    def _title(self, rule: Any, where: str) -> Condition:
        condition = self.compile(rule, where)
        return lambda article, start, end: condition(article, start, min(end, article.title_words))

    def _lede(self, rule: Any, where: str) -> Condition:
        condition = self.compile(rule, where)
        return lambda article, start, end: condition(
            article, start, min(end, article.title_words + LEDE_WORDS)
        )

    def _text(self, rule: Any, where: str) -> Condition:
        condition = self.compile(rule, where)
        return lambda article, start, end: condition(article, max(start, article.title_words), end)

    def _everything(self, value: Any, where: str) -> Condition:
        if value is not True:
            return self._refuse(where, value, "true")
        return lambda _article, _start, _end: []

    def _near(self, rule: Mapping[str, Any], where: str) -> Condition:
        self._refuse_extra(rule, where, {"near", "within", "at_least"})
        operands = rule["near"]
        if not isinstance(operands, list) or len(operands) < 2:
            return self._refuse(f"{where}.near", operands, "a list of two or more phrases or $groups")
        first_phrases, *other_phrases = [self._resolve(operand, f"{where}.near") for operand in operands]
        within = self._read_number(rule.get("within", 10), f"{where}.within")
        at_least = self._read_number(rule.get("at_least", 1), f"{where}.at_least")

        def matches(article: TokenizedArticle, start: int, end: int) -> list[Span] | None:
            firsts = _occurrences(article, first_phrases, start, end)
            if not firsts:
                return None
            neighbours = []
            for phrases in other_phrases:
                neighbours.append(_occurrences(article, phrases, start, end))
                if not neighbours[-1]:
                    return None
            matched: list[Span] = []
            groups, min_start = 0, -1
            for first in firsts:
                if first.start < min_start:
                    continue
                nearest = [_nearest(first, spans, min_start=min_start) for spans in neighbours]
                if all(span is not None and _distance(first, span) <= within for span in nearest):
                    group = [first, *(span for span in nearest if span is not None)]
                    groups += 1
                    matched += group
                    # The same neighbours do not count again for the next occurrence of the first phrase.
                    min_start = max(span.end for span in group)
            return matched if groups >= at_least else None

        return matches

    def _count(self, rule: Mapping[str, Any], where: str) -> Condition:
        self._refuse_extra(rule, where, {"count", "at_least"})
        phrases = self._resolve(rule["count"], f"{where}.count")
        at_least = self._read_number(rule.get("at_least", 1), f"{where}.at_least")

        def matches(article: TokenizedArticle, start: int, end: int) -> list[Span] | None:
            spans = _occurrences(article, phrases, start, end)
            return spans if len({span.start for span in spans}) >= at_least else None

        return matches

    _kinds: Mapping[str, Callable[[RuleCompiler, Any, str], Condition]] = {
        "any": _any,
        "all": _all,
        "none": _none,
        "title": _title,
        "lede": _lede,
        "text": _text,
        "near": _near,
        "count": _count,
        "everything": _everything,
    }

    def _resolve(self, name: Any, where: str) -> tuple[str, ...]:
        """Return the phrases of a ``$group``, or the one phrase."""
        if not isinstance(name, str) or not name.startswith("$"):
            return self._read_phrases([name], where)
        if name[1:] not in self._groups:
            groups = ", ".join(f"${group}" for group in self._groups)
            self._refuse(where, name, f"one of {groups}" if groups else "groups under phrases first")
        return self._groups.get(name[1:], ())

    def _read_phrases(self, phrases: Any, where: str) -> tuple[str, ...]:
        if not isinstance(phrases, list) or not phrases:
            self._refuse(where, phrases, "a list of phrases")
            return ()
        accepted = []
        for phrase in phrases:
            if isinstance(phrase, str) and phrase_words(phrase):
                self._index.add(phrase)
                self.phrases.add(phrase)
                accepted.append(phrase)
            else:
                self._refuse(where, phrase, "a phrase of at least one word, in quotes where YAML needs them")
        return tuple(accepted)

    def _compile_list(self, rules: Any, where: str) -> list[Condition]:
        if not isinstance(rules, list) or not rules:
            return [self._refuse(where, rules, "a list of conditions")]
        return [self.compile(rule, f"{where}[{number}]") for number, rule in enumerate(rules)]

    def _read_number(self, value: Any, where: str) -> int:
        if isinstance(value, int) and not isinstance(value, bool) and value >= 1:
            return value
        self._refuse(where, value, "a whole number of at least 1")
        return 1

    def _refuse_extra(self, rule: Mapping[str, Any], where: str, allowed: set[str]) -> None:
        if extra := sorted(set(map(str, rule)) - allowed):
            self._refuse(where, extra, f"only {', '.join(sorted(allowed))}")

    def _refuse(self, where: str, value: Any, accepted: str) -> Condition:
        self.refusals.append(Refused(f"topic {self._topic}, {where}", value, accepted))
        return lambda _article, _start, _end: None


def combine_refusals(refusals: Sequence[Refused]) -> Refused:
    return refusals[0] if len(refusals) == 1 else RefusedTogether(refusals)


def _occurrences(article: TokenizedArticle, phrases: Sequence[str], start: int, end: int) -> list[Span]:
    """Return the occurrences of these phrases between two words of the article, in order."""
    if article.positions.keys().isdisjoint(phrases):
        return []
    spans = []
    for phrase in phrases:
        if positions := article.positions.get(phrase):
            length = _length(phrase)
            spans += [Span(at, at + length, phrase) for at in positions if start <= at and at + length <= end]
    spans.sort()
    return spans


@lru_cache(maxsize=10_000)
def _length(phrase: str) -> int:
    return len(phrase_words(phrase))


def _nearest(span: Span, candidates: Sequence[Span], *, min_start: int) -> Span | None:
    """Return the candidate nearest to ``span`` that begins at word ``min_start`` or later."""
    first = bisect_left(candidates, min_start, key=lambda candidate: candidate.start)
    following = bisect_left(candidates, span, lo=first)
    adjacent = candidates[max(first, following - 1) : following + 1]
    return min(adjacent, key=lambda candidate: _distance(span, candidate), default=None)


def _any_phrase(phrases: Sequence[str]) -> Condition:
    return lambda article, start, end: _occurrences(article, phrases, start, end) or None


def _distance(left: Span, right: Span) -> int:
    """Return the number of words between two spans, in any order; 0 if they touch or overlap."""
    return max(0, right.start - left.end, left.start - right.end)


def format_rule(rule: Any) -> str:
    """Return a rule in one line, for explanations."""
    if isinstance(rule, Mapping):
        return ", ".join(f"{kind}: {format_rule(inner)}" for kind, inner in rule.items())
    if isinstance(rule, list):
        return "[" + ", ".join(format_rule(inner) for inner in rule) + "]"
    return str(rule).lower() if isinstance(rule, bool) else str(rule)
