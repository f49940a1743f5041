"""Encodings: labels, decoders that agree with browsers, tolerance for wrong bytes, detection."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.charsets import decode_document, decode_page, encoding_of
from ingest.charsets.decoders import decode
from ingest.charsets.labels import _LABELS
from tests.speed import cpu_limit

MULTI_BYTE = ("shift_jis", "euc-jp", "euc-kr", "big5", "gbk", "gb18030")


def test_the_table_has_every_label_of_the_standard() -> None:
    labels = [label for labels in _LABELS.values() for label in labels.split()]
    assert (len(labels), len(set(labels)), len(_LABELS)) == (228, 228, 40)
    undecodable = {label for label in labels if encoding_of(label) is None}
    assert undecodable == {"replacement", "iso-2022-cn", "iso-2022-cn-ext"}


@pytest.mark.parametrize(
    ("label", "encoding"),
    [
        ("ISO-8859-1", "windows-1252"),
        (" us-ascii ", "windows-1252"),
        ("latin-1", "windows-1252"),
        ("iso-8859-9", "windows-1254"),
        ("TIS-620", "windows-874"),
        ("iso-8859-11", "windows-874"),
        ("x-sjis", "shift_jis"),
        ("ks_c_5601-1987", "euc-kr"),
        ("gb2312", "gbk"),
        ("Big5-HKSCS", "big5"),
        ("unicode", "utf-16le"),
        ("hz-gb-2312", "hz"),
        ("cp437", "cp437"),
        ("none", None),
        ("hex", None),
        ("idna", None),
        ("utf-7", None),
        ("x" * 50, None),
        ("", None),
    ],
)
def test_a_label_means_what_browsers_take_it_for(label: str, encoding: str | None) -> None:
    assert encoding_of(label) == encoding


@pytest.mark.parametrize(
    ("encoding", "data", "text"),
    [
        ("windows-1252", b"\x93Caf\xe9\x94 \x81", "“Café” \x81"),
        ("windows-1254", b"\xddstanbul \x99", "İstanbul ™"),
        ("windows-874", b"\xa1\xd2\xc3 \x93", "การ “"),
        ("windows-1255", b"\xca", "\u05ba"),
        ("koi8-u", b"\xae\xbe", "ўЎ"),
        ("x-user-defined", b"a\x80\xff", "a\uf780\uf7ff"),
        ("shift_jis", "①髙～㈱".encode("cp932"), "①髙～㈱"),
        ("euc-jp", b"\xad\xa1\xa1\xc1\xfc\xe2\x8f\xb0\xa1", "①～髙丂"),
        ("iso-2022-jp", b"A\x1b$B-!F|K\\\x1b(B!", "A①日本!"),
        ("iso-2022-jp", b"\x1b$BF|K\\\nplain", "日本\nplain"),
        ("iso-2022-jp", b"\x1b(I1\x1b(B", "ｱ"),
        ("euc-kr", "똠방각하".encode("cp949"), "똠방각하"),
        ("gbk", b"\x80 5 \x81\x30\x81\x30", "€ 5 \x80"),
        ("gb18030", "㐂𠀀".encode("gb18030"), "㐂𠀀"),
        ("big5", b"\xa1\x45\xa3\xe1\xf9\xd6", "‧€碁"),
        ("big5", "喺邨嘅".encode("big5hkscs"), "喺邨嘅"),
    ],
)
def test_bytes_are_decoded_as_browsers_decode_them(encoding: str, data: bytes, text: str) -> None:
    assert decode(data, encoding) == text


@given(encoding=st.sampled_from(MULTI_BYTE), data=st.binary(max_size=20))
def test_a_broken_character_never_swallows_a_tag(encoding: str, data: bytes) -> None:
    assert decode(data + b"<b>", encoding).endswith("<b>")


# Seven-bit encodings use the control characters SI and SO themselves.
@given(
    text=st.text(st.characters(exclude_categories=("Cc", "Cs")), max_size=50),
    encoding=st.sampled_from([*_LABELS, "hz", "iso-2022-kr"]),
)
def test_a_text_that_an_encoding_has_is_read_from_it(text: str, encoding: str) -> None:
    codec = {"iso-8859-8-i": "iso-8859-8", "x-mac-cyrillic": "mac_cyrillic", "windows-874": "cp874"}
    if encoding in ("replacement", "x-user-defined", *MULTI_BYTE, "iso-2022-jp", "koi8-u"):
        return
    data = text.encode(codec.get(encoding, encoding), "ignore")
    assert decode(data, encoding).encode(codec.get(encoding, encoding), "ignore") == data


SENTENCE = "The mayor’s “final” offer was refused – again – by the café owners."


@given(
    before=st.text(st.sampled_from("abc <>’–éПхе朝鲜😀"), min_size=4, max_size=40),
    after=st.text(st.sampled_from("abc <>’–éПхе朝鲜😀"), max_size=40),
    byte=st.integers(0x80, 0xFF),
)
def test_one_wrong_byte_anywhere_leaves_a_document_in_utf_8(before: str, after: str, byte: int) -> None:
    data = f"{SENTENCE}{before}|".encode() + bytes([byte]) + f"|{after}{SENTENCE}".encode()
    decoded = decode_document(data, labels=["utf-8"])
    assert decoded.encoding == "utf-8"
    assert decoded.text.startswith(f"{SENTENCE}{before}|")
    assert decoded.text.endswith(f"|{after}{SENTENCE}")
    assert decoded.warnings == ("1 characters are not utf-8",)


@pytest.mark.parametrize("padding", [0, 100, 100_000])
@pytest.mark.parametrize(
    ("wrong", "read"),
    [
        (b"the driver\x92s licence", "the driver’s licence"),
        (b"a caf\xe9 in town", "a café in town"),
        (b"cut off \xe2\x80</b>", "cut off \ufffd</b>"),
        (b"driver\xed\xa0\xbd\xed\xb8\x80s", "driver😀s"),
        (b"half \xed\xa0\xbd a pair", "half \ufffd a pair"),
    ],
)
def test_the_size_of_a_document_in_utf_8_does_not_matter(wrong: bytes, read: str, padding: int) -> None:
    data = SENTENCE.encode() + b"x" * padding + wrong + SENTENCE.encode()
    decoded = decode_document(data, labels=["utf-8"])
    assert decoded.text == f"{SENTENCE}{'x' * padding}{read}{SENTENCE}"
    assert decoded.encoding == "utf-8"


def test_a_cut_character_of_a_cyrillic_text_is_no_letter_of_windows_1252() -> None:
    data = "Паром вернулся в порт ".encode() + b"\xd0</b>"
    assert decode_document(data, labels=["utf-8"]).text == "Паром вернулся в порт \ufffd</b>"


def test_utf_8_counts_more_than_a_declaration_and_a_legacy_text_is_not_taken_for_it() -> None:
    mostly = (SENTENCE * 10).encode() + b"\x92"
    assert decode_document(mostly, labels=["iso-8859-1"]).encoding == "utf-8"
    # Г» and О» are valid UTF-8 by chance.
    legacy = "Газеты «Гудок» и «МЕТРО», «СЕЛО» закрыты".encode("cp1251")
    for labels in (["windows-1251"], ["utf-8"], []):
        assert decode_document(legacy, labels=labels).text == "Газеты «Гудок» и «МЕТРО», «СЕЛО» закрыты"


UNDECLARED = [
    ("windows-1251", "Жители острова просят вернуть паром"),
    ("koi8-r", "Жители острова просят вернуть паром"),
    ("windows-1250", "Łódź i Gdańsk świętują rocznicę"),
    ("windows-1252", "Der Präsident übernahm das Büro für Außenpolitik"),
    ("windows-1252", "Café à São Tomé"),
    ("windows-1253", "Η κυβέρνηση ανακοίνωσε νέα μέτρα"),
    ("windows-1254", "Türkiye ile Rusya arasında görüşme"),
    ("windows-1255", "ראש הממשלה נפגש עם שר החוץ"),
    ("windows-1256", "وزير الخارجية يلتقي نظيره الروسي"),
    ("cp874", "นายกรัฐมนตรีเดินทางไปรัสเซีย"),
    ("euc-kr", "북한과 러시아 외무장관 회담"),
    ("gb18030", "朝鲜与俄罗斯签署协议，双方代表出席"),
    ("big5", "北韓與俄羅斯簽署協議"),
    ("shift_jis", "北朝鮮とロシアが会談"),
    ("euc-jp", "北朝鮮とロシアが会談"),
    ("iso2022_jp", "北朝鮮とロシアが会談"),
]


@pytest.mark.parametrize(("encoding", "text"), UNDECLARED, ids=[f"{e} {t[:8]}" for e, t in UNDECLARED])
@pytest.mark.parametrize("labels", [[], ["utf-8"]], ids=["undeclared", "declared as UTF-8"])
def test_an_undeclared_encoding_is_detected(encoding: str, text: str, labels: list[str]) -> None:
    page = f"<rss><channel><title>{text}</title></channel></rss>".encode(encoding)
    decoded = decode_document(page, labels=labels)
    assert text in decoded.text
    if encoding != "iso2022_jp":
        assert f"read as {decoded.encoding}" in decoded.warnings[0]


def test_the_declared_language_decides_about_a_short_text() -> None:
    title = "<title>快讯</title>".encode("gbk")
    assert decode_document(title, labels=[], language="zh").text == "<title>快讯</title>"


def test_cyrillic_under_a_servers_default_label_is_detected() -> None:
    text = "Жители острова просят вернуть паром"
    assert decode_document(text.encode("cp1251"), labels=["iso-8859-1"]).text == text
    french = "Créée à Genève, l’œuvre d’été naïve a été dévoilée où?"
    assert decode_document(french.encode("cp1252"), labels=["iso-8859-1"]).text == french


@pytest.mark.parametrize(
    ("body", "content_type", "text"),
    [
        ("<meta charset=Shift_JIS>①髙".encode("cp932"), None, "①髙"),
        ("①髙".encode("cp932"), "text/html; charset=Shift_JIS", "①髙"),
        ("<meta http-equiv=x content='text/html; charset=euc-kr'>똠".encode("cp949"), None, "똠"),
        ("<meta charset=utf-16><p>été</p>".encode(), None, "été"),
        ("<!-- <meta charset=koi8-r> --><meta charset=big5>喺".encode("big5hkscs"), None, "喺"),
        ("<?xml version='1.0' encoding='windows-1251'?><html>Паром".encode("cp1251"), None, "Паром"),
        ("<meta charset=iso-8859-1>การค้า".encode("cp874"), "text/html; charset=tis-620", "การค้า"),
        (b"\xff\xfe" + "<p>Паром".encode("utf-16-le"), "text/html; charset=utf-8", "Паром"),
        ("<p>Паром".encode("utf-16-be"), None, "Паром"),
        ("<p>Жители острова просят вернуть паром".encode("cp1251"), "text/html", "Жители острова"),
        ("<meta charset=x-none><p>Паром".encode(), "text/html; charset=hex", "Паром"),
    ],
)
def test_a_page_is_decoded_by_header_page_or_detection(
    body: bytes, content_type: str | None, text: str
) -> None:
    assert text in decode_page(body, content_type=content_type).text


@given(data=st.binary(max_size=300), label=st.sampled_from([*_LABELS, "hz", "cp437", "utf-7", "none"]))
def test_any_bytes_under_any_label_are_decoded(data: bytes, label: str) -> None:
    assert isinstance(decode_document(data, labels=[label]).text.encode("utf-8"), bytes)


@pytest.mark.parametrize(
    "data",
    [
        b"\x80" * 2_000_000,
        b"<\xff" * 1_000_000,
        b"\xed\xa0\xbd" * 700_000,
        b"\x1b$B" * 700_000,
        b"\xe9 a" * 700_000,
    ],
    ids=["continuations", "open tags", "half pairs", "escapes", "accents"],
)
def test_hostile_bytes_are_decoded_in_time(data: bytes) -> None:
    with cpu_limit(4):
        decode_document(data, labels=["utf-8"])
