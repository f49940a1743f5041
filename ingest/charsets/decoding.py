"""Decode a document: byte order mark, then declarations, then detection.

::

    bytes ─┬─ byte order mark, or NULs of UTF-16 ─────────────▶ UTF-8, UTF-16 or UTF-32
           ├─ valid UTF-8 beyond ASCII ───────────────────────▶ UTF-8, whatever is declared
           ├─ mostly valid UTF-8 ─────────────────────────────▶ UTF-8, wrong bytes repaired
           ├─ a declared encoding that fits ──────────────────▶ that encoding
           └─ else ─▶ detection ─▶ the detected encoding, or windows-1252

Other encodings do not produce valid UTF-8 by chance, so it counts more than a declaration.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from ingest.charsets.decoders import REPLACEMENT, decode
from ingest.charsets.detection import detect
from ingest.charsets.labels import encoding_of
from ingest.charsets.utf8 import Utf8Reading, read_utf8

LOSS_LIMIT: Final = 20
"""A declared encoding is accepted if it decodes all but one in twenty bytes beyond ASCII."""
FALLBACK: Final = "windows-1252"
"""The encoding of browsers for documents that declare none."""
SERVER_DEFAULTS: Final = frozenset({"windows-1252", "gbk"})
"""Encodings that servers declare for any file, whatever it contains."""

_ASCII: Final = bytes(range(128))
_REPLACEMENT_BYTES: Final = REPLACEMENT.encode()
_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16le"),
    (codecs.BOM_UTF16_BE, "utf-16be"),
)
# A tag, brace or white space in a wide encoding without a byte order mark (XML 1.0, appendix F).
_WIDE_STARTS: Final = (
    (re.compile(rb"\x00\x00\x00[<{\s]"), "utf-32-be"),
    (re.compile(rb"[<{\s]\x00\x00\x00"), "utf-32-le"),
    (re.compile(rb"\x00[<{\s]\x00[^\x00]"), "utf-16be"),
    (re.compile(rb"[<{\s]\x00[^\x00]\x00"), "utf-16le"),
)
_ESCAPES: Final = (
    (re.compile(rb"\x1b\$[@B]"), "iso-2022-jp"),
    (re.compile(rb"\x1b\$\)C"), "iso-2022-kr"),
)
_SEVEN_BITS: Final = frozenset({"iso-2022-jp", "iso-2022-kr", "hz"})
_LONG_LATIN_RUN: Final = re.compile("[À-ÖØ-öø-ÿ]{4,}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoded:
    """A document's text, its encoding, and warnings about what contradicts the declaration."""

    text: str
    encoding: str
    warnings: tuple[str, ...] = ()


def wide_encoding(body: bytes) -> str | None:
    """Return the encoding of a document in UTF-16 or UTF-32; None for any other."""
    for mark, name in _MARKS[1:]:
        if body.startswith(mark):
            return name
    if b"\0" in body[:4]:
        return next((name for start, name in _WIDE_STARTS if start.match(body)), None)
    return None


def decode_document(body: bytes, *, labels: Sequence[str], language: str | None = None) -> Decoded:
    """Decode ``body``; returns a value for every input.

    ``labels`` are the declared encodings as they are written, the most credible first. ``language`` is the declared
    language, and counts only where the encoding has to be detected.
    """
    wide = wide_encoding(body)
    if wide is not None:
        text = body.decode(wide, "replace").removeprefix("\ufeff")
        return Decoded(text=text, encoding=wide, warnings=_lost(text.count(REPLACEMENT), wide))
    unknown = tuple(
        f"declared as {label}, which is no encoding" for label in labels if encoding_of(label) is None
    )
    marked = body.startswith(codecs.BOM_UTF8)
    if marked:
        body = body[len(codecs.BOM_UTF8) :]
    declared = [] if marked else _usable(labels)
    decoded = _decode_ascii(body, declared) or _decode(body, declared, language=language)
    return Decoded(text=decoded.text, encoding=decoded.encoding, warnings=unknown + decoded.warnings)


def _usable(labels: Sequence[str]) -> list[str]:
    """Return the declared encodings. UTF-16 is none: a declaration that is readable as ASCII is not in UTF-16."""
    names = [encoding_of(label) for label in labels]
    return list(
        dict.fromkeys(["utf-8" if name.startswith(("utf-16", "utf-32")) else name for name in names if name])
    )


def _decode_ascii(body: bytes, declared: Sequence[str]) -> Decoded | None:
    """Decode seven-bit bytes: ASCII, or an encoding with escape sequences."""
    if not body.isascii():
        return None
    name = next((name for name in declared if name in _SEVEN_BITS), None)
    if name is None and b"\x1b" in body:
        name = next((encoding for escape, encoding in _ESCAPES if escape.search(body)), None)
    if name is None:
        return Decoded(text=body.decode("ascii"), encoding="ascii")
    text = decode(body, name)
    if name not in declared:
        return Decoded(text=text, encoding=name, warnings=(f"no encoding is declared; read as {name}",))
    return Decoded(text=text, encoding=name, warnings=_lost(text.count(REPLACEMENT), name))


def _decode(body: bytes, declared: Sequence[str], *, language: str | None) -> Decoded:
    reading = read_utf8(body)
    first = declared[0] if declared else None
    if reading.wrong == 0 and not reading.surrogate_pairs:
        contradicted = first not in (None, "utf-8", "gbk")
        warnings = (f"declared as {first}, but encoded in UTF-8",) if contradicted else ()
        return Decoded(text=reading.escaped, encoding="utf-8", warnings=warnings)
    if reading.is_certain or (first in (None, "utf-8") and reading.is_likely):
        return _repaired(reading, first)
    beyond_ascii = len(body.translate(None, _ASCII))
    for name in declared:
        if name == "utf-8":
            continue
        text = decode(body, name)
        lost = text.count(REPLACEMENT) - body.count(_REPLACEMENT_BYTES)
        if lost * LOSS_LIMIT <= beyond_ascii and not (name in SERVER_DEFAULTS and _is_not_latin(text, name)):
            return Decoded(text=text, encoding=name, warnings=_lost(lost, name))
    if reading.is_likely:
        return _repaired(reading, first)
    # A single byte, and quotation marks, are no evidence for another encoding than the default.
    is_default = reading.is_sparse and reading.is_punctuation
    detected = None if is_default else detect(body, language=language)
    return _undeclared(body, first, detected)


def _repaired(reading: Utf8Reading, declared: str | None) -> Decoded:
    warnings = []
    if declared not in (None, "utf-8", "gbk"):
        warnings.append(f"declared as {declared}, but encoded in UTF-8")
    if reading.wrong:
        warnings.append(f"{reading.wrong} characters are not utf-8")
    if reading.surrogate_pairs:
        warnings.append(f"{reading.surrogate_pairs} characters are written as surrogates (CESU-8)")
    return Decoded(text=reading.text(), encoding="utf-8", warnings=tuple(warnings))


def _undeclared(body: bytes, declared: str | None, detected: str | None) -> Decoded:
    name = FALLBACK if detected is None else detected
    text = decode(body, name)
    how = "which is the default" if detected is None else "which was detected"
    problem = (
        "no encoding is declared" if declared is None else f"declared as {declared}, but encoded otherwise"
    )
    lost = text.count(REPLACEMENT)
    return Decoded(
        text=text, encoding=name, warnings=(f"{problem}; read as {name}, {how}", *_lost(lost, name))
    )


def _is_not_latin(text: str, name: str) -> bool:
    """Whether a text that was read as windows-1252 consists of runs of accented letters, as no language has them."""
    if name != "windows-1252":
        return False
    runs = _LONG_LATIN_RUN.findall(text[:100_000])
    return sum(map(len, runs)) * 2 > sum(1 for character in text[:100_000] if "À" <= character <= "ÿ")


def _lost(lost: int, name: str) -> tuple[str, ...]:
    return (f"{lost} characters are not {name}",) if lost > 0 else ()
