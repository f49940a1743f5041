"""All topics at once against an article."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ingest.classify.phrases import PhraseIndex, Words
from ingest.classify.rules import Compiler, Condition, combine_refusals, format_rule
from ingest.types import Match, Topic


class Classifier:
    """All topics, ready to be matched."""

    def __init__(self, topics: Sequence[Topic]) -> None:
        self._index = PhraseIndex()
        self._rules = [self._compile(topic) for topic in topics]

    def matches(self, title: str, text: str) -> tuple[Match, ...]:
        """The topics the article belongs to, in the order they were given, each with its explanation."""
        words = Words(title, text)
        self._index.find(words)
        found = []
        for topic in self._rules:
            # Most articles have nothing of most topics: what is met by none of its phrases was found out beforehand.
            if not topic.matches_without_phrases and topic.phrases.isdisjoint(words.starts):
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
        compiler = Compiler(topic, self._index)
        rule = topic.rule.get("rule", topic.rule)
        whole = compiler.condition(rule, "rule")
        if compiler.refusals:
            raise combine_refusals(compiler.refusals)
        # An explanation names the alternative that was met, not the whole rule.
        branches = rule["any"] if isinstance(rule, Mapping) and set(rule) == {"any"} else [rule]
        return _Rule(
            slug=topic.slug,
            rule=whole,
            branches=[(format_rule(branch), compiler.condition(branch, "rule")) for branch in branches],
            phrases=frozenset(compiler.phrases),
            matches_without_phrases=whole(Words("", ""), 0, 0) is not None,
        )


class _Rule(NamedTuple):
    """One topic, compiled. A condition only looks at places of phrases, so that without any it has one answer."""

    slug: str
    rule: Condition
    branches: list[tuple[str, Condition]]
    phrases: frozenset[str]
    matches_without_phrases: bool


def compile_topics(topics: Sequence[Topic]) -> Classifier:
    """
    Raises:
        Refused: a rule that is not one; names the topic and the places in it.
    """
    return Classifier(topics)
