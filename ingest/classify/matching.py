"""Match articles against all topics at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ingest.classify.phrases import PhraseIndex, TokenizedArticle
from ingest.classify.rules import Condition, RuleCompiler, combine_refusals, format_rule
from ingest.types import Match, Topic


class Classifier:
    """Compiled topics with one index of all their phrases."""

    def __init__(self, topics: Sequence[Topic]) -> None:
        self._index = PhraseIndex()
        self._topics = [self._compile(topic) for topic in topics]

    def matches(self, title: str, text: str) -> tuple[Match, ...]:
        """Return the topics of an article, in the order of the topics, each with its explanation."""
        article = TokenizedArticle(title, text)
        self._index.locate(article)
        matches = []
        for topic in self._topics:
            # Most articles have no phrase of most topics; the result without any phrase was computed beforehand.
            if not topic.matches_without_phrases and topic.phrases.isdisjoint(article.positions):
                continue
            spans = topic.condition(article, 0, len(article.words))
            if spans is None:
                continue
            explanation = {"rule": topic.matched_branch(article), "matches": article.quotes(spans)}
            matches.append(Match(topic=topic.slug, explanation=explanation))
        return tuple(matches)

    def _compile(self, topic: Topic) -> _CompiledTopic:
        compiler = RuleCompiler(topic, self._index)
        rule = topic.rule.get("rule", topic.rule)
        condition = compiler.compile(rule, "rule")
        if compiler.refusals:
            raise combine_refusals(compiler.refusals)
        # An explanation names the alternative that matched, not the whole rule.
        branches = rule["any"] if isinstance(rule, Mapping) and set(rule) == {"any"} else [rule]
        return _CompiledTopic(
            slug=topic.slug,
            condition=condition,
            branches=[(format_rule(branch), compiler.compile(branch, "rule")) for branch in branches],
            phrases=frozenset(compiler.phrases),
            matches_without_phrases=condition(TokenizedArticle("", ""), 0, 0) is not None,
        )


class _CompiledTopic(NamedTuple):
    slug: str
    condition: Condition
    branches: list[tuple[str, Condition]]
    """The alternatives of the rule, each as it is shown."""
    phrases: frozenset[str]
    matches_without_phrases: bool
    """Conditions depend on positions of phrases alone, so all articles without a phrase have this one result."""

    def matched_branch(self, article: TokenizedArticle) -> str:
        """Return the first alternative that the article matches, as it is shown."""
        return next(
            (shown for shown, branch in self.branches if branch(article, 0, len(article.words)) is not None),
            "",
        )


def compile_topics(topics: Sequence[Topic]) -> Classifier:
    """
    Raises:
        Refused: an invalid rule; names the topic and the place in its rule.
    """
    return Classifier(topics)
