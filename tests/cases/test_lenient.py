"""Cases from public bug reports: lists of feeds that are nearly XML, and HTTP that only browsers accept."""

from __future__ import annotations

import pytest

from ingest.opml import read_opml

ROW = b'<outline type="rss" text="%s" xmlUrl="%s"/>'


def opml(*rows: bytes, before: bytes = b'<?xml version="1.0" encoding="UTF-8"?>\n') -> bytes:
    return before + b'<opml version="2.0"><head/><body>' + b"\n".join(rows) + b"</body></opml>"


@pytest.mark.parametrize(
    ("document", "rows"),
    [
        # capyreader#166: bare ampersands in URLs
        (
            opml(ROW % (b"T&amp;J", b"https://a.example/f?x=1&y=2&copy=3&lt=4")),
            [("https://a.example/f?x=1&y=2&copy=3&lt=4", "T&J")],
        ),
        (
            opml(ROW % (b"P & Q &bogus; R", b"https://a.example/f")),
            [("https://a.example/f", "P & Q &bogus; R")],
        ),
        # papr#14: other encodings
        (
            opml(ROW % ("Le Café".encode("cp1252"), b"https://a.example/f")),
            [("https://a.example/f", "Le Café")],
        ),
        (
            opml(
                ROW % ("Новости порта".encode("cp1251"), b"https://a.example/f"),
                before=b"<?xml version='1.0' encoding='windows-1251'?>",
            ),
            [("https://a.example/f", "Новости порта")],
        ),
        (
            opml(
                ROW % ("港口新闻".encode("gb18030"), b"https://a.example/f"),
                before=b'<?xml version="1.0" encoding="gb2312"?>',
            ),
            [("https://a.example/f", "港口新闻")],
        ),
        (
            opml(
                ROW % ("港のニュース①".encode("cp932"), b"https://a.example/f"),
                before=b'<?xml version="1.0" encoding="Shift_JIS"?>',
            ),
            [("https://a.example/f", "港のニュース①")],
        ),
        (
            opml(
                ROW % ("北の港".encode(), b"https://a.example/f"),
                before=b'<?xml version="1.0" encoding="GBK"?>',
            ),
            [("https://a.example/f", "北の港")],
        ),
        (
            opml(
                ROW % ("порт".encode(), b"https://a.example/f"),
                before=b'<?xml version="1.0" encoding="x-odd"?>',
            ),
            [("https://a.example/f", "порт")],
        ),
        (
            "<opml><outline text='порт & море' xmlUrl='https://a.example/f'>".encode("utf-16"),
            [("https://a.example/f", "порт & море")],
        ),
        # before the declaration
        (
            opml(ROW % (b"p", b"https://a.example/f"), before=b"\xef\xbb\xbf\r\n \n<?xml version='1.0'?>"),
            [("https://a.example/f", "p")],
        ),
        (
            opml(
                ROW % (b"p", b"https://a.example/f"), before=b"Warning: on line 3<br>\n<?xml version='1.0'?>"
            ),
            [("https://a.example/f", "p")],
        ),
        # document types and entities
        (
            opml(
                ROW % (b"Caf&eacute;&nbsp;au lait", b"https://a.example/f"),
                before=b'<!DOCTYPE opml SYSTEM "http://a.example/opml.dtd">',
            ),
            [("https://a.example/f", "Café\xa0au lait")],
        ),
        (
            opml(ROW % (b"p", b"https://a.example/f"), before=b"<!DOCTYPE opml [ <!ELEMENT opml ANY> ]>"),
            [("https://a.example/f", "p")],
        ),
        # control characters
        (
            opml(ROW % (b"a\x08b&#8;c&#xD800;d&#0;", b"https://a.example/\x01f")),
            [("https://a.example/f", "abcd")],
        ),
        # tags and attributes
        (
            opml(b"<OUTLINE TYPE='rss' Text='p' XMLURL='https://a.example/f'/>"),
            [("https://a.example/f", "p")],
        ),
        (
            opml(b"<outline type=rss text=port xmlUrl=https://a.example/f?b=1 />"),
            [("https://a.example/f?b=1", "port")],
        ),
        (
            opml(b'<outline text="p" text="q" xmlUrl="https://a.example/f" xmlUrl="https://b.example/f"/>'),
            [("https://a.example/f", "p")],
        ),
        (
            opml(b'<outline text="The "free" press" xmlUrl="https://a.example/f"type="rss" checked />'),
            [("https://a.example/f", 'The "free" press')],
        ),
        (
            opml(b'<outline text="a < b > c" xmlUrl="https://a.example/f"/>'),
            [("https://a.example/f", "a < b > c")],
        ),
        (
            opml(b'<outline text="p xmlUrl="https://a.example/f"/>', ROW % (b"q", b"https://b.example/f")),
            [("https://a.example/f", "p"), ("https://b.example/f", "q")],
        ),
        (
            opml(
                b'<outline text="p" xmlUrl="https://a.example/f">',
                b'<outline text="q" xmlUrl="https://b.example/f"',
                ROW % (b"r", b"https://c.example/f"),
            ),
            [("https://a.example/f", "p"), ("https://b.example/f", "q"), ("https://c.example/f", "r")],
        ),
        # escaped twice
        (
            opml(ROW % (b"T &amp;amp; J&amp;#39;s", b"https://a.example/f?x=1&amp;amp;y=2")),
            [("https://a.example/f?x=1&y=2", "T & J's")],
        ),
        # comments
        (
            opml(
                b"<!-- <outline xmlUrl='https://no.example/'/> -- & -->",
                ROW % (b"p & q", b"https://a.example/f"),
            ),
            [("https://a.example/f", "p & q")],
        ),
        # rows without a document
        (ROW % (b"p", b"https://a.example/f"), [("https://a.example/f", "p")]),
    ],
)
def test_each_row_of_opml_that_is_nearly_xml_is_read(document: bytes, rows: list[tuple[str, str]]) -> None:
    opml_rows = read_opml(document, name="my.opml")
    assert [(outline.url, outline.title) for outline in opml_rows.outlines] == rows
    assert opml_rows.damaged == ()


@pytest.mark.parametrize("cut", range(1, 49, 3))
def test_a_truncated_list_keeps_its_whole_rows_and_names_the_last(cut: int) -> None:
    whole = opml(ROW % (b"p", b"https://a.example/f")).removesuffix(b"</body></opml>")
    row = ROW % (b"q", b"https://bbb.example/feed")
    result = read_opml(whole + b"\n" + row[: 8 + cut], name="my.opml")
    assert [outline.url for outline in result.outlines] == ["https://a.example/f"]
    assert [damage.line for damage in result.damaged] == [3]


def test_a_row_without_its_closing_quote_is_named_and_the_next_one_is_read() -> None:
    result = read_opml(
        opml(b'<outline text="p" xmlUrl="https://a.example/f />', ROW % (b"q", b"https://b.example/f")),
        name="my.opml",
    )
    assert [outline.url for outline in result.outlines] == ["https://b.example/f"]
    ((line, reason),) = [(damage.line, damage.reason) for damage in result.damaged]
    assert (line, reason) == (2, "a value without its closing quote")


def test_folders_of_damaged_lists_are_tags_too() -> None:
    result = read_opml(
        opml(
            b'<outline text="A & B">',
            b'<outline text="C">',
            ROW % (b"p", b"https://a.example/f"),
            b"</outline>",
            ROW % (b"q", b"https://b.example/f"),
            b"</outline></outline>",
            ROW % (b"r", b"https://c.example/f"),
        ),
        name="my.opml",
    )
    assert [outline.tags for outline in result.outlines] == [("A & B/C",), ("A & B",), ()]


@pytest.mark.parametrize(
    "hostile",
    [
        b'<outline text="' + b'a" ' * 100_000,
        b"<!--" * 100_000,
        b"<outline " * 30_000,
        b'<outline a="' * 20_000,
        b"<!DOCTYPE a [" * 100_000,
        b'<outline a="' + (b'"' + b" " * 1_000) * 500,
        b"<outline text='a'>" * 30_000 + b"&",
    ],
    ids=lambda document: document[:12].decode(),
)
@pytest.mark.timeout(60)
def test_hostile_lists_take_time_proportional_to_their_size(hostile: bytes) -> None:
    result = read_opml(b"<opml>" + hostile, name="hostile")
    assert result.outlines == ()
