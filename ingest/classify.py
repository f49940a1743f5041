"""Topics as rules a person can read, and why an article matches one.

A topic names groups of phrases and says how they must stand::

    - slug: russia-north-korea
      title: Russia–North Korea relations
      phrases:
        russia: [Russia*, Moscow, Kremlin]
        north-korea: [North Korea*, DPRK, Pyongyang]
      rule:
        any:
          - title: {all: [$russia, $north-korea]}        # both in the headline
          - near: [$russia, $north-korea]                # or close to each other, more than once
            within: 25
            at_least: 2

A condition is a phrase, ``$group``, or a mapping with one of: ``any``, ``all``, ``none`` (of a list); ``title``,
``lede``, ``text`` (a condition, looked for only there; the lede is the title and the first words of the text);
``near`` (a list of phrases and groups that stand within so many words of each other, ``at_least`` so often);
``count`` (a phrase or group that is found ``at_least`` so often); ``everything: true``.

Matching is by whole words whatever their case; ``*`` at the end of a word takes any ending. Chinese and Japanese
have no spaces: there each character is a word.

One pass over an article's words finds all phrases of all topics; the conditions then only look at places.
"""

from __future__ import annotations

import re
from bisect import bisect_left, insort
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final, NamedTuple

import yaml

from ingest.errors import Refused, RefusedTogether
from ingest.log.api import ALERTS_STREAM
from ingest.plain import plain
from ingest.types import Match, Topic
from ingest.words import short_way

LEDE_WORDS: Final = 60
"""The lede is the title and this many first words of the text."""
SCANNED_WORDS: Final = 20_000
"""Words of a text that are looked at: what comes later does not make an article's subject."""
REMEMBERED_WORDS: Final = 200_000
"""Words whose phrases are remembered from article to article; then it begins anew."""
QUOTE_CHARACTERS: Final = 40
"""Shown on either side of a found phrase."""
FOUND: Final = 12
"""Places shown in an explanation."""
MAX_FILE_BYTES: Final = 4 * 1024**2

_CHARACTERS: Final = r"\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_WORDS: Final = re.compile(rf"[{_CHARACTERS}]|[^\W_{_CHARACTERS}]+")
_PHRASE_WORDS: Final = re.compile(rf"[{_CHARACTERS}]\*?|[^\W_{_CHARACTERS}]+\*?")
_WITHIN_WORD: Final = re.compile(rf"[^\s{_CHARACTERS}]{{2}}")
_SLUG: Final = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


class Place(NamedTuple):
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

    def found(self, places: Sequence[Place]) -> list[dict[str, Any]]:
        """For people: where in the article, which phrase, in what words."""
        return [self._quoted(place) for place in sorted(set(places), key=lambda place: place.start)[:FOUND]]

    def _quoted(self, place: Place) -> dict[str, Any]:
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
    words = short_way(text)
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


Condition = Callable[[Words, int, int], "list[Place] | None"]
"""Given the words and the part of them to look at: the places that meet it, or None where it is not met."""


class Classifier:
    """All topics, ready to be matched."""

    def __init__(self, topics: Sequence[Topic]) -> None:
        self._index = _PhraseIndex()
        self._rules = [self._compile(topic) for topic in topics]

    def matches(self, title: str, text: str) -> tuple[Match, ...]:
        """The topics the article belongs to, in the order they were given, each with its explanation."""
        words = Words(title, text)
        self._index.find(words)
        found = []
        for topic in self._rules:
            # Most articles have nothing of most topics: what is met by none of its phrases was found out beforehand.
            if not topic.met_by_silence and topic.phrases.isdisjoint(words.starts):
                continue
            places = topic.rule(words, 0, len(words.folded))
            if places is None:
                continue
            reason = next(
                (said for said, branch in topic.branches if branch(words, 0, len(words.folded)) is not None),
                "",
            )
            found.append(Match(topic=topic.slug, explanation={"rule": reason, "found": words.found(places)}))
        return tuple(found)

    def _compile(self, topic: Topic) -> _Rule:
        compiler = _Compiler(topic, self._index)
        rule = topic.rule.get("rule", topic.rule)
        whole = compiler.condition(rule, "rule")
        if compiler.refusals:
            raise _together(compiler.refusals)
        # An explanation names the alternative that was met, not the whole rule.
        branches = rule["any"] if isinstance(rule, Mapping) and set(rule) == {"any"} else [rule]
        return _Rule(
            slug=topic.slug,
            rule=whole,
            branches=[(_said(branch), compiler.condition(branch, "rule")) for branch in branches],
            phrases=frozenset(compiler.phrases),
            met_by_silence=whole(Words("", ""), 0, 0) is not None,
        )


class _Rule(NamedTuple):
    """One topic, compiled. A condition only looks at places of phrases, so that without any it has one answer."""

    slug: str
    rule: Condition
    branches: list[tuple[str, Condition]]
    phrases: frozenset[str]
    met_by_silence: bool


def compile_topics(topics: Sequence[Topic]) -> Classifier:
    """
    Raises:
        Refused: a rule that is not one; names the topic and the places in it.
    """
    return Classifier(topics)


class _PhraseIndex:
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
        first, *rest = _PHRASE_WORDS.findall(phrase.casefold())
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


class _Compiler:
    """Turns one topic's rule into a :data:`Condition`.

    What is none goes to ``refusals`` and is never met, so that the rest of the rule is looked at too.
    """

    def __init__(self, topic: Topic, index: _PhraseIndex) -> None:
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

        def met(words: Words, start: int, end: int) -> list[Place] | None:
            found = [
                places for condition in conditions if (places := condition(words, start, end)) is not None
            ]
            return [place for places in found for place in places] if found else None

        return met

    def _all(self, said: Any, where: str) -> Condition:
        conditions = self._list(said, where)

        def met(words: Words, start: int, end: int) -> list[Place] | None:
            found: list[Place] = []
            for condition in conditions:
                places = condition(words, start, end)
                if places is None:
                    return None
                found += places
            return found

        return met

    def _none(self, said: Any, where: str) -> Condition:
        conditions = self._list(said, where)

        def met(words: Words, start: int, end: int) -> list[Place] | None:
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

        def met(words: Words, start: int, end: int) -> list[Place] | None:
            mentions = []
            for phrases in sides:
                mentions.append(_places(words, phrases, start, end))
                if not mentions[-1]:
                    return None
            found: list[Place] = []
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

        def met(words: Words, start: int, end: int) -> list[Place] | None:
            found = _places(words, phrases, start, end)
            return found if len({place.start for place in found}) >= at_least else None

        return met

    _kinds: Mapping[str, Callable[[_Compiler, Any, str], Condition]] = {
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
            if isinstance(phrase, str) and _PHRASE_WORDS.findall(phrase):
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


def _together(refusals: Sequence[Refused]) -> Refused:
    return refusals[0] if len(refusals) == 1 else RefusedTogether(refusals)


def _places(words: Words, phrases: Sequence[str], start: int, end: int) -> list[Place]:
    """Where these phrases stand in that part of the article, in order."""
    if words.starts.keys().isdisjoint(phrases):
        return []
    found = []
    for phrase in phrases:
        if starts := words.starts.get(phrase):
            length = _length(phrase)
            found += [Place(at, at + length, phrase) for at in starts if start <= at and at + length <= end]
    found.sort()
    return found


@lru_cache(maxsize=10_000)
def _length(phrase: str) -> int:
    return len(_PHRASE_WORDS.findall(phrase))


def _nearest(place: Place, others: Sequence[Place], *, behind: int) -> Place | None:
    """The nearest of ``others`` that begins at word ``behind`` or later."""
    first = bisect_left(others, behind, key=lambda other: other.start)
    following = bisect_left(others, place, lo=first)
    around = others[max(first, following - 1) : following + 1]
    return min(around, key=lambda other: _distance(place, other), default=None)


def _anywhere(phrases: Sequence[str]) -> Condition:
    return lambda words, start, end: _places(words, phrases, start, end) or None


def _distance(one: Place, other: Place) -> int:
    """Words between the two; 0 where they touch or overlap."""
    return max(0, other.start - one.end, one.start - other.end)


def _said(rule: Any) -> str:
    """A condition in one line, as an explanation quotes it."""
    if isinstance(rule, Mapping):
        return ", ".join(f"{kind}: {_said(inner)}" for kind, inner in rule.items())
    if isinstance(rule, list):
        return "[" + ", ".join(_said(inner) for inner in rule) + "]"
    return str(rule).lower() if isinstance(rule, bool) else str(rule)


def read_topics(text: str, *, name: str) -> tuple[Topic, ...]:
    """The topics of a YAML file, every rule checked.

    Raises:
        Refused: names the file, the topic and the place that is wrong, and what would be accepted; where more
            than one is wrong, a :class:`RefusedTogether` names them all.
    """
    if len(text.encode("utf-8", "replace")) > MAX_FILE_BYTES:
        raise Refused(name, f"{len(text)} characters", f"at most {MAX_FILE_BYTES} bytes")
    try:
        said = yaml.load(text, _UniqueKeys)  # noqa: S506 - a SafeLoader that refuses repeated keys
    except yaml.YAMLError as error:
        raise Refused(name, _line_of(error), f"YAML ({' '.join(str(error).split())})") from None
    except RecursionError:
        raise Refused(name, "nested too deeply", "a list of topics") from None
    if said is None:
        raise Refused(name, "an empty file", "one key, topics, with a list of topics")
    if not isinstance(said, Mapping) or set(said) != {"topics"} or not isinstance(said["topics"], list):
        raise Refused(name, _shape(said), "one key, topics, with a list of topics")
    topics: list[Topic] = []
    slugs: set[str] = set()
    refusals: list[Refused] = []
    for number, one in enumerate(said["topics"], 1):
        try:
            topics.append(_read_topic(one, number, slugs))
        except RefusedTogether as refused:
            refusals += refused.refusals
    if refusals:
        raise _together([Refused(f"{name}, {one.thing}", one.value, one.accepted) for one in refusals])
    return tuple(topics)


def _read_topic(said: Any, number: int, slugs: set[str]) -> Topic:
    """The topic; its slug joins ``slugs``, those of the topics before it.

    Raises:
        RefusedTogether: all that is wrong with it.
    """
    where = f"topic {number}"
    if not isinstance(said, Mapping):
        raise RefusedTogether([Refused(where, said, "a mapping with slug, title and rule")])
    refusals: list[Refused] = []
    slug, title, description = said.get("slug"), said.get("title"), said.get("description", "")
    if not isinstance(slug, str) or not _SLUG.fullmatch(slug) or len(slug) > 100:
        accepted = "up to 100 lower-case letters, digits and single hyphens"
        refusals.append(Refused(f"{where}, slug", slug, accepted))
        slug = str(number)
    else:
        if slug == ALERTS_STREAM:
            accepted = "another slug: this one is the stream of the alerts"
            refusals.append(Refused(f"{where}, slug", slug, accepted))
        if slug in slugs:
            refusals.append(Refused(f"{where}, slug", slug, "a slug that no other topic has"))
        slugs.add(slug)
        where = f"{where} ({slug})"
    if extra := sorted(map(str, set(said) - {"slug", "title", "description", "phrases", "rule"})):
        refusals.append(Refused(where, extra, "only slug, title, description, phrases and rule"))
    if not isinstance(title, str) or not title.strip():
        refusals.append(Refused(f"{where}, title", title, "a line of text"))
    if not isinstance(description, str):
        refusals.append(Refused(f"{where}, description", description, "a text"))
    rule = {name: said[name] for name in ("rule", "phrases") if name in said}
    topic = Topic(slug=slug, title=str(title).strip(), description=str(description).strip(), rule=rule)
    if "rule" not in said:
        refusals.append(Refused(f"{where}, rule", None, "a condition"))
    else:
        try:
            compile_topics([topic])
        except RefusedTogether as refused:
            refusals += refused.refusals
        except Refused as refused:
            refusals.append(refused)
        except RecursionError:  # YAML can hold a rule that contains itself
            refusals.append(Refused(f"topic {slug}, rule", "nested too deeply", "a condition"))
    if refusals:
        raise RefusedTogether(refusals)
    return topic


def write_topics(topics: Sequence[Topic]) -> str:
    """A YAML file with these topics, which :func:`read_topics` takes."""
    said = []
    for topic in topics:
        about = {"description": topic.description} if topic.description else {}
        rule = {"rule": topic.rule.get("rule", topic.rule)}
        phrases = {"phrases": topic.rule["phrases"]} if "phrases" in topic.rule else {}
        said.append({"slug": topic.slug, "title": topic.title, **about, **phrases, **rule})
    return yaml.dump(
        plain({"topics": said}), Dumper=_ForPeople, allow_unicode=True, sort_keys=False, width=110
    )


class _ForPeople(yaml.SafeDumper):
    """Phrases in lines, not one a line; and each where it stands, not under a name that was given to it elsewhere."""

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def represent_list(self, data: Iterable[Any]) -> yaml.SequenceNode:
        phrases = all(isinstance(one, str) for one in data)
        return self.represent_sequence("tag:yaml.org,2002:seq", data, flow_style=phrases)


_ForPeople.add_representer(list, _ForPeople.represent_list)


class _UniqueKeys(yaml.SafeLoader):
    """YAML in which a key that stands twice is an error; the second would silently win."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key_node, _ in node.value:
            key = key_node.value
            if key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"{key!r} stands twice", key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep)


def _line_of(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    return f"line {mark.line + 1}" if mark else "the file"


def _shape(said: Any) -> str:
    if isinstance(said, Mapping) and set(said) == {"topics"}:
        return "topics: with no list of topics under it"
    return f"keys {sorted(map(str, said))}" if isinstance(said, Mapping) else type(said).__name__
