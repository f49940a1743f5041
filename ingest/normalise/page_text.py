"""Put the text of an article's page in place of the feed's, where the page has more of the same text. Pure.

A page may be the whole article. It may also be a cookie wall, a call to subscribe, another article at the same address,
or less than the feed has. The feed's own words decide: a longer text with a fair share of the words of title and feed
text is the article.
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime
from typing import Final

from ingest.identity import PARSER_VERSION, content_hash
from ingest.normalise import markup
from ingest.normalise.fields import MAX_TEXT_CHARACTERS, truncate
from ingest.normalise.reposts import authors_of, clean_text
from ingest.types import Article, Failed, FailureKind, PageSource

MIN_CHARACTERS: Final = 200
"""Shortest text of a page; a shorter one adds nothing to a feed's summary."""
MIN_LENGTH_RATIO: Final = 1.1
"""Smallest ratio of the page's length to the feed's; below it the page has the same text in another spelling."""
WHOLE_CHARACTERS: Final = 600
"""A feed's text of this length is a part of the article. A shorter one may be a teaser in words of its own."""
MIN_TEASER_SHARE: Final = 0.4
MIN_WHOLE_SHARE: Final = 0.6
_HEADLINE: Final = re.compile(r"<h1\b[^>]*>.*?</h1>", re.DOTALL)
# Shorter words are in every text of a language. In scripts without spaces, pairs of characters count as words.
_WORDS: Final = re.compile(r"[^\W\d_]{4,}|\d+")
_UNSPACED: Final = re.compile(r"(?=([\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\u0e00-\u0e7f]{2}))")


def merge_page_text(
    article: Article, extracted: str, *, page_url: str, page_id: int, seen_at: datetime
) -> Article | Failed:
    """``article`` with the text of ``extracted``, its page's HTML; or the reason to keep the feed's text."""
    html = _without_headline(markup.sanitise(extracted, base=page_url))
    story = clean_text(markup.plain_text(html), title=article.title, markup=html)
    text, attribution = truncate(story.text, MAX_TEXT_CHARACTERS), story.attribution
    reason = no_better(text, title=article.title, own=article.text)
    if reason is not None:
        return Failed(kind=FailureKind.NO_BETTER, detail=reason)
    summary, authors, publisher = article.summary, article.authors, article.publisher
    own = article.attribution
    if own is not None and (own.publisher is not None or attribution is None):
        attribution = own  # the feed's own takes precedence
    else:
        authors = authors_of(authors, story)
        publisher = (attribution and attribution.publisher) or publisher
    return replace(
        article,
        content_hash=content_hash(article.title, text if summary in text else f"{summary}\n{text}", authors),
        seen_at=seen_at,
        authors=authors,
        publisher=publisher,
        attribution=attribution,
        text=text,
        html=html,
        removed=story.removed,
        parser_version=PARSER_VERSION,
        page=PageSource(id=page_id, content_hash=article.content_hash, url=page_url),
    )


def no_better(text: str, *, title: str, own: str) -> str | None:
    """The reason to keep the feed's ``own`` text; None if the page's is better."""
    if len(text) < MIN_CHARACTERS:
        return f"the page has {len(text)} characters of text"
    if len(text) < MIN_LENGTH_RATIO * len(own):
        return f"the page has {len(text)} characters of text, the feed {len(own)}"
    wanted = words(f"{title}\n{own}")
    share = len(wanted & words(text)) / len(wanted) if wanted else 1.0
    least = MIN_WHOLE_SHARE if len(own) >= WHOLE_CHARACTERS else MIN_TEASER_SHARE
    if share < least:
        return f"the page has {share:.0%} of the feed's words, so its subject is another"
    return None


def _without_headline(html: str) -> str:
    """``html`` without its leading headline: the article keeps the feed's title, in other words perhaps."""
    headline = _HEADLINE.search(html)
    if headline is None or markup.plain_text(html[: headline.start()]):
        return html
    return html[: headline.start()] + html[headline.end() :]


def words(text: str) -> frozenset[str]:
    """The folded words that show whether two texts are about the same."""
    folded = text.casefold()
    return frozenset(_WORDS.findall(folded)) | frozenset(_UNSPACED.findall(folded))
