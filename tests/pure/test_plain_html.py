"""Texts that a feed declares as plain, and elements that have the whole text."""

from __future__ import annotations

import json

import pytest

from ingest.parse import parse_feed
from ingest.parse.text_values import is_html
from ingest.types import Entry, ParsedFeed

HTML = [
    "<p>Escaped <b>html</b> without type</p>",
    "  <div class='x'>Text</div>",
    "<b>Titanic</b> sank",
    "<a href='https://a.example'>Link</a> first",
    "First line<br/>second line<br>third line",
    "Intro. <p>First</p><p>Second</p>",
    "<![CDATA[The first ship]]>",
]
PLAIN = [
    "a < b and c > d",
    "The tag <b>bold</b> makes text bold",
    "The tag <p> begins a paragraph",
    "<p> is a tag",
    "vector<int> and map<string, int>",
    "Line one\n    <div>sample</div>\n    <div>of code</div>",
    "<html><body><p>A whole page</p></body></html>",
    "No tags & no signs",
    "",
]

RSS = """<rss version="2.0" xmlns:yandex="http://news.yandex.ru" xmlns:turbo="http://turbo.yandex.ru"
  xmlns:media="http://search.yahoo.com/mrss/" xmlns:content="http://purl.org/rss/1.0/modules/content/"
  xmlns:xhtml="http://www.w3.org/1999/xhtml"><channel><title>T</title><link>https://a.example/</link>
  <item><link>https://a.example/1</link><description>Short</description>{}</item></channel></rss>"""
LONG = "The whole text, a &lt; b, of many words. " * 20


def entry(element: str) -> Entry:
    """The entry of a feed with this element, which the fast path and feedparser read alike."""
    body = RSS.format(element).encode()
    fast, reference = (
        parse_feed(body, url="https://a.example/feed", use_fastpath=use_fastpath)
        for use_fastpath in (True, False)
    )
    assert isinstance(fast, ParsedFeed)
    assert isinstance(reference, ParsedFeed)
    assert fast.entries == reference.entries
    return fast.entries[0]


@pytest.mark.parametrize("text", HTML)
def test_a_text_whose_tags_are_closed_or_structure_it_is_html(text: str) -> None:
    assert is_html(text)


@pytest.mark.parametrize("text", PLAIN)
def test_signs_prose_about_tags_and_code_are_no_html(text: str) -> None:
    assert not is_html(text)


def test_atom_content_without_type_is_read_as_what_it_is() -> None:
    def content(value: str) -> str | None:
        body = (
            "<feed xmlns='http://www.w3.org/2005/Atom'><title>T</title><id>u</id><entry><id>u:1</id><title>A</title>"
            f"<content>{value}</content></entry></feed>"
        )
        parsed = parse_feed(body.encode(), url="https://a.example/feed")
        assert isinstance(parsed, ParsedFeed)
        return parsed.entries[0].content

    assert content("&lt;p&gt;One &lt;b&gt;two&lt;/b&gt;&lt;/p&gt;") == "<p>One <b>two</b></p>"
    assert content("1 &lt; 2 &amp;amp; &lt;b&gt;") == "1 &lt; 2 &amp;amp; &lt;b&gt;"


def test_content_text_of_json_feed_that_is_html_is_read_as_html() -> None:
    items = [{"id": "1", "content_text": "<p>One</p><p>Two</p>"}, {"id": "2", "content_text": "1 < 2"}]
    body = json.dumps({"version": "https://jsonfeed.org/version/1.1", "title": "T", "items": items})
    parsed = parse_feed(body.encode(), url="https://a.example/feed")
    assert isinstance(parsed, ParsedFeed)
    assert [each.content for each in parsed.entries] == ["<p>One</p><p>Two</p>", "1 &lt; 2"]


@pytest.mark.parametrize(
    "element",
    [
        "<yandex:full-text>{}</yandex:full-text>",
        "<fulltext>{}</fulltext>",
        "<content:encoded>{}</content:encoded>",
        "<media:description>{}</media:description>",
        "<xhtml:body><xhtml:p>{}</xhtml:p></xhtml:body>",
        "<turbo:content><![CDATA[<p>{}</p>]]></turbo:content>",
    ],
)
def test_a_fuller_text_in_another_vocabulary_is_the_content(element: str) -> None:
    found = entry(element.format(LONG))
    assert found.summary is not None
    assert "whole text" in (found.content or found.summary)


@pytest.mark.parametrize(
    "element",
    [
        "<yandex:full-text>Shrt</yandex:full-text><content:encoded>Much longer than that</content:encoded>",
        "<content:encoded>Much longer than that</content:encoded><turbo:content>Shrt</turbo:content>",
    ],
)
def test_a_shorter_text_in_another_vocabulary_changes_nothing(element: str) -> None:
    assert entry(element).content == "Much longer than that"


def test_a_caption_of_a_picture_is_no_text_of_the_entry() -> None:
    caption = "Two leaders embrace in the square of the capital on Monday, in a picture of the agency."
    found = entry(
        f"<media:content url='p.jpg'><media:description>{caption}</media:description></media:content>"
    )
    assert (found.summary, found.content) == ("Short", None)
