"""Texts are read in the encoding that they are in, in feeds and pages (issue 11, part 4)."""

from __future__ import annotations

import pytest

from ingest.db.feeds import set_full_text
from tests.cases.conftest import Service

pytestmark = pytest.mark.store


def feed(title: str, text: str = "Text.", *, encoding: str, declared: str | None) -> bytes:
    declaration = f'<?xml version="1.0" encoding="{declared}"?>' if declared else '<?xml version="1.0"?>'
    item = f"<item><title>{title}</title><link>https://port.example/1</link><description>{text}</description></item>"
    document = f"{declaration}<rss version='2.0'><channel><title>P</title>{item}</channel></rss>"
    return document.encode(encoding)


LEGACY = {
    "windows-31J under the name of Shift_JIS": ("髙島港で①号フェリー～再開", "cp932", "Shift_JIS", None),
    "Shift_JIS by its other name": ("髙島港で①号フェリー～再開", "cp932", "x-sjis", None),
    "Big5 of Hong Kong": ("渡輪喺邨口碼頭恢復開航", "big5hkscs", "big5", None),
    "windows-949 under the name of euc-kr": ("똠얌 항구의 펲 여객선", "cp949", "euc-kr", None),
    "GB 18030 under the name of gb2312": ("镕基号渡轮恢复㐂航", "gb18030", "gb2312", None),
    "windows-874 by the server": ("เรือข้ามฟาก “กลับมา”", "cp874", None, "application/rss+xml; charset=tis-620"),
    "windows-1254 under the name of iso-8859-9": ("Vapur “yarın” dönüyor €", "cp1254", "iso-8859-9", None),
    "undeclared windows-1251": ("Жители острова просят вернуть паром", "cp1251", None, None),
    "windows-1251 declared as UTF-8": ("Жители острова просят вернуть паром", "cp1251", "UTF-8", None),
    "undeclared euc-jp": ("島の住民、フェリーの再開を求める", "euc_jp", None, None),
    "UTF-8 declared as windows-1251": ("Жители острова просят вернуть паром", "utf-8", "windows-1251", None),
    "UTF-16 without a byte order mark": ("Жители острова", "utf-16-le", None, None),
}


@pytest.mark.parametrize(("title", "encoding", "declared", "content_type"), LEGACY.values(), ids=LEGACY)
def test_a_title_is_stored_as_it_was_written(
    service: Service, title: str, encoding: str, declared: str | None, content_type: str | None
) -> None:
    """simplepie#354, FeedMe#124."""
    body = feed(title, encoding=encoding, declared=declared)
    service.serve(body, content_type=content_type or "application/rss+xml")
    service.poll()
    assert service.titles() == [title]


def test_one_wrong_byte_does_not_garble_the_other_entries(service: Service) -> None:
    """feedparser#421."""
    entries = "".join(
        f"<item><title>Ferry report {number}</title><link>https://port.example/{number}</link>"
        "<description>Plain English text.</description></item>"
        for number in range(40)
    )
    quoted = "<item><title>The captain’s “last” trip</title><link>https://port.example/q</link></item>"
    head, tail = (
        "<?xml version='1.0' encoding='UTF-8'?><rss version='2.0'><channel><title>P</title>",
        "</channel></rss>",
    )
    wrong = b"<item><title>The driver\x92s ferry \xed\xa0\xbd\xed\xb8\x80</title><link>https://port.example/w</link></item>"
    service.serve(f"{head}{entries}{quoted}".encode() + wrong + tail.encode())
    service.poll()
    titles = service.titles()
    assert len(titles) == 42
    assert {"The captain’s “last” trip", "The driver’s ferry 😀"} <= set(titles)


STORY = (
    "髙島の港では①号フェリーが再開され、住民は歓迎している。市長は来年の予算について議会で説明する予定だ。"
)
PAGES = {
    "by the server": ("<html><head>", "text/html; charset=Shift_JIS"),
    "by the page": ('<html><head><meta charset="x-sjis">', "text/html"),
    "by nothing": ("<html><head>", "text/html"),
}


@pytest.mark.parametrize(("head", "content_type"), PAGES.values(), ids=PAGES)
def test_the_text_of_a_page_is_read_in_its_encoding(service: Service, head: str, content_type: str) -> None:
    page = service.world.feed("/ferry")
    body = (
        f"{head}<title>P</title></head><body><article><h1>再開</h1><p>{STORY}</p><p>{STORY * 3}</p></article>"
    )
    page.publish(body.encode("cp932"), content_type)
    item = f"<item><title>再開</title><link>{page.url}</link><description>短い。</description></item>"
    served = service.serve(f"<rss version='2.0'><channel><title>P</title>{item}</channel></rss>".encode())
    set_full_text(service.engine, service.desk.feed(served).id, wanted=True)
    service.poll()
    service.desk.poll_due()
    service.consume()
    (current,) = [each for each in service.article("再開")["revisions"] if each["current"]]
    assert STORY in current["text"]
