"""Tags of feeds: short names by which an operator groups feeds. Pure.

A tag is a path of names with slashes, as the attribute ``category`` of OPML 2.0 has it: the folder *East* in the folder
*Asia* is the tag ``Asia/East``. The tag ``Asia`` covers ``Asia/East``.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from typing import Final

from ingest.errors import Refused
from ingest.text.prefix import utf8_prefix

MAX_TAGS: Final = 50
"""The largest number of tags of a feed."""
MAX_TAG_BYTES: Final = 200
"""The largest length of a tag in UTF-8."""
_UNUSABLE: Final = re.compile("[\x00-\x20\x7f-\xa0\u2028\u2029\ud800-\udfff\ufffe\uffff]+")


def tag_of_path(names: Iterable[str]) -> str | None:
    """Return the tag of these nested folders, at most ``MAX_TAG_BYTES`` long; None: no folder has a name."""
    segments = (_clean(segment) for name in names for segment in name.split("/"))
    tag = "/".join(segment for segment in segments if segment)
    return utf8_prefix(tag, MAX_TAG_BYTES).rstrip("/ ") or None


def tags_of_categories(value: str) -> list[str]:
    """Return the tags of an attribute ``category``: paths, separated by commas."""
    tags = (tag_of_path([path]) for path in value.split(","))
    return [tag for tag in tags if tag is not None]


def read_tag(value: str) -> str:
    """Return an operator's tag in its normal form.

    Raises:
        Refused: the tag is empty or too long.
    """
    tag = tag_of_path([value])
    if tag is None or len(_clean(value).encode()) > MAX_TAG_BYTES:
        accepted = f"a name, or a path of names with slashes, of at most {MAX_TAG_BYTES} bytes in UTF-8"
        raise Refused("tag", value[:100], accepted)
    return tag


def merge_tags(stored: Iterable[str], added: Iterable[str]) -> tuple[str, ...]:
    """Return all tags, sorted by code points.

    Raises:
        Refused: there are more than ``MAX_TAGS``.
    """
    merged = tuple(sorted({*stored, *added}))
    if len(merged) > MAX_TAGS:
        raise Refused("tags", f"{len(merged)} tags", f"at most {MAX_TAGS} tags for one feed")
    return merged


def _clean(name: str) -> str:
    return unicodedata.normalize("NFC", _UNUSABLE.sub(" ", name)).strip()
