"""Decode bytes as browsers do.

Python's codecs of the same names are narrower than the encodings of the web, or differ in single characters. The
differences here are those to the indexes of the WHATWG Encoding Standard (https://encoding.spec.whatwg.org/#indexes).
"""

from __future__ import annotations

import codecs
import re
from functools import lru_cache
from typing import Final

REPLACEMENT: Final = "\ufffd"
_SINGLE_BYTE: Final = {
    "ibm866": "cp866",
    "macintosh": "mac_roman",
    "x-mac-cyrillic": "mac_cyrillic",
    "iso-8859-8-i": "iso8859_8",
    "windows-874": "cp874",
    "koi8-r": "koi8_r",
    "koi8-u": "koi8_u",
}
_OTHER_CHARACTERS: Final = {
    "koi8-u": {0xAE: "ў", 0xBE: "Ў"},
    "windows-1255": {0xCA: "\u05ba"},
}
_BIG5: Final = str.maketrans("•､‾∼♁☉¥¢£￭", "‧﹑¯～⊕⊙￥￠￡▓")
_EUC_JP: Final = str.maketrans("〜‖−¢£¬", "～∥－￠￡￢")
# Characters that GB 18030-2022 has outside of the private use area.
_GB18030: Final = str.maketrans(
    "\ue78d\ue78e\ue78f\ue790\ue791\ue792\ue793\ue794\ue795\ue796\ue81e\ue826\ue82b\ue82c\ue832\ue843\ue854\ue864\ue7c7",
    "\ufe10\ufe12\ufe11\ufe13\ufe14\ufe15\ufe16\ufe17\ufe18\ufe19\u9fb4\u9fb5\u9fb6\u9fb7\u9fb8\u9fb9\u9fba\u9fbb\u1e3f",
)
_MULTI_BYTE: Final = {
    "gbk": ("gb18030", "ingest-gb18030", _GB18030),
    "gb18030": ("gb18030", "ingest-gb18030", _GB18030),
    "big5": ("big5hkscs", "ingest-big5", _BIG5),
    "euc-kr": ("cp949", "ingest-double-byte", None),
    "shift_jis": ("cp932", "ingest-double-byte", None),
    "euc-jp": ("euc_jp", "ingest-euc-jp", _EUC_JP),
}
_ESCAPE: Final = re.compile(rb"\x1b(\([BJI]|\$[@B])")


def decode(data: bytes, encoding: str) -> str:
    """Decode ``data``; bytes that the encoding does not have become U+FFFD.

    ``encoding`` is a result of :func:`~ingest.charsets.labels.encoding_of`.
    """
    if encoding in _MULTI_BYTE:
        codec, errors, table = _MULTI_BYTE[encoding]
        text = data.decode(codec, errors)
        return text if table is None else text.translate(table)
    if encoding == "iso-2022-jp":
        return _decode_iso_2022_jp(data)
    if encoding == "x-user-defined":
        return codecs.charmap_decode(data, "replace", _USER_DEFINED)[0]
    if encoding in _SINGLE_BYTE or encoding.startswith(("windows-", "iso-8859-")):
        return codecs.charmap_decode(data, "replace", _table(encoding))[0]
    return data.decode(encoding, "replace")


def is_single_byte(encoding: str) -> bool:
    return encoding in _SINGLE_BYTE or encoding.startswith(("windows-", "iso-8859-"))


@lru_cache(maxsize=64)
def _table(encoding: str) -> str:
    """Return the 256 characters of a single-byte encoding: unassigned bytes up to 0x9F are controls."""
    codec = _SINGLE_BYTE.get(encoding) or encoding.replace("windows-", "cp")
    characters = [bytes([byte]).decode(codec, "replace") for byte in range(256)]
    for byte in range(0x80, 0xA0):
        if characters[byte] == REPLACEMENT:
            characters[byte] = chr(byte)
    for byte, character in _OTHER_CHARACTERS.get(encoding, {}).items():
        characters[byte] = character
    # In a string table U+FFFE means "undefined"; the decoder then applies "replace".
    return "".join(characters).replace(REPLACEMENT, "\ufffe")


_USER_DEFINED: Final = "".join([chr(byte) if byte < 0x80 else chr(0xF700 + byte) for byte in range(256)])


def _decode_iso_2022_jp(data: bytes) -> str:
    """Decode ISO-2022-JP with the characters of NEC and IBM, which Python's codec lacks."""
    pieces = _ESCAPE.split(data)
    decoded = [pieces[0].decode("ascii", "replace")]
    for escape, piece in zip(pieces[1::2], pieces[2::2], strict=True):
        if escape in (b"$@", b"$B"):
            # A line feed ends the double bytes where a writer forgot the escape.
            double, newline, rest = piece.partition(b"\n")
            raised = bytes([byte | 0x80 if 0x20 < byte < 0x7F else byte for byte in double])
            decoded.append(decode(raised, "euc-jp") + (newline + rest).decode("ascii", "replace"))
        elif escape == b"(I":
            raised = bytes([byte | 0x80 if 0x20 < byte < 0x60 else byte for byte in piece])
            decoded.append(raised.decode("cp932", "replace"))
        else:
            decoded.append(piece.decode("ascii", "replace"))
    return "".join(decoded)


def _pair(error: UnicodeError) -> tuple[bytes, int]:
    """Return the two bytes at an error, and where decoding continues: an ASCII byte is never swallowed."""
    assert isinstance(error, UnicodeDecodeError)
    pair = error.object[error.start : error.start + 2]
    return pair, error.start + (2 if len(pair) == 2 and pair[1] >= 0x80 and pair[0] >= 0x81 else 1)


def _replace_pair(error: UnicodeError) -> tuple[str, int]:
    return REPLACEMENT, _pair(error)[1]


def _repair_gb18030(error: UnicodeError) -> tuple[str, int]:
    pair, end = _pair(error)
    return ("€" if pair[:1] == b"\x80" else REPLACEMENT), end


def _repair_big5(error: UnicodeError) -> tuple[str, int]:
    pair, end = _pair(error)
    return ("€", end) if pair == b"\xa3\xe1" else (REPLACEMENT, end)


def _repair_euc_jp(error: UnicodeError) -> tuple[str, int]:
    """Read the characters of NEC and IBM, which EUC-JP of the web has: their place in Shift JIS is the same."""
    pair, end = _pair(error)
    if len(pair) == 2 and 0xA1 <= pair[0] <= 0xFE and 0xA1 <= pair[1] <= 0xFE:
        row, cell = pair[0] - 0x80, pair[1] - 0x80
        lead = (row + 1) // 2 + (0x70 if row < 0x5F else 0xB0)
        trail = cell + (0x7E if row % 2 == 0 else 0x1F if cell < 0x60 else 0x20)
        return bytes([lead, trail]).decode("cp932", "replace")[:1], end
    return REPLACEMENT, end


for _name, _handler in (
    ("ingest-double-byte", _replace_pair),
    ("ingest-gb18030", _repair_gb18030),
    ("ingest-big5", _repair_big5),
    ("ingest-euc-jp", _repair_euc_jp),
):
    codecs.register_error(_name, _handler)
