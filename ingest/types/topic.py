"""Topics that people subscribe to, and articles that match them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """A subject that people subscribe to, as data: a slug, a title and a rule (:mod:`ingest.classify` compiles it)."""

    slug: str
    title: str
    description: str
    rule: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """An article that belongs to a topic, with the explanation."""

    topic: str
    explanation: Mapping[str, Any]
    """``{"rule": …, "matches": [{"field": "title"|"text", "phrase": …, "offset": …, "quote": …}, …]}``"""
