"""Labels of encodings, as browsers understand them.

The table is that of the WHATWG Encoding Standard (https://encoding.spec.whatwg.org/#names-and-labels). It maps the
names that servers and documents declare to the encoding that such bytes are in: ``iso-8859-1`` means windows-1252.
"""

from __future__ import annotations

import codecs
from functools import lru_cache
from typing import Final

_LABELS: Final = {
    "utf-8": "unicode-1-1-utf-8 unicode11utf8 unicode20utf8 utf-8 utf8 x-unicode20utf8",
    "ibm866": "866 cp866 csibm866 ibm866",
    "iso-8859-2": (
        "csisolatin2 iso-8859-2 iso-ir-101 iso8859-2 iso88592 iso_8859-2 iso_8859-2:1987 l2 latin2"
    ),
    "iso-8859-3": (
        "csisolatin3 iso-8859-3 iso-ir-109 iso8859-3 iso88593 iso_8859-3 iso_8859-3:1988 l3 latin3"
    ),
    "iso-8859-4": (
        "csisolatin4 iso-8859-4 iso-ir-110 iso8859-4 iso88594 iso_8859-4 iso_8859-4:1988 l4 latin4"
    ),
    "iso-8859-5": (
        "csisolatincyrillic cyrillic iso-8859-5 iso-ir-144 iso8859-5 iso88595 iso_8859-5 iso_8859-5:1988"
    ),
    "iso-8859-6": (
        "arabic asmo-708 csiso88596e csiso88596i csisolatinarabic ecma-114 iso-8859-6 iso-8859-6-e "
        "iso-8859-6-i iso-ir-127 iso8859-6 iso88596 iso_8859-6 iso_8859-6:1987"
    ),
    "iso-8859-7": (
        "csisolatingreek ecma-118 elot_928 greek greek8 iso-8859-7 iso-ir-126 iso8859-7 iso88597 "
        "iso_8859-7 iso_8859-7:1987 sun_eu_greek"
    ),
    "iso-8859-8": (
        "csiso88598e csisolatinhebrew hebrew iso-8859-8 iso-8859-8-e iso-ir-138 iso8859-8 iso88598 "
        "iso_8859-8 iso_8859-8:1988 visual"
    ),
    "iso-8859-8-i": "csiso88598i iso-8859-8-i logical",
    "iso-8859-10": "csisolatin6 iso-8859-10 iso-ir-157 iso8859-10 iso885910 l6 latin6",
    "iso-8859-13": "iso-8859-13 iso8859-13 iso885913",
    "iso-8859-14": "iso-8859-14 iso8859-14 iso885914",
    "iso-8859-15": "csisolatin9 iso-8859-15 iso8859-15 iso885915 iso_8859-15 l9",
    "iso-8859-16": "iso-8859-16",
    "koi8-r": "cskoi8r koi koi8 koi8-r koi8_r",
    "koi8-u": "koi8-ru koi8-u",
    "macintosh": "csmacintosh mac macintosh x-mac-roman",
    "windows-874": "dos-874 iso-8859-11 iso8859-11 iso885911 tis-620 windows-874",
    "windows-1250": "cp1250 windows-1250 x-cp1250",
    "windows-1251": "cp1251 windows-1251 x-cp1251",
    "windows-1252": (
        "ansi_x3.4-1968 ascii cp1252 cp819 csisolatin1 ibm819 iso-8859-1 iso-ir-100 iso8859-1 "
        "iso88591 iso_8859-1 iso_8859-1:1987 l1 latin1 us-ascii windows-1252 x-cp1252"
    ),
    "windows-1253": "cp1253 windows-1253 x-cp1253",
    "windows-1254": (
        "cp1254 csisolatin5 iso-8859-9 iso-ir-148 iso8859-9 iso88599 iso_8859-9 iso_8859-9:1989 l5 "
        "latin5 windows-1254 x-cp1254"
    ),
    "windows-1255": "cp1255 windows-1255 x-cp1255",
    "windows-1256": "cp1256 windows-1256 x-cp1256",
    "windows-1257": "cp1257 windows-1257 x-cp1257",
    "windows-1258": "cp1258 windows-1258 x-cp1258",
    "x-mac-cyrillic": "x-mac-cyrillic x-mac-ukrainian",
    "gbk": "chinese csgb2312 csiso58gb231280 gb2312 gb_2312 gb_2312-80 gbk iso-ir-58 x-gbk",
    "gb18030": "gb18030",
    "big5": "big5 big5-hkscs cn-big5 csbig5 x-x-big5",
    "euc-jp": "cseucpkdfmtjapanese euc-jp x-euc-jp",
    "iso-2022-jp": "csiso2022jp iso-2022-jp",
    "shift_jis": "csshiftjis ms932 ms_kanji shift-jis shift_jis sjis windows-31j x-sjis",
    "euc-kr": (
        "cseuckr csksc56011987 euc-kr iso-ir-149 korean ks_c_5601-1987 ks_c_5601-1989 ksc5601 "
        "ksc_5601 windows-949"
    ),
    "replacement": "csiso2022kr hz-gb-2312 iso-2022-cn iso-2022-cn-ext iso-2022-kr replacement",
    "utf-16be": "unicodefffe utf-16be",
    "utf-16le": "csunicode iso-10646-ucs-2 ucs-2 unicode unicodefeff utf-16 utf-16le",
    "x-user-defined": "x-user-defined",
}
_ENCODINGS: Final = {label: name for name, labels in _LABELS.items() for label in labels.split()}
_DECODABLE_REPLACEMENTS: Final = {
    "iso-2022-kr": "iso-2022-kr",
    "csiso2022kr": "iso-2022-kr",
    "hz-gb-2312": "hz",
}
"""Labels for which a browser shows U+FFFD, because a script could hide in such bytes. We sanitise decoded text."""
_SPELLINGS: Final = {
    "utf8mb4": "utf-8",
    "utf-8-sig": "utf-8",
    "utf_8_sig": "utf-8",
    "cp949": "euc-kr",
    "uhc": "euc-kr",
    "cp932": "shift_jis",
    "shift_jis_2004": "shift_jis",
    "cp950": "big5",
    "big5hkscs": "big5",
    "euc_jp": "euc-jp",
    "euc_jis_2004": "euc-jp",
    "eucjp": "euc-jp",
}
"""Names that are no part of the standard, but of feeds and of Python, for encodings that the standard has."""
MAX_LABEL: Final = 40


@lru_cache(maxsize=512)
def encoding_of(label: str) -> str | None:
    """Return the encoding that ``label`` declares; None where it is the name of no text encoding.

    Names outside the standard count where Python has a codec for them, such as ``cp437``.
    """
    name = label.strip(" \t\r\n\f\"'").lower()
    if not name or len(name) > MAX_LABEL:
        return None
    encoding = _DECODABLE_REPLACEMENTS.get(name) or _ENCODINGS.get(name) or _SPELLINGS.get(name)
    if encoding == "replacement":
        return None
    return encoding or _python_encoding(name)


def is_of_the_web(encoding: str) -> bool:
    """Return whether pages and feeds are in this encoding: browsers have it, and it is not one of DOS or old Macs."""
    return encoding in _LABELS and encoding not in {"ibm866", "macintosh", "x-mac-cyrillic"}


def _python_encoding(name: str) -> str | None:
    """Return Python's codec of this name, under the standard's name where the standard has it."""
    try:
        b" ".decode(name, "replace")  # Python decodes empty bytes without looking at the name
        codec = codecs.lookup(name).name
    except (LookupError, ValueError):
        return None
    if codec in {
        "utf-7",
        "idna",
        "punycode",
        "raw_unicode_escape",
        "unicode_escape",
        "mbcs",
        "oem",
        "undefined",
    }:
        return None
    return _ENCODINGS.get(codec) or _ENCODINGS.get(codec.replace("_", "-")) or _SPELLINGS.get(codec) or codec
