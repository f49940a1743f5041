"""Declared languages as BCP 47 tags in lower case."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from ingest.language.names import CODE_BY_SPELLING, CODES

MAX_TAG_CHARACTERS: Final = 35  # RFC 5646, section 4.4.1
CACHED_CHARACTERS: Final = 200
"""Longest declaration whose reading is cached."""

_COUNTRY_CODES: Final = {"cn": "zh", "cz": "cs", "dk": "da", "gr": "el", "jp": "ja", "ua": "uk"}
"""Country codes that feeds declare as a language, as far as no language has the code."""
_NO_LANGUAGE: Final = frozenset({"mis", "mul", "und", "zxx"})
"""ISO 639 codes that name no single language."""
_END: Final = re.compile(r"[,;.@]")
"""Begins the rest of a list (``en, fr``), a weight (``en;q=0.9``) or a POSIX encoding (``en_US.UTF-8``)."""
_SUBTAG: Final = re.compile("[a-z0-9]{1,8}")
_PRIMARY: Final = re.compile("[a-z]{2,3}")


def declared_tag(declared: str | None) -> str | None:
    """Return a declared language as a tag: ``en_US``, ``eng`` and ``English`` begin with ``en``; None if it names none.

    Of a list the first language counts.
    """
    if not declared:
        return None
    return _declared_tag(declared) if len(declared) > CACHED_CHARACTERS else _cached_tag(declared)


def primary(tag: str) -> str:
    """Return the language of a tag without script, region and variant."""
    return tag.partition("-")[0]


def _declared_tag(declared: str) -> str | None:
    first = _END.split(declared.strip(), maxsplit=1)[0].strip()
    spelling = re.sub(r"[\s_]+", "-", first.casefold())
    if spelling in CODE_BY_SPELLING:
        return CODE_BY_SPELLING[spelling]
    language, *subtags = spelling.split("-")
    language = CODE_BY_SPELLING.get(language) or _COUNTRY_CODES.get(language) or language
    if not _PRIMARY.fullmatch(language) or language in _NO_LANGUAGE:
        return None
    if len(language) == 2 and language not in CODES:
        return None
    if subtags and re.fullmatch("[a-z]{3}", subtags[0]):
        del subtags[0]  # an extended language: zh-cmn-hans is zh-hans
    if "x" in subtags:
        del subtags[subtags.index("x") :]
    tag = "-".join((language, *subtags))
    valid = all(_SUBTAG.fullmatch(subtag) for subtag in subtags)
    return tag if valid and len(tag) <= MAX_TAG_CHARACTERS else None


_cached_tag = lru_cache(maxsize=4096)(_declared_tag)  # all entries of a feed have the same few languages
