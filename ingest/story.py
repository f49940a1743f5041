"""Story ids: copies of one text under different addresses have the same one.

The id depends on the folded words alone, so quotes, dashes, white space and case, which every syndicate sets its own
way, do not separate two copies. Texts shorter than :data:`STORY_WORDS` are never merged: "Live updates" and "Weather"
are not copies of each other (lemon24/reader requires the same length).
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final
from uuid import UUID, uuid5

from ingest.tokenize import ascii_tokens

STORY_WORDS: Final = 48
"""An article with fewer words is its own story."""

_STORIES: Final = UUID("6f0f6c0e-54f5-5d4f-9a3e-0b6a3d0f7c11")
_WORDS: Final = re.compile(r"[^\W_]+")
# Scripts without spaces: a match of ``_WORDS`` is a whole clause, so two characters count as a word.
_UNSPACED: Final = re.compile(r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\u0e00-\u0e7f]")


def story_id(article_id: UUID, text: str) -> UUID:
    """The story of an article: shared by all articles with the same words; for a short text, the article's own id."""
    words = ascii_tokens(text)
    if words is None:
        words = _WORDS.findall(unicodedata.normalize("NFKC", text).casefold())
    if len(words) < STORY_WORDS and len(words) + len(_UNSPACED.findall(text)) // 2 < STORY_WORDS:
        return article_id
    return uuid5(_STORIES, " ".join(words))
