"""Lines that are no part of a story: calls to act, labels of links, notices of sites, in the languages of the feeds.

A rule names whole lines. It never takes a sentence of the story: its words are a closed list, and the free part, a
headline or the name of an outlet, has a bounded length and no verb of a clause. A rule is tried only on lines that
begin with one of its words or contain one of its marks, so a line of prose costs one look-up.

``tests/pure/boilerplate_lines.py`` has examples for each rule: lines to remove, and similar lines of stories.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from ingest.normalise.agencies import is_agency
from ingest.normalise.boilerplate_calls import CALLS
from ingest.normalise.boilerplate_notices import NOTICES
from ingest.normalise.boilerplate_parts import LINE_CHARACTERS, Place, Rule
from ingest.normalise.names import is_name, is_person

_UNSPACED: Final = re.compile("[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3]")
_PREFIXES: Final = range(2, 7)
"""Characters that a rule's word has in a script whose words are not separated."""
_ROLES: Final = re.compile(
    r"\b(?:(?:staff|senior|news|chief|special|associated\spress)\s)?(?:writers?|reporters?|correspondents?|journalists?"
    r"|editors?|producers?|staff)\b,?",
    re.IGNORECASE,
)
_FIRST_WORD: Final = re.compile(r"[^\w©ⓒ]*([©ⓒ]|[^\W_]+)")
_CLOSED_REST: Final = re.compile(
    r"(?:[\s.,;|]*(?:all\srights\sreserved|click\shere\sfor\sreprint\spermission"
    r"|this\smaterial\smay\snot\sbe\s(?:published|reproduced)[^.\n]{0,100}|permalink|no\scomment"
    r"|visit\sour\swebsite\sterms\sof\suse[^.\n]{0,60}(?:\.\w{2,4}){0,3}[^.\n]{0,40}"
    r"|reprinted\s(?:by|with)\spermission|distributed\sby\s[^.\n]{3,60}|todos\slos\sderechos\sreservados"
    r"|alle\srechte\svorbehalten|tous\sdroits\sréservés|все\sправа\sзащищены|무단\s?전재[^\n]{0,60}"
    r"|[0-9a-f]{32}|\d{4}/\d\d/\d\d\s\d\d:\d\d\s송고)[\s.,;|]*){0,4}\Z",
    re.IGNORECASE,
)
_CREDIT_SEPARATOR: Final = re.compile(
    r"\s*(?:;|,?\s+and\s+(?=(?:additional\s)?(?:reporting|writing|editing)\b))\s*", re.IGNORECASE
)
_CREDIT: Final = re.compile(
    r"(?:additional\s)?(?:reporting|writing|editing|translation|compiled|edited|written|translated)"
    r"(?:\s(?:and|,)?\s?(?:additional\s)?(?:reporting|writing|editing))?\sby\s(.{3,160})",
    re.IGNORECASE,
)
_HEADLINE_END: Final = re.compile(r"(?<![.…A-Z])\.[\"”’»)\]]*\s*\Z|[。]\s*\Z|다\.\s*\Z")
_TWO_SENTENCES: Final = re.compile(r"[^\W\d_]{5,}[.。]\s+[^\W\d_]")
_AGENCY_SEPARATOR: Final = re.compile(r"\s*(?:[,;/=]|\b(?:and|und|et|y|e|и)\b)\s*")
_OWNER_WORDS: Final = 9
_BY: Final = re.compile(r"^by\s+", re.IGNORECASE)
_MARKS: Final = " \t.,;:|/()[]<>*\"'“”"


RULES: Final = (*CALLS, *NOTICES)
"""All rules, in the order in which they are tried."""


@dataclass(frozen=True, slots=True)
class _Compiled:
    rule: Rule
    expression: re.Pattern[str]


def _compile(rule: Rule) -> Iterator[_Compiled]:
    for line in rule.lines:
        yield _Compiled(rule, re.compile(rf"[\W_]*(?:{line})[\W_]*", re.IGNORECASE))


_BY_WORD: Final[dict[str, list[_Compiled]]] = {}
_BY_MARK: Final[list[tuple[str, list[_Compiled]]]] = []
for _rule in RULES:
    _compiled = list(_compile(_rule))
    for _word in _rule.words.split():
        if _word != "*":
            _BY_WORD.setdefault(_word, []).extend(_compiled)
    _BY_MARK.extend((mark, _compiled) for mark in _rule.marks)


def boilerplate_rule(line: str, *, place: Place) -> str | None:
    """Return the name of the rule that names this line, or None for a line of the story."""
    if len(line) > LINE_CHARACTERS:
        return None
    first = _FIRST_WORD.match(line)
    if first is not None:
        word = first[1].casefold()
        candidates = _BY_WORD.get(word)
        if candidates is not None and (name := _matching(line, candidates, place=place)) is not None:
            return name
        if not word.isascii() and _UNSPACED.match(word):
            for length in _PREFIXES:
                candidates = _BY_WORD.get(word[:length])
                if candidates is not None and (name := _matching(line, candidates, place=place)) is not None:
                    return name
    for mark, compiled in _BY_MARK:
        if mark in line and (name := _matching(line, compiled, place=place)) is not None:
            return name
    return None


def _matching(line: str, candidates: list[_Compiled], *, place: Place) -> str | None:
    for candidate in candidates:
        rule = candidate.rule
        if len(line) > rule.limit or not _applies(rule.place, place):
            continue
        match = candidate.expression.fullmatch(line)
        if match is not None and _has_plausible_groups(match):
            return rule.name
    return None


def _applies(wanted: Place, place: Place) -> bool:
    return wanted is Place.ANYWHERE or place is wanted or (wanted is Place.EDGES and place is Place.END)


def _has_plausible_groups(match: re.Match[str]) -> bool:
    for group, value in match.groupdict().items():
        if value and value.strip() and not _CHECKS[group](value):
            return False
    return True


def is_headline(text: str) -> bool:
    """Return whether the text behind a label is a headline: it begins like one, and is no sentence with a full stop."""
    letters = next((character for character in text if character.isalnum()), "")
    if letters.islower() or not letters:
        return False
    return not _HEADLINE_END.search(text) and not _TWO_SENTENCES.search(text)


def _is_credit(part: str) -> bool:
    match = _CREDIT.fullmatch(part.strip(" .()[]"))
    return match is not None and all(
        is_name(name.strip(" .()"), words=10)
        for name in re.split(r",\s*|\s+and\s+", match[1])
        if name.strip()
    )


def _is_picture_credit(text: str) -> bool:
    """Return whether a picture is credited to agencies, or to a person of an agency; other words caption it."""
    parts = _AGENCY_SEPARATOR.split(text)
    if any(is_agency(part) for part in parts):
        return all(is_agency(part) or is_name(part, words=4) for part in parts)
    return not _UNSPACED.search(text) and is_person(parts[0]) and is_name(text, words=8)


def _is_owner(text: str) -> bool:
    """Return whether the text is empty, marks aside, or a name; "by" may stand before it."""
    stripped = _BY.sub("", text.strip(_MARKS))
    return not stripped or is_agency(stripped) or is_name(stripped, words=_OWNER_WORDS)


_CHECKS: Final[Mapping[str, Callable[[str], bool]]] = {
    "headline": is_headline,
    "name": lambda text: _is_owner(_ROLES.sub("", text)),
    "place": _is_owner,
    "owner": lambda text: _is_owner(_CLOSED_REST.sub("", text, count=1)),
    "rest": lambda text: _is_owner(_CLOSED_REST.sub("", text, count=1)),
    "credits": lambda text: all(_is_credit(part) for part in _CREDIT_SEPARATOR.split(text)),
    "reserved": bool,
    "agencies": lambda text: all(is_agency(part) for part in _AGENCY_SEPARATOR.split(text.strip(_MARKS))),
    "picture": lambda text: _is_picture_credit(text.strip(_MARKS)),
}
