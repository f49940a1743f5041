"""Expressions of the query syntax, before a language is chosen: :mod:`ingest.search.terms` makes lexemes of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from ingest.search.analysis import Piece


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """Pieces that have to stand beside each other."""

    chunks: tuple[tuple[Piece, ...], ...]
    exact: bool
    """Quoted: the words as they are written, without stems."""
    prefixes: frozenset[int] = frozenset()
    """Numbers of the chunks whose last word is the beginning of a word."""


@dataclass(frozen=True, slots=True, kw_only=True)
class All:
    parts: tuple[Expression, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Either:
    parts: tuple[Expression, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Excluded:
    part: Expression


@dataclass(frozen=True, slots=True, kw_only=True)
class InField:
    field: str
    part: Expression


Expression: TypeAlias = Words | All | Either | Excluded | InField
