"""Outlines and folders as rows, whichever parser read their tags."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from ingest.feed_tags import MAX_TAGS, tag_of_path, tags_of_categories

USER_AGENT: Final = "ingest:userAgent"
"""An attribute that only we write; OPML 2.0 allows attributes in namespaces."""
MAX_DEPTH: Final = 20
"""Folders below this level are not part of a tag."""
_FEED_TYPES: Final = frozenset({"rss", "atom"})
# Some writers escape twice. Neither a title nor a URL contains these references on purpose.
_ESCAPED_TWICE: Final = re.compile(r"&(?:amp|lt|gt|quot|apos|#0*39|#x0*27);", re.IGNORECASE)
_CONTROLS: Final = re.compile("[\x00-\x1f\x7f]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outline:
    """One feed of the file, unchanged; its URL is not checked, and may be empty."""

    line: int
    url: str
    title: str | None
    user_agent: str | None = None
    """The feed's own user agent (:data:`USER_AGENT`); not checked."""
    tags: tuple[str, ...] = ()
    """The path of its folders as one tag, and the paths of its attribute ``category``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Damage:
    """A row that cannot be read."""

    line: int
    text: str
    """The beginning of the row."""
    reason: str


class Rows:
    """Collects the outlines of a document in order, with the folders that contain them."""

    def __init__(self) -> None:
        self.outlines: list[Outline] = []
        self.damaged: list[Damage] = []
        self._folders: list[str | None] = []
        """Names of the open outlines; None for a feed."""

    def begin(self, attributes: Mapping[str, str], *, line: int) -> None:
        """Add the start tag of an outline. Names of attributes are read without regard to case."""
        values: dict[str, str] = {}
        for name, value in attributes.items():
            values[name.lower()] = values.get(name.lower()) or value.strip()
        if "xmlurl" not in values and values.get("type", "").lower() not in _FEED_TYPES:
            self._folders.append(_unescaped(values.get("text") or values.get("title") or ""))
            return
        url = _CONTROLS.sub("", _unescaped(values.get("xmlurl", "")))
        title = _unescaped(values.get("title") or values.get("text") or "") or None
        if title == url:  # writers, we too, put the URL in place of an unknown title
            title = None
        path = tag_of_path(name for name in self._folders[:MAX_DEPTH] if name)
        tags = [*([] if path is None else [path]), *tags_of_categories(values.get("category", ""))]
        user_agent = values.get(USER_AGENT.lower()) or None
        outline = Outline(
            line=line,
            url=url,
            title=title,
            user_agent=user_agent,
            tags=tuple(dict.fromkeys(tags))[:MAX_TAGS],
        )
        self.outlines.append(outline)
        self._folders.append(None)

    def end(self) -> None:
        """Add an end tag of an outline. An end tag without a start tag is ignored."""
        if self._folders:
            self._folders.pop()


def _unescaped(value: str) -> str:
    return html.unescape(value) if _ESCAPED_TWICE.search(value) else value
