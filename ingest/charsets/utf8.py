"""Read UTF-8 with a few wrong bytes: parts cut inside a character, single bytes of windows-1252, CESU-8.

A sequence of several bytes that is valid in UTF-8 hardly ever occurs in another encoding: in windows-1251 or GB 18030
about one character in ten forms one by chance, in windows-1252 fewer. So a document is UTF-8 where its valid sequences
are at least as many as its wrong bytes, whatever its size.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

ISOLATED_BYTES: Final = 3
"""Wrong bytes that a document in UTF-8 may have beside a single valid sequence, if each stands alone."""
CERTAIN_SEQUENCES: Final = 8
CERTAIN_SHARE: Final = 4
"""A document is UTF-8 in spite of another declaration with four times as many valid sequences as wrong bytes."""

_ASCII: Final = bytes(range(128))
_WRONG: Final = re.compile("[\udc80-\udcff]+")
_SINGLE: Final = re.compile("(?<![\x80-\U0010ffff])[\udc80-\udcff](?![\x80-\U0010ffff])")
_BEYOND_PUNCTUATION: Final = re.compile("[\udca0-\udcff]")
_CESU: Final = re.compile("\udced([\udca0-\udcaf])([\udc80-\udcbf])\udced([\udcb0-\udcbf])([\udc80-\udcbf])")
_LATIN: Final = re.compile("[\xa0-\u024f\u2010-\u203a\u20ac\u2122]")
_ESCAPED: Final = 0xDC00
_LATIN_SAMPLE: Final = 10_000
"""Characters that decide whether a document is in Latin script."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Utf8Reading:
    """A document read as UTF-8, with counts that decide whether it is in UTF-8."""

    escaped: str
    """The text, with each wrong byte as a surrogate (U+DC80 to U+DCFF)."""
    valid: int
    """Valid sequences of two to four bytes."""
    wrong: int
    """Bytes that are part of no valid sequence."""
    is_scattered: bool
    """Each wrong byte stands between ASCII characters."""
    surrogate_pairs: int
    """Characters that CESU-8 wrote as two surrogates."""

    @property
    def is_certain(self) -> bool:
        """Whether the document is in UTF-8 in spite of another declaration."""
        return self.valid >= max(CERTAIN_SEQUENCES, CERTAIN_SHARE * self.wrong)

    @property
    def is_likely(self) -> bool:
        """Whether the document is in UTF-8 where nothing else is declared."""
        if self.valid >= self.wrong:
            return True
        return self.valid > 0 and self.is_sparse

    @property
    def is_sparse(self) -> bool:
        """Whether wrong bytes are few and stand alone."""
        return self.is_scattered and self.wrong <= ISOLATED_BYTES

    @property
    def is_punctuation(self) -> bool:
        """Whether the wrong bytes are a single one, or quotation marks and dashes of windows-1252: 0x80 to 0x9F."""
        return self.wrong == 1 or not _BEYOND_PUNCTUATION.search(self.escaped)

    def text(self) -> str:
        """The text, with wrong bytes as characters of windows-1252 where they can be such, else as U+FFFD."""
        return _WRONG.sub(_Repair(self.escaped), self.escaped)


def read_utf8(data: bytes) -> Utf8Reading:
    """Read ``data`` as UTF-8; every byte is part of the result."""
    escaped = data.decode("utf-8", "surrogateescape")
    ascii_count = len(data) - len(data.translate(None, _ASCII))
    escaped, pairs = _CESU.subn(_join_surrogates, escaped)
    runs = [len(run) for run in _WRONG.findall(escaped)]
    return Utf8Reading(
        escaped=escaped,
        valid=len(escaped) - ascii_count - sum(runs),
        wrong=sum(runs),
        is_scattered=len(_SINGLE.findall(escaped)) == sum(runs),
        surrogate_pairs=pairs,
    )


def _join_surrogates(match: re.Match[str]) -> str:
    high_tens, high_ones, low_tens, low_ones = (ord(character) - _ESCAPED for character in match.groups())
    high = (high_tens & 0x0F) << 6 | high_ones & 0x3F
    low = (low_tens & 0x0F) << 6 | low_ones & 0x3F
    return chr(0x10000 + (high << 10) + low)


class _Repair:
    """Replaces a run of wrong bytes."""

    def __init__(self, escaped: str) -> None:
        # Bytes of accented letters are read only beside Latin text: elsewhere they are parts of cut characters.
        beyond_ascii = re.sub("[\x00-\x7f\udc80-\udcff]+", "", escaped[: 50 * _LATIN_SAMPLE])[:_LATIN_SAMPLE]
        self._is_latin = 2 * len(_LATIN.findall(beyond_ascii)) >= len(beyond_ascii)

    def __call__(self, run: re.Match[str]) -> str:
        wrong = run[0]
        if len(wrong) > 1:
            # A cut sequence is one character; each further lead byte begins another.
            return "\ufffd" * max(1, sum(1 for character in wrong if character >= "\udcc0"))
        byte = ord(wrong) - _ESCAPED
        text, start, end = run.string, run.start(), run.end()
        before, after = text[start - 1 : start] if start else " ", text[end : end + 1] or " "
        if not (before.isascii() and after.isascii()):
            return "\ufffd"
        if byte >= 0xA0 and not (self._is_latin and (before.isalpha() or after.isalpha())):
            return "\ufffd"
        return bytes([byte]).decode("windows-1252", "replace")
