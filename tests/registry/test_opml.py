"""OPML files with lists of feeds."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest

from ingest.errors import Refused
from ingest.opml import MAX_DEPTH, Outline, read_opml, write_opml

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
    assert read_opml(NESTED, name="mine.opml") == [
        Outline(line=7, url="https://k.example/rss", title="Korea délices"),
        Outline(line=9, url="https://j.example/rss", title="no title"),
        Outline(line=12, url="", title="lost"),
        Outline(line=13, url="https://bare.example/rss", title=None),
    ]


def test_what_is_written_reads_back() -> None:
    rows = [
        ("https://a.example/?x=1&y=2", 'Tom & "Jerry" <3'),
        ("https://б.example/", None),
        ("https://c.example/", "a\x01b"),
    ]
    read = read_opml(write_opml(rows, title="t", now=NOW), name="out")
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
        (b"<opml><body>\n<outline></body></opml>", "line 2: mismatched tag"),
        (b"<opml><body><outline xmlUrl='https://x.example/?a&b'/></body></opml>", "line 1: not well-formed"),
        (BOMB, "my.opml, line 2: '<!DOCTYPE opml'"),
        (b"<!DOCTYPE opml SYSTEM 'file:///etc/passwd'><opml/>", "without DOCTYPE"),
        (b"<?xml version='1.0' encoding='no-such'?><opml/>", "my.opml: "),
        (
            b"<opml>" + b"<outline>" * MAX_DEPTH + b"</outline>" * MAX_DEPTH + b"</opml>",
            f"at most {MAX_DEPTH}",
        ),
    ],
)
def test_a_file_that_is_no_opml_is_refused_by_name_and_line(document: bytes, says: str) -> None:
    with pytest.raises(Refused, match=re.escape(says)):
        read_opml(document, name="my.opml")
