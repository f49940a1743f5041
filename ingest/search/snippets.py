"""Cut the best parts out of a text and mark the hits in them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from ingest.search.matching import Hit
from ingest.text.characters import IDEOGRAPHIC, IGNORABLE, MARKS, UNSPACED

FRAGMENTS: Final = 2
FRAGMENT_CHARACTERS: Final = 160
_CONTEXT: Final = 60
"""Characters before the first hit of a fragment."""
_LONGEST_WORD: Final = 40
"""A cut moves at most so far to the next boundary between words."""

_INSIDE_CHARACTER: Final = re.compile(f"[{MARKS}{IGNORABLE}]")
_WORD_CHARACTER: Final = re.compile(f"[^\\W{IDEOGRAPHIC}{UNSPACED}]|[{MARKS}]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fragment:
    """A part of a snippet; ``hit`` if the query matched it."""

    text: str
    hit: bool


def marked(text: str, hits: Sequence[Hit], start: int = 0, end: int | None = None) -> list[Fragment]:
    """Return the characters of ``text`` from ``start`` to ``end`` in parts, with the hits marked."""
    end = len(text) if end is None else end
    fragments: list[Fragment] = []
    done = start
    for hit in hits:
        first, last = max(hit.start, done), min(hit.end, end)
        if first >= last:
            continue
        if done < first:
            fragments.append(Fragment(text=text[done:first], hit=False))
        fragments.append(Fragment(text=text[first:last], hit=True))
        done = last
    if done < end:
        fragments.append(Fragment(text=text[done:end], hit=False))
    return fragments


def snippet_of(text: str, hits: Sequence[Hit]) -> tuple[Fragment, ...]:
    """Return the parts of ``text`` around the best hits; its beginning where it has none."""
    spans = sorted(_span(text, window) for window in _best_windows(hits)) or [
        (0, _cut(text, FRAGMENT_CHARACTERS, 0))
    ]
    fragments: list[Fragment] = []
    behind = 0
    for start, end in _merged(spans):
        if start > behind:
            fragments.append(Fragment(text=" … " if behind else "… ", hit=False))
        fragments += marked(text, hits, start, end)
        behind = end
    if behind < len(text.rstrip()):
        fragments.append(Fragment(text=" …", hit=False))
    return tuple(fragments)


def _best_windows(hits: Sequence[Hit]) -> list[Sequence[Hit]]:
    """Return up to two runs of hits that fit a fragment: with the most phrases, then the most new ones."""
    windows: list[Sequence[Hit]] = []
    last = 0
    for first, hit in enumerate(hits):
        last = max(last, first + 1)
        while last < len(hits) and hits[last].end - hit.start <= FRAGMENT_CHARACTERS - _CONTEXT:
            last += 1
        windows.append(hits[first:last])
    chosen: list[Sequence[Hit]] = []
    shown: set[int] = set()
    for _ in range(FRAGMENTS):
        free = [window for window in windows if not any(_overlap(window, earlier) for earlier in chosen)]
        if not free:
            break
        best = max(free, key=lambda window: (len({hit.phrase for hit in window} - shown), len(window)))
        chosen.append(best)
        shown.update(hit.phrase for hit in best)
    return chosen


def _overlap(window: Sequence[Hit], other: Sequence[Hit]) -> bool:
    return window[0].start < other[-1].end and other[0].start < window[-1].end


def _span(text: str, window: Sequence[Hit]) -> tuple[int, int]:
    """Return a fragment's start and end around its hits."""
    start = _cut_before(text, max(window[0].start - _CONTEXT, 0), window[0].start)
    end = max(window[-1].end, start + FRAGMENT_CHARACTERS)
    return start, _cut(text, end, window[-1].end)


def _cut(text: str, place: int, least: int) -> int:
    """Return an end for a fragment at a boundary between words, from ``place`` back to ``least``."""
    if place >= len(text):
        return len(text)
    place = min(max(place, least), len(text))
    for candidate in range(place, max(least, place - _LONGEST_WORD), -1):
        if _is_boundary(text, candidate):
            return candidate if candidate == least else _without_space(text, candidate, least)
    return _whole_character(text, place)


def _without_space(text: str, place: int, least: int) -> int:
    while place > least and text[place - 1].isspace():
        place -= 1
    return place


def _cut_before(text: str, place: int, most: int) -> int:
    """Return a start for a fragment at a boundary between words, from ``place`` on to ``most``."""
    if place == 0:
        return 0
    for candidate in range(place, min(most, place + _LONGEST_WORD) + 1):
        if _is_boundary(text, candidate) and (candidate == most or not text[candidate].isspace()):
            return candidate
    return min(_whole_character(text, place), most)


def _is_boundary(text: str, place: int) -> bool:
    """No word and no character with its marks continues across this place."""
    if _INSIDE_CHARACTER.match(text, place):
        return False
    return not (_WORD_CHARACTER.match(text, place) and _WORD_CHARACTER.match(text, place - 1))


def _whole_character(text: str, place: int) -> int:
    while place < len(text) and _INSIDE_CHARACTER.match(text, place):
        place += 1
    return place


def _merged(spans: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for start, end in spans:
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged
