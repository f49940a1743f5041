"""Detect the encoding of bytes that no declaration explains. The only module that imports chardet.

chardet is imported for the first such document only: its models take 40 MB and 0.2 s.
"""

from __future__ import annotations

import re
from typing import Final

from ingest.charsets.decoders import decode, is_single_byte
from ingest.charsets.labels import encoding_of, is_of_the_web

SAMPLE_BYTES: Final = 32 * 1024
"""Bytes of text that decide. The share of right results does not grow with more (docs/decisions/encodings.md)."""
SEARCHED_BYTES: Final = 512 * 1024
"""Bytes from the first that is not ASCII, in which the text is searched."""

_ASCII: Final = bytes(range(128))
_BEYOND_ASCII: Final = re.compile(rb"[\x80-\xff]")
_MARKUP: Final = re.compile(rb"<!\[CDATA\[|\]\]>|</?[A-Za-z][^<>]*>|<[!?][^<>]*>|&[#\w]{1,10};")
_WORD: Final = re.compile(r"[^\W\d_]+")
_MIXED_SHARE: Final = 0.4
RARE_BYTES: Final = 150
"""Bytes beyond ASCII below which an encoding that browsers do not have, such as code page 855, is not believed."""
_LATIN: Final = frozenset(
    {
        *("windows-1250", "windows-1252", "windows-1254", "windows-1257", "windows-1258"),
        *("iso-8859-2", "iso-8859-15"),
    }
)
_ENCODINGS_BY_LANGUAGE: Final = {
    language: tuple(encodings.split())
    for languages, encodings in (
        ("pl cs sk sl hr hu ro bs sq", "windows-1250 iso-8859-2"),
        ("tr az", "windows-1254"),
        ("lt lv et", "windows-1257"),
        ("vi", "windows-1258"),
        ("en fr de es pt it nl sv da nb nn no fi is ca eu gl ga", "windows-1252 iso-8859-15"),
        ("zh", "gbk gb18030 big5"),
        ("ja", "shift_jis euc-jp"),
        ("ko", "euc-kr"),
        ("ru uk be bg mk", "windows-1251 koi8-r koi8-u iso-8859-5 ibm866"),
        ("sr", "windows-1251 windows-1250 iso-8859-2"),
        ("el", "windows-1253 iso-8859-7"),
        ("he", "windows-1255 iso-8859-8"),
        ("ar fa ur", "windows-1256 iso-8859-6"),
        ("th", "windows-874"),
    )
    for language in languages.split()
}


def detect(data: bytes, *, language: str | None = None) -> str | None:
    """Return the encoding that ``data`` is most likely in; None where nothing is likely.

    ``language`` is the document's declared language. It decides among likely encodings of a short text, and among those
    for Latin script.
    """
    sample = _sample(data)
    if not sample:
        return None
    from chardet import EncodingEra, detect_all

    eras = EncodingEra.ALL & ~EncodingEra.MAINFRAME
    results = detect_all(sample, max_bytes=SAMPLE_BYTES, encoding_era=eras, compat_names=False)
    is_long = len(sample.translate(None, _ASCII)) >= RARE_BYTES
    names = [
        name
        for result in results
        if (name := encoding_of(str(result["encoding"] or ""))) is not None
        and name != "utf-8"
        and (is_long or is_of_the_web(name))
        and _is_plausible(sample, name)
    ]
    if not names:
        return None
    if names[0] in _LATIN or not is_long:
        expected = _ENCODINGS_BY_LANGUAGE.get((language or "")[:2].lower(), ())
        return next((name for name in names if name in expected), names[0])
    return names[0]


def _sample(data: bytes) -> bytes:
    """Return the texts between tags that are not ASCII: markup would hide their statistics."""
    first = _BEYOND_ASCII.search(data)
    if first is None:
        return b""
    start = max(data.rfind(b">", 0, first.start()), first.start() - 100, 0)
    texts: list[bytes] = []
    size = 0
    for piece in _MARKUP.split(data[start : start + SEARCHED_BYTES]):
        if not piece.isascii():
            texts.append(piece)
            size += len(piece) + 1
            if size > SAMPLE_BYTES:
                break
    return b"\n".join(texts)[:SAMPLE_BYTES] or data[start : start + SAMPLE_BYTES]


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
