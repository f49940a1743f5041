"""A topic's rule → a condition on where its phrases stand, or what of it is no rule."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

from ingest.classify.phrases import PHRASE_WORDS, PhraseIndex, Span, Words
from ingest.errors import Refused, RefusedTogether
from ingest.types import Topic

LEDE_WORDS: Final = 60
"""The lede is the title and this many first words of the text."""

Condition = Callable[[Words, int, int], "list[Span] | None"]
"""Given the words and the part of them to look at: the places that meet it, or None where it is not met."""


class Compiler:
    """Turns one topic's rule into a :data:`Condition`.

    What is none goes to ``refusals`` and is never met, so that the rest of the rule is looked at too.
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
            str(name): self._phrases(phrases, f"phrases.{name}") for name, phrases in groups.items()
        }

    def condition(self, said: Any, where: str) -> Condition:
        if isinstance(said, str):
            return _anywhere(self._named(said, where))
        if not isinstance(said, Mapping) or not said:
            return self._refuse(where, said, "a phrase, $group, or a mapping such as {any: […]}")
        if "near" in said:
            return self._near(said, where)
        if "count" in said:
            return self._count(said, where)
        if len(said) != 1:
            return self._refuse(where, sorted(map(str, said)), f"one of {', '.join(self._kinds)}")
        ((kind, inner),) = said.items()
        if kind not in self._kinds:
            return self._refuse(where, kind, f"one of {', '.join(self._kinds)}")
        return self._kinds[kind](self, inner, f"{where}.{kind}")

    def _any(self, said: Any, where: str) -> Condition:
        conditions = self._list(said, where)

        def met(words: Words, start: int, end: int) -> list[Span] | None:
            found = [
                places for condition in conditions if (places := condition(words, start, end)) is not None
            ]
            return [place for places in found for place in places] if found else None

        return met

    def _all(self, said: Any, where: str) -> Condition:
        conditions = self._list(said, where)

        def met(words: Words, start: int, end: int) -> list[Span] | None:
            found: list[Span] = []
            for condition in conditions:
                places = condition(words, start, end)
                if places is None:
                    return None
                found += places
            return found

        return met

    def _none(self, said: Any, where: str) -> Condition:
        conditions = self._list(said, where)

        def met(words: Words, start: int, end: int) -> list[Span] | None:
            return [] if all(condition(words, start, end) is None for condition in conditions) else None

        return met

    def _title(self, said: Any, where: str) -> Condition:
        condition = self.condition(said, where)
        return lambda words, start, end: condition(words, start, min(end, words.title_words))

    def _lede(self, said: Any, where: str) -> Condition:
        condition = self.condition(said, where)
        return lambda words, start, end: condition(words, start, min(end, words.title_words + LEDE_WORDS))

    def _text(self, said: Any, where: str) -> Condition:
        condition = self.condition(said, where)
        return lambda words, start, end: condition(words, max(start, words.title_words), end)

    def _everything(self, said: Any, where: str) -> Condition:
        if said is not True:
            return self._refuse(where, said, "true")
        return lambda _words, _start, _end: []

    def _near(self, said: Mapping[str, Any], where: str) -> Condition:
        self._only(said, where, {"near", "within", "at_least"})
        names = said["near"]
        if not isinstance(names, list) or len(names) < 2:
            return self._refuse(f"{where}.near", names, "a list of two or more phrases or $groups")
        sides = [self._named(name, f"{where}.near") for name in names]
        within = self._number(said.get("within", 10), f"{where}.within")
        at_least = self._number(said.get("at_least", 1), f"{where}.at_least")

        def met(words: Words, start: int, end: int) -> list[Span] | None:
            mentions = []
            for phrases in sides:
                mentions.append(_places(words, phrases, start, end))
                if not mentions[-1]:
                    return None
            found: list[Span] = []
            times, free_from = 0, -1
            for first in mentions[0]:
                if first.start < free_from:
                    continue
                close = [_nearest(first, side, behind=free_from) for side in mentions[1:]]
                if all(place is not None and _distance(first, place) <= within for place in close):
                    places = [first, *(place for place in close if place is not None)]
                    times += 1
                    found += places
                    # The same neighbours do not count again for the next mention of the first.
                    free_from = max(place.end for place in places)
            return found if times >= at_least else None

        return met

    def _count(self, said: Mapping[str, Any], where: str) -> Condition:
        self._only(said, where, {"count", "at_least"})
        phrases = self._named(said["count"], f"{where}.count")
        at_least = self._number(said.get("at_least", 1), f"{where}.at_least")

        def met(words: Words, start: int, end: int) -> list[Span] | None:
            found = _places(words, phrases, start, end)
            return found if len({place.start for place in found}) >= at_least else None

        return met

    _kinds: Mapping[str, Callable[[Compiler, Any, str], Condition]] = {
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

    def _named(self, name: Any, where: str) -> tuple[str, ...]:
        if not isinstance(name, str) or not name.startswith("$"):
            return self._phrases([name], where)
        if name[1:] not in self._groups:
            known = ", ".join(f"${group}" for group in self._groups)
            self._refuse(where, name, f"one of {known}" if known else "groups under phrases first")
        return self._groups.get(name[1:], ())

    def _phrases(self, phrases: Any, where: str) -> tuple[str, ...]:
        if not isinstance(phrases, list) or not phrases:
            self._refuse(where, phrases, "a list of phrases")
            return ()
        good = []
        for phrase in phrases:
            if isinstance(phrase, str) and PHRASE_WORDS.findall(phrase):
                self._index.add(phrase)
                self.phrases.add(phrase)
                good.append(phrase)
            else:
                self._refuse(where, phrase, "a phrase of at least one word, in quotes where YAML needs them")
        return tuple(good)

    def _list(self, said: Any, where: str) -> list[Condition]:
        if not isinstance(said, list) or not said:
            return [self._refuse(where, said, "a list of conditions")]
        return [self.condition(one, f"{where}[{number}]") for number, one in enumerate(said)]

    def _number(self, said: Any, where: str) -> int:
        if isinstance(said, int) and not isinstance(said, bool) and said >= 1:
            return said
        self._refuse(where, said, "a whole number of at least 1")
        return 1

    def _only(self, said: Mapping[str, Any], where: str, allowed: set[str]) -> None:
        if extra := sorted(set(map(str, said)) - allowed):
            self._refuse(where, extra, f"only {', '.join(sorted(allowed))}")

    def _refuse(self, where: str, value: Any, accepted: str) -> Condition:
        self.refusals.append(Refused(f"topic {self._topic}, {where}", value, accepted))
        return lambda _words, _start, _end: None


def combine_refusals(refusals: Sequence[Refused]) -> Refused:
    return refusals[0] if len(refusals) == 1 else RefusedTogether(refusals)


def _places(words: Words, phrases: Sequence[str], start: int, end: int) -> list[Span]:
    """Where these phrases stand in that part of the article, in order."""
    if words.starts.keys().isdisjoint(phrases):
        return []
    found = []
    for phrase in phrases:
        if starts := words.starts.get(phrase):
            length = _length(phrase)
            found += [Span(at, at + length, phrase) for at in starts if start <= at and at + length <= end]
    found.sort()
    return found


@lru_cache(maxsize=10_000)
def _length(phrase: str) -> int:
    return len(PHRASE_WORDS.findall(phrase))


def _nearest(place: Span, others: Sequence[Span], *, behind: int) -> Span | None:
    """The nearest of ``others`` that begins at word ``behind`` or later."""
    first = bisect_left(others, behind, key=lambda other: other.start)
    following = bisect_left(others, place, lo=first)
    around = others[max(first, following - 1) : following + 1]
    return min(around, key=lambda other: _distance(place, other), default=None)


def _anywhere(phrases: Sequence[str]) -> Condition:
    return lambda words, start, end: _places(words, phrases, start, end) or None


def _distance(one: Span, other: Span) -> int:
    """Words between the two; 0 where they touch or overlap."""
    return max(0, other.start - one.end, one.start - other.end)


def format_rule(rule: Any) -> str:
    """A condition in one line, as an explanation quotes it."""
    if isinstance(rule, Mapping):
        return ", ".join(f"{kind}: {format_rule(inner)}" for kind, inner in rule.items())
    if isinstance(rule, list):
        return "[" + ", ".join(format_rule(inner) for inner in rule) + "]"
    return str(rule).lower() if isinstance(rule, bool) else str(rule)
