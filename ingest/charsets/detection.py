"""Detect the encoding of bytes that no declaration explains. The only module that imports chardet.

chardet is imported for the first such document only: its models take 40 MB and 0.2 s.
"""

from __future__ import annotations

import re
from typing import Final

from ingest.charsets.decoders import decode, is_single_byte
from ingest.charsets.labels import encoding_of

SAMPLE_BYTES: Final = 32 * 1024
"""Bytes of text that decide. The share of right results does not grow with more (docs/decisions/encodings.md)."""
SEARCHED_BYTES: Final = 512 * 1024
"""Bytes from the first that is not ASCII, in which the text is searched."""

_BEYOND_ASCII: Final = re.compile(rb"[\x80-\xff]")
_TAG: Final = re.compile(rb"<[^<>]*>")
_WORD: Final = re.compile(r"[^\W\d_]+")
_MIXED_SHARE: Final = 0.4
# Encodings of the web, without those whose texts are read right by another of the list.
_CANDIDATES: Final = (
    *(
        "big5hkscs",
        "cp866",
        "cp874",
        "cp932",
        "cp949",
        "euc-jp",
        "gb18030",
        "iso-2022-jp",
        "koi8-r",
        "koi8-u",
    ),
    *("cp1250", "cp1251", "cp1252", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257", "cp1258"),
    *("iso8859-2", "iso8859-5", "iso8859-6", "iso8859-7", "iso8859-8", "iso8859-15"),
)
_LATIN: Final = frozenset(
    {
        *("windows-1250", "windows-1252", "windows-1254", "windows-1257", "windows-1258"),
        *("iso-8859-2", "iso-8859-15"),
    }
)
_ENCODINGS_BY_LANGUAGE: Final = {
    **dict.fromkeys(("pl", "cs", "sk", "sl", "hr", "hu", "ro", "bs", "sq"), ("windows-1250", "iso-8859-2")),
    **dict.fromkeys(("tr", "az"), ("windows-1254",)),
    **dict.fromkeys(("lt", "lv", "et"), ("windows-1257",)),
    "vi": ("windows-1258",),
    **dict.fromkeys(
        (
            "en",
            "fr",
            "de",
            "es",
            "pt",
            "it",
            "nl",
            "sv",
            "da",
            "nb",
            "nn",
            "no",
            "fi",
            "is",
            "ca",
            "eu",
            "gl",
            "ga",
        ),
        ("windows-1252", "iso-8859-15"),
    ),
}


def detect(data: bytes, *, language: str | None = None) -> str | None:
    """Return the encoding that ``data`` is most likely in; None where nothing is likely.

    ``language`` is the document's declared language. It decides among encodings for Latin script, which short texts
    hardly distinguish.
    """
    sample = _sample(data)
    if not sample:
        return None
    from chardet import detect_all

    results = detect_all(sample, max_bytes=SAMPLE_BYTES, include_encodings=_CANDIDATES, compat_names=False)
    names = [
        name
        for result in results
        if (name := encoding_of(str(result["encoding"] or ""))) is not None and _is_plausible(sample, name)
    ]
    if not names:
        return None
    if names[0] in _LATIN:
        expected = _ENCODINGS_BY_LANGUAGE.get((language or "")[:2].lower(), ())
        return next((name for name in names if name in expected), names[0])
    return names[0]


def _sample(data: bytes) -> bytes:
    """Return the texts between tags that are not ASCII: markup would hide their statistics."""
    first = _BEYOND_ASCII.search(data)
    if first is None:
        return data[:SAMPLE_BYTES] if b"\x1b" in data else b""
    start = max(data.rfind(b">", 0, first.start()), first.start() - 100, 0)
    texts: list[bytes] = []
    size = 0
    for piece in _TAG.split(data[start : start + SEARCHED_BYTES]):
        if not piece.isascii():
            texts.append(piece)
            size += len(piece) + 1
            if size > SAMPLE_BYTES:
                break
    return b"\n".join(texts)[:SAMPLE_BYTES]


def _is_plausible(sample: bytes, name: str) -> bool:
    """Whether words keep to one script: "Cafй" is windows-1252 that was read as windows-1251."""
    if name in _LATIN or not is_single_byte(name):
        return True
    words = [word for word in _WORD.findall(decode(sample[:4_096], name)) if not word.isascii()]
    mixed = sum(1 for word in words if word.encode().translate(None, _NOT_ASCII_LETTERS))
    return mixed <= _MIXED_SHARE * len(words)


_NOT_ASCII_LETTERS: Final = bytes(
    byte for byte in range(256) if not (0x41 <= byte <= 0x5A or 0x61 <= byte <= 0x7A)
)
