"""Fold text so that equivalent spellings become equal, and remember where each folded character came from.

::

    original ─separating letters → space─ignorable removed─NFKC─casefold─NFKC─▶ folded, with offsets

This is toNFKC_Casefold (The Unicode Standard, §3.13) with two more rules, both in :mod:`ingest.text.characters`:
letters that serve as separators become spaces, and the tatweel is removed. Canonically or compatibly equivalent texts
fold to the same text.
"""

from __future__ import annotations

import re
from array import array
from dataclasses import dataclass
from typing import Final
from unicodedata import combining, is_normalized, normalize

from ingest.text.characters import IGNORABLE, MARKS, SEPARATING_LETTERS

_SEPARATING: Final = re.compile(f"[{SEPARATING_LETTERS}]")
_IGNORABLE: Final = re.compile(f"[{IGNORABLE}]")
_REWRITTEN: Final = re.compile(f"[{SEPARATING_LETTERS}{IGNORABLE}]")
# Characters that may compose with each other: a starter with its marks, or the jamo of one Hangul syllable.
# Normalisation of one cluster depends on no other, so offsets are kept by cluster.
_LEADING, _VOWEL, _TRAILING = (
    "\u1100-\u115f\ua960-\ua97c",
    "\u1160-\u11a7\ud7b0-\ud7c6",
    "\u11a8-\u11ff\ud7cb-\ud7fb",
)
_JAMO: Final = f"(?:[{_VOWEL}][{IGNORABLE}]*)*(?:[{_TRAILING}][{IGNORABLE}]*)*[{MARKS}{IGNORABLE}]*"
_CLUSTER: Final = re.compile(
    f"(?:[{_LEADING}][{IGNORABLE}]*)+{_JAMO}|[\uac00-\ud7a3][{IGNORABLE}]*{_JAMO}|.[{MARKS}{IGNORABLE}]*",
    re.DOTALL,
)
# Normalisation sorts the marks of a letter by insertion, which is quadratic: longer runs are sorted here. Thirty is the
# bound of the Stream-Safe Text Format (UAX #15, §13); no language needs more.
_MAX_MARKS: Final = 30
_LONG_RUN: Final = re.compile(f"[{MARKS}{IGNORABLE}]{{{_MAX_MARKS}}}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Folded:
    """Folded text; ``offsets`` has the original start of each character and the original length at its end.

    ``offsets`` is None where folding changed no length: character *n* is then the original's character *n*.
    """

    text: str
    offsets: array[int] | None

    def original(self, start: int, end: int) -> tuple[int, int]:
        """Return the span of the original that the folded characters from ``start`` to ``end`` came from."""
        if self.offsets is None:
            return start, end
        # Characters of one cluster share its start: its end is where the next cluster starts.
        last = self.offsets[end - 1]
        while self.offsets[end] == last:
            end += 1
        return self.offsets[start], self.offsets[end]


def fold(text: str) -> Folded:
    """Fold ``text`` and keep offsets. The cost is linear; text without characters to compose or remove is fast."""
    folded = _fold_plain(text)
    if folded is not None and len(folded) == len(text):
        # Neither case folding nor normalisation of folded text shortens a text of this kind, so an equal length
        # means that every character kept its place.
        return Folded(text=folded, offsets=None)
    return _fold_by_cluster(_SEPARATING.sub(" ", text))


def _fold_plain(text: str) -> str | None:
    """Fold a text that is normalised already and has nothing to rewrite; None for any other text."""
    if text.isascii():
        return text.lower()
    if _REWRITTEN.search(text) is not None:
        return None
    if len(text) > _MAX_MARKS and _LONG_RUN.search(text) is not None:
        return None
    if not is_normalized("NFKC", text):
        return None
    folded = text.casefold()
    return folded if is_normalized("NFKC", folded) else None


def _fold_characters(plain: str) -> str:
    # Removed before normalisation too: an ignorable character between a letter and its mark keeps the two apart.
    plain = _IGNORABLE.sub("", plain)
    if len(plain) > _MAX_MARKS:
        plain = _sort_marks(plain)
    return normalize("NFKC", normalize("NFKC", plain).casefold())


def _sort_marks(plain: str) -> str:
    """Return the canonically ordered decomposition of ``plain`` in linear time but for a sort."""
    ordered: list[str] = []
    marks: list[str] = []
    for character in "".join([normalize("NFD", character) for character in plain]):
        if combining(character):
            marks.append(character)
        else:
            ordered += sorted(marks, key=combining)
            ordered.append(character)
            marks.clear()
    return "".join(ordered + sorted(marks, key=combining))


def _fold_by_cluster(plain: str) -> Folded:
    pieces: list[str] = []
    offsets = array("l")
    for cluster in _CLUSTER.finditer(plain):
        start, end = cluster.span()
        folded = cluster.group().lower() if end - start == 1 and plain[start] < "\x80" else None
        if folded is None:
            folded = _fold_characters(cluster.group())
        pieces.append(folded)
        if len(folded) == end - start:
            offsets.extend(range(start, end))
        else:
            offsets.extend([start] * len(folded))
    offsets.append(len(plain))
    return Folded(text="".join(pieces), offsets=offsets)
