"""Extraction: the bodies that count as pages, and their encodings."""

from __future__ import annotations

import pytest

from ingest.extract import article_html, is_html

STORY = "Паром до островів знову ходитиме з понеділка, повідомив його власник у суботу вранці. " * 5
PAGE = f"<html><body><article><h1>Паром</h1><p>{STORY}</p><p>{STORY}</p></article></body></html>"


@pytest.mark.parametrize(
    ("encoding", "content_type"),
    [
        ("utf-8", "text/html; charset=utf-8"),
        ("utf-8", 'text/html; charset="UTF-8"'),
        ("utf-8", "text/html"),
        ("utf-8", None),
        ("utf-8", "text/html; charset=no-such-thing"),
        ("utf-8", "text/html; charset=hex"),
        ("utf-8", "text/html; charset=undefined"),
        ("utf-8-sig", "text/html; charset=iso-8859-1"),
        ("cp1251", "text/html; charset=windows-1251"),
    ],
)
def test_a_page_is_read_whatever_is_said_of_its_encoding(encoding: str, content_type: str | None) -> None:
    assert STORY.strip() in article_html(PAGE.encode(encoding), content_type=content_type)


@pytest.mark.parametrize(
    ("body", "content_type", "html"),
    [
        (b"<p>x", "text/html; charset=utf-8", True),
        (b"<p>x", "application/xhtml+xml", True),
        (b"<p>x", "application/pdf", False),
        (b"\xef\xbb\xbf\n <p>x", None, True),
        (b"%PDF-1.7", None, False),
        (b"", "", False),
    ],
)
def test_what_a_page_is_its_server_says_or_its_first_character(
    body: bytes, content_type: str | None, html: bool
) -> None:
    assert is_html(body, content_type) is html
