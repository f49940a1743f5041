"""Queries as trees of lexemes: the form from which the text of a tsquery and the matches in a text are made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from ingest.search.lexemes import quoted


@dataclass(frozen=True, slots=True, kw_only=True)
class Lexeme:
    """A lexeme, or the beginning of lexemes if ``prefix``."""

    text: str
    prefix: bool = False
    articles: tuple[str, ...] = ()
    """Only in articles with one of these lexemes, unless other words stand beside it; empty: in any article."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Alternatives for one position of a phrase, ``distance`` positions behind the step before."""

    alternatives: tuple[Lexeme, ...]
    distance: int
    width: int = 1
    """Positions that the step covers: two for a pair of characters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Phrase:
    """Steps at adjacent positions; a single word is a phrase of one step."""

    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AnyOf:
    nodes: tuple[Node, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AllOf:
    nodes: tuple[Node, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Without:
    node: Node


Node: TypeAlias = Phrase | AnyOf | AllOf | Without


def tsquery_text(node: Node) -> str:
    """Return the text form of a tsquery; every operand that is no single lexeme stands in parentheses."""
    match node:
        case Phrase(steps=(step,)):
            return _any_of([_in_articles(lexeme) for lexeme in step.alternatives])
        case Phrase(steps=steps):
            text = _step_text(steps[0])
            for step in steps[1:]:
                text = f"{text} <{step.distance}> {_step_text(step)}"
            return f"({text})"
        case AnyOf(nodes=nodes):
            return _any_of([tsquery_text(inner) for inner in nodes])
        case AllOf(nodes=nodes):
            return f"({' & '.join(map(tsquery_text, nodes))})"
        case Without(node=inner):
            return f"!{tsquery_text(inner)}"


def _step_text(step: Step) -> str:
    return _any_of([_lexeme_text(lexeme) for lexeme in step.alternatives])


def _in_articles(lexeme: Lexeme) -> str:
    if not lexeme.articles:
        return _lexeme_text(lexeme)
    return f"({_lexeme_text(lexeme)} & {_any_of([quoted(article) for article in lexeme.articles])})"


def _lexeme_text(lexeme: Lexeme) -> str:
    return f"{quoted(lexeme.text)}:*" if lexeme.prefix else quoted(lexeme.text)


def _any_of(texts: Sequence[str]) -> str:
    return texts[0] if len(texts) == 1 else f"({' | '.join(texts)})"
