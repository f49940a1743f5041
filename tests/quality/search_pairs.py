"""Pairs of a query and an article, in ``search_pairs.jsonl``: queries that must find the article, or must not.

The sentences are invented. Each line is an article with its queries, and each query has the kind of its form. Pairs are
split by hash into a half to tune with and a half for the final figures. New pairs do not move the present ones.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Final

PAIRS_FILE: Final = Path(__file__).with_name("search_pairs.jsonl")


@dataclass(frozen=True, slots=True, kw_only=True)
class ExampleArticle:
    """An invented article."""

    id: str
    language: str
    title: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A query and the article that it must find, or must not find."""

    query: str
    form: str
    """The kind of form that the query has: ``accents``, ``inflection``, ``substring`` …"""
    article: ExampleArticle
    finds: bool

    @property
    def final(self) -> bool:
        """True for the half that only the final figures use."""
        key = f"{self.article.id}\0{self.query}".encode()
        return blake2b(key, digest_size=8).digest()[0] % 2 == 1


def read_pairs(path: Path = PAIRS_FILE) -> list[Pair]:
    pairs = []
    for line in path.read_text("utf-8").splitlines():
        row = json.loads(line)
        article = ExampleArticle(id=row["id"], language=row["language"], title=row["title"], text=row["text"])
        for key, finds in (("finds", True), ("excludes", False)):
            pairs += [Pair(query=query, form=form, article=article, finds=finds) for form, query in row[key]]
    return pairs
