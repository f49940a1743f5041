"""The public lists of tracking parameters, read as rules: a domain and a name.

Only names and domains are taken: facts about sites, none of the lists' text or code. The head of the rules file names
each list with its licence (Unlicense, MPL-2.0, LGPL-3.0; docs/decisions/identity.md).
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

EVERYWHERE: Final = "*"
_DOMAIN: Final = re.compile(
    r"\^https\?:\\/\\/(?:\((?:\?:)?(?:\[a-z0-9-\]\+|www)\\\.\)(?:\*\?|\*|\?))?(?:www\\\.)?"
    r"((?:[a-z0-9-]+(?:\\?\.|(?=\()))+)((?:[a-z]{2,})?|\(\?:\\\.\[a-z\]\{2,\}\)\{1,\})(?:\\/)?"
)
_ANY_SUFFIX: Final = "(?:\\.[a-z]{2,}){1,}"
_INCLUDE: Final = re.compile(r"(?:\*|https?)://(?:\*\.)?(?:www\.)?([a-z0-9-]+(?:\.[a-z0-9-]+)+)/\*")
_LITERAL: Final = re.compile(r"[a-z0-9_.$-]+\*?")
_MAX_NAMES: Final = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One list: its file below the folder, and its reader."""

    name: str
    address: str
    licence: str
    file: str
    read: Callable[[str], Iterator[tuple[str, str]]]
    """Yields (domain, name); ``!domain`` with an empty name is an exception; a name may end in ``*``."""


def read_registry(text: str) -> Iterator[tuple[str, str]]:
    """A CSV whose first column is the name."""
    for row in csv.DictReader(text.splitlines()):
        yield EVERYWHERE, row["name"].strip().lower()


def read_brave(text: str) -> Iterator[tuple[str, str]]:
    """A JSON list of addresses (``include``) and names (``params``); rules for a part of a site are left out."""
    for rule in json.loads(text):
        for include in rule["include"]:
            match = _INCLUDE.fullmatch(include)
            domain = EVERYWHERE if include == "*://*/*" else None if match is None else match[1]
            if domain is not None and not rule["exclude"]:
                for name in rule["params"]:
                    yield domain, name.lower()


def read_clearurls(text: str) -> Iterator[tuple[str, str]]:
    """A JSON object of providers with expressions for addresses and names; what is no plain name is left out."""
    for provider in json.loads(text)["providers"].values():
        domain = read_domain(provider["urlPattern"])
        if domain is None or provider.get("completeProvider"):
            continue
        for rule in provider.get("rules", ()):
            for name in read_names(rule):
                yield domain, name
        if domain == EVERYWHERE:
            for exception in provider.get("exceptions", ()):
                excepted = read_domain(exception)
                if excepted is not None:
                    yield f"!{excepted}", ""


def read_domain(pattern: str) -> str | None:
    """The domain of an expression for all addresses of a site; None for any other expression."""
    if pattern == ".*":
        return EVERYWHERE
    match = _DOMAIN.fullmatch(pattern)
    if match is None:
        return None
    domain = match[1].replace("\\", "").rstrip(".")
    if match[2] == _ANY_SUFFIX:
        return f"{domain}.*"
    return f"{domain}.{match[2]}" if match[2] else None if "." not in domain else domain


def read_names(expression: str) -> list[str]:
    """The names that an expression matches, a last part of any length as ``*``; empty where there are others."""
    try:
        parsed: Any = re._parser.parse(expression.lower().removeprefix("(?:%3f)?"))  # type: ignore[attr-defined]
        names = [name for name in _expand(list(parsed)) if _LITERAL.fullmatch(name)]
    except (re.error, ValueError):
        return []
    return sorted(set(names))


def _expand(parts: list[Any]) -> list[str]:
    """
    Raises:
        ValueError: the expression has parts that are no finite choice, other than at its end.
    """
    names = [""]
    for position, (operation, argument) in enumerate(parts):
        kind = str(operation)
        if kind == "LITERAL":
            choices = [chr(argument)]
        elif kind == "BRANCH":
            choices = [name for branch in argument[1] for name in _expand(list(branch))]
        elif kind == "SUBPATTERN":
            choices = _expand(list(argument[3]))
        elif kind in ("MAX_REPEAT", "MIN_REPEAT") and argument[:2] == (0, 1):
            choices = ["", *_expand(list(argument[2]))]
        elif kind in ("MAX_REPEAT", "MIN_REPEAT") and position == len(parts) - 1 and argument[1] > _MAX_NAMES:
            choices = ["*"]
        else:
            raise ValueError(kind)
        names = [name + choice for name in names for choice in choices]
        if len(names) > _MAX_NAMES:
            raise ValueError("too many names")
    return names


SOURCES: Final = (
    Source(
        name="tracking-query-params-registry",
        address="https://github.com/mpchadwick/tracking-query-params-registry",
        licence="Unlicense",
        file="params.csv",
        read=read_registry,
    ),
    Source(
        name="Brave query-filter",
        address="https://github.com/brave/adblock-lists",
        licence="MPL-2.0",
        file="query-filter.json",
        read=read_brave,
    ),
    Source(
        name="Brave clean-urls",
        address="https://github.com/brave/adblock-lists",
        licence="MPL-2.0",
        file="clean-urls.json",
        read=read_brave,
    ),
    Source(
        name="ClearURLs",
        address="https://github.com/ClearURLs/Rules",
        licence="LGPL-3.0",
        file="data.min.json",
        read=read_clearurls,
    ),
)
