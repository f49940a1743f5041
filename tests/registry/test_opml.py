"""OPML files with lists of feeds."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest

from ingest.errors import Refused
from ingest.opml import MAX_DEPTH, ExportRow, Outline, read_opml, write_opml

NOW = datetime(2026, 11, 24, tzinfo=UTC)

NESTED = """<?xml version="1.0" encoding="windows-1252"?>
<opml version="1.0">
 <head><title>mine</title></head>
 <body>
  <outline text="Asia">
    <outline text="East">
      <outline type="rss" text="Korea" title="Korea d\xe9lices" xmlUrl="https://k.example/rss"/>
    </outline>
    <outline text="no title" XMLURL=" https://j.example/rss "/>
  </outline>
  <outline text="a bookmark" url="https://x.example/"/>
  <outline type="rss" text="lost"/>
  <outline xmlUrl="https://bare.example/rss"
           htmlUrl="https://bare.example/"/>
 </body>
</opml>""".encode("cp1252")


def test_nested_outlines_are_found_with_their_lines_and_titles() -> None:
    opml = read_opml(NESTED, name="mine.opml")
    assert opml.outlines == (
        Outline(line=7, url="https://k.example/rss", title="Korea délices", tags=("Asia/East",)),
        Outline(line=9, url="https://j.example/rss", title="no title", tags=("Asia",)),
        Outline(line=12, url="", title="lost"),
        Outline(line=13, url="https://bare.example/rss", title=None),
    )
    assert (opml.error, opml.damaged) == (None, ())


def test_what_is_written_reads_back() -> None:
    rows = [
        ExportRow(url="https://a.example/?x=1&y=2", title='Tom & "Jerry" <3'),
        ExportRow(url="https://б.example/"),
        ExportRow(url="https://c.example/", title="a\x01b"),
    ]
    read = read_opml(write_opml(rows, title="t", now=NOW), name="out").outlines
    assert [(each.url, each.title) for each in read] == [
        ("https://a.example/?x=1&y=2", 'Tom & "Jerry" <3'),
        ("https://б.example/", None),
        ("https://c.example/", "ab"),
    ]


BOMB = b"""<?xml version="1.0"?>
<!DOCTYPE opml [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>
<opml><body><outline text="&b;" xmlUrl="https://x.example/"/></body></opml>"""


@pytest.mark.parametrize(
    ("document", "says"),
    [
        (b"", "my.opml: 'line 1: no element found'"),
        (b"\0\0\0", "my.opml: 'line 1: "),
        (b"<html><body/></html>", "<html> in line 1"),
        (b"<html><body><outline text='no feed'></body></html>", "my.opml: "),
        (BOMB, "my.opml: '<!ENTITY'"),
        (BOMB.replace(b"]>", b""), "my.opml: '<!ENTITY'"),
        (
            b"<!DOCTYPE opml [ <!ENTITY x SYSTEM 'file:///etc/passwd'> ]><opml/>",
            "without entity declarations",
        ),
    ],
)
def test_a_file_that_is_no_opml_is_refused_by_name(document: bytes, says: str) -> None:
    with pytest.raises(Refused, match=re.escape(says)):
        read_opml(document, name="my.opml")


def test_folders_below_the_depth_limit_are_not_part_of_a_tag() -> None:
    levels = 5_000
    document = (
        b"<opml><body>"
        + b"<outline text='d'>" * levels
        + b"<outline xmlUrl='https://x.example/'/>"
        + b"</outline>" * levels
        + b"</body></opml>"
    )
    (outline,) = read_opml(document, name="deep").outlines
    assert outline.tags == ("/".join("d" * MAX_DEPTH),)


def test_tags_are_written_as_folders_and_read_back() -> None:
    rows = [
        ExportRow(url="https://a.example/", tags=("Asia/East", "World")),
        ExportRow(url="https://b.example/", tags=("Asia",)),
        ExportRow(url="https://c.example/"),
    ]
    document = write_opml(rows, title="t", now=NOW)
    assert document.count(b'text="Asia"') == 1
    assert [(each.url, each.tags) for each in read_opml(document, name="out").outlines] == [
        ("https://a.example/", ("Asia/East",)),
        ("https://b.example/", ("Asia",)),
        ("https://a.example/", ("World",)),
        ("https://c.example/", ()),
    ]


def test_categories_are_tags_too() -> None:
    document = b"""<opml><body><outline text="Asia"><outline xmlUrl="https://x.example/"
        category="/Boston/Weather, /Asia/ ,"/></outline></body></opml>"""
    (outline,) = read_opml(document, name="out").outlines
    assert outline.tags == ("Asia", "Boston/Weather")
