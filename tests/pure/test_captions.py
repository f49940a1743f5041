"""Captions in Media RSS are not the text of an entry (seen in the feeds of three newspapers)."""

from __future__ import annotations

from html import escape

import pytest

from ingest.parse import parse_feed
from ingest.types import Entry, ParsedFeed

DESCRIPTION = "<description><![CDATA[<p>The council met.</p>]]></description>"
ENCODED = "<content:encoded><![CDATA[<p>The council met. It voted.</p>]]></content:encoded>"
CAPTION = "A picture that is described at greater length than the story it stands beside, AT&amp;T &lt;3."
PICTURE = (
    '<media:content url="https://a.example/1.jpg">'
    f'<media:description type="plain">{CAPTION}</media:description></media:content>'
)
BARE = f"<media:description>{CAPTION}</media:description>"


def entry(inner: str) -> Entry:
    document = (
        '<rss version="2.0" xmlns:media="http://search.yahoo.com/mrss/" xmlns:m="http://search.yahoo.com/mrss/" '
        'xmlns:content="http://purl.org/rss/1.0/modules/content/"><channel><title>A</title>'
        f"<item><title>T</title><link>https://a.example/1</link>{inner}</item></channel></rss>"
    )
    found = parse_feed(document.encode(), url="https://a.example/feed")
    assert isinstance(found, ParsedFeed)
    return found.entries[0]


@pytest.mark.parametrize(
    "caption", [PICTURE, BARE, "<media:description></media:description>", "<media:description/>"]
)
@pytest.mark.parametrize("first", [True, False])
def test_a_caption_is_neither_summary_nor_content_of_an_entry_with_a_description(
    caption: str, first: bool
) -> None:
    found = entry(caption + DESCRIPTION if first else DESCRIPTION + caption)
    assert (found.summary, found.content) == ("<p>The council met.</p>", None)


@pytest.mark.parametrize("picture", [PICTURE, PICTURE.replace("media:", "m:")])
def test_a_caption_marked_as_plain_does_not_make_the_description_plain(picture: str) -> None:
    found = entry(DESCRIPTION + ENCODED + picture)
    assert (found.summary, found.content) == ("<p>The council met.</p>", "<p>The council met. It voted.</p>")


@pytest.mark.parametrize("caption", [PICTURE, BARE])
def test_where_there_is_no_other_text_the_caption_is_the_text(caption: str) -> None:
    found = entry(caption)
    text = "A picture that is described at greater length than the story it stands beside, AT&amp;T &lt;3."
    assert (found.summary, found.content) == (text, None)


@pytest.mark.parametrize("marked_up", ["<b>Bold</b> words", "Fish &#39;n&#39; chips", "One<br>two"])
def test_a_caption_with_tags_or_entities_is_html(marked_up: str) -> None:
    found = entry(f'<media:description type="html">{escape(marked_up)}</media:description>')
    assert found.summary == marked_up
