"""A page's text in place of its feed's, where it is more of the same. Pure.

A page may be the whole article, and it may be a wall of cookies, a call to subscribe, another article that took its
place, or less than the feed already has. The feed's own words tell: a longer text that has a fair share of them, and
of the title's, is the article.
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime
from typing import Final

from ingest.identity import content_hash
from ingest.normalise import markup
from ingest.normalise.fields import MAX_TEXT_CHARACTERS, truncate
from ingest.normalise.reposts import remove_boilerplate
from ingest.types import Article, Failed, FailureKind, PageSource

LEAST_CHARACTERS: Final = 200
"""A page with less says nothing that a feed's summary does not."""
LONGER: Final = 1.1
"""A page's text is at least so many times as long as the feed's; less is another spelling of the same."""
WHOLE_CHARACTERS: Final = 600
"""A feed's text of this length is a part of the article and not a teaser, which may be written anew."""
SHARE_OF_TEASER: Final = 0.4
SHARE_OF_WHOLE: Final = 0.6
_HEADLINE: Final = re.compile(r"<h1\b[^>]*>.*?</h1>", re.DOTALL)
# Words of three letters stand in every text of their language; in scripts without spaces pairs of characters are words.
_WORDS: Final = re.compile(r"[^\W\d_]{4,}|\d+")
_UNSPACED: Final = re.compile(r"(?=([\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\u0e00-\u0e7f]{2}))")


def merge_page_text(
    article: Article, extracted: str, *, page_url: str, page_id: int, seen_at: datetime
) -> Article | Failed:
    """``article`` with the text of its page, of which ``extracted`` is the HTML; or why it keeps its own."""
    html = _without_headline(markup.sanitise(extracted, base=page_url))
    text, attribution = remove_boilerplate(markup.plain_text(html), title=article.title, markup=html)
    text = truncate(text, MAX_TEXT_CHARACTERS)
    why = no_better(text, title=article.title, own=article.text)
    if why is not None:
        return Failed(kind=FailureKind.NO_BETTER, detail=why)
    summary, authors, publisher = article.summary, article.authors, article.publisher
    if article.attribution is not None:
        attribution = article.attribution  # what the feed said itself
    elif attribution is not None:
        authors = authors if attribution.author is None else (attribution.author,)
        publisher = attribution.publisher or publisher
    return replace(
        article,
        content_hash=content_hash(article.title, text if summary in text else f"{summary}\n{text}", authors),
        seen_at=seen_at,
        authors=authors,
        publisher=publisher,
        attribution=attribution,
        text=text,
        html=html,
        page=PageSource(id=page_id, content_hash=article.content_hash, url=page_url),
    )


def no_better(text: str, *, title: str, own: str) -> str | None:
    """Why a page's text is no better than a feed's ``own``; None: it is."""
    if len(text) < LEAST_CHARACTERS:
        return f"the page has {len(text)} characters of text"
    if len(text) < LONGER * len(own):
        return f"the page has {len(text)} characters of text, the feed {len(own)}"
    wanted = words(f"{title}\n{own}")
    share = len(wanted & words(text)) / len(wanted) if wanted else 1.0
    least = SHARE_OF_WHOLE if len(own) >= WHOLE_CHARACTERS else SHARE_OF_TEASER
    if share < least:
        return f"the page has {share:.0%} of the feed's words: it is about something else"
    return None


def _without_headline(html: str) -> str:
    """``html`` without the heading it begins with: the title is the feed's, which may be worded otherwise."""
    found = _HEADLINE.search(html)
    if found is None or markup.plain_text(html[: found.start()]):
        return html
    return html[: found.start()] + html[found.end() :]


def words(text: str) -> frozenset[str]:
    """By which two texts are known to be about the same."""
    folded = text.casefold()
    return frozenset(_WORDS.findall(folded)) | frozenset(_UNSPACED.findall(folded))
