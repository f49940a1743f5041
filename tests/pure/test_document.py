"""A document becomes messages in two steps: prepared from its bytes, finished with rows of the seen-set."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from ingest.document import Document, PageBody, ParsedDocument, SeenLookup
from ingest.document.completeness import ends_within_entry, has_closing_root
from ingest.document.feed import PreparedDocument, finish, prepare
from ingest.document.page import read_page
from ingest.parse_pool import ipc
from ingest.types import Failed, FailureKind, Seen, SitemapLink
from tests.persist.articles import article
from tests.poll.conftest import rss

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
FEED = "https://news.example/feed.xml"


def document(body: bytes) -> Document:
    return Document(
        feed_id=7,
        feed_url=FEED,
        poll_id=1,
        seen_at=NOW,
        url=FEED,
        content_type="text/xml",
        language=None,
        body=body,
    )


def prepared(source: Document) -> PreparedDocument:
    result = prepare(source)
    assert isinstance(result, PreparedDocument), result
    return result


def rows(parsed: ParsedDocument) -> dict[bytes, Seen]:
    return {row.key: row for row in parsed.summary.seen}


def test_only_entries_that_the_seen_set_does_not_have_become_messages() -> None:
    first = finish(prepared(document(rss("one", "two"))), {})
    assert len(first.messages) == 2
    assert first.summary.new_entry_keys == tuple(rows(first))
    second = finish(prepared(document(rss("two", "three"))), rows(first))
    assert len(second.messages) == 1
    assert second.summary.has_seen_entries
    assert len(second.summary.new_entry_keys) == 1


def test_a_lookup_is_needed_unless_the_seen_set_or_the_document_is_empty() -> None:
    source = document(rss("one"))
    assert prepared(source).needs_lookup
    assert not prepared(replace(source, first=True)).needs_lookup
    assert not prepared(document(rss())).needs_lookup


def test_a_seen_entry_without_text_from_a_hub_is_not_a_change() -> None:
    item = b"<item><title>One</title><link>https://news.example/1</link>%b</item>"
    feed = b'<rss version="2.0"><channel><title>News</title>%b</channel></rss>'
    first = finish(prepared(document(feed % (item % b"<description>Text</description>"))), {})
    emptied = document(feed % (item % b""))
    pushed = finish(prepared(replace(emptied, pushed=True)), rows(first))
    assert (pushed.messages, pushed.summary.seen) == ((), ())
    assert pushed.keys == tuple(rows(first))
    polled = finish(prepared(emptied), rows(first))
    assert (len(polled.messages), polled.keys) == (1, ())


def test_the_entry_that_a_cut_ends_in_is_left_out() -> None:
    body = rss("one", "two")
    cut = body[: body.rindex(b"</title>")]
    assert ends_within_entry(cut)
    assert not has_closing_root(cut)
    parsed = finish(prepared(document(cut)), {})
    assert (parsed.summary.complete, len(parsed.messages)) == (False, 1)


def test_an_index_of_sitemaps_has_children_and_a_feed_has_none() -> None:
    index = b"<sitemapindex><sitemap><loc>https://news.example/a.xml</loc></sitemap></sitemapindex>"
    children = (SitemapLink(url="https://news.example/a.xml"),)
    assert finish(prepared(document(index)), {}).summary.children == children
    assert finish(prepared(document(rss("one"))), {}).summary.children is None


def test_a_body_that_is_no_page_is_refused() -> None:
    page = PageBody(article=article(), page_id=2, seen_at=NOW, url=FEED, content_type="image/png", body=b"x")
    refused = read_page(page)
    assert isinstance(refused, Failed)
    assert refused.kind is FailureKind.NOT_HTML


PAGE = PageBody(
    article=article(), page_id=2, seen_at=NOW, url=FEED, content_type=None, body=b"<html>\0\xff</html>"
)
REQUESTS: tuple[ipc.Request, ...] = (
    ipc.ReadDocument(replace(document(b"\0\xff"), pushed=True)),
    ipc.ReadPage(PAGE),
    ipc.SeenRows(tuple(rows(finish(prepared(document(rss("one", "two"))), {})).values())),
)
REPLIES: tuple[ipc.Reply, ...] = (
    ipc.Ready(),
    ipc.SeenQuery(SeenLookup(keys=(b"\0\xff",), article_ids=(article().id,), marks=(b"\0\xff",))),
    ipc.DocumentRead(finish(prepared(document(rss("one", "two"))), {})),
    ipc.Rejected(Failed(kind=FailureKind.EMPTY, detail="empty", sample=b"\0\xff", feed_links=(FEED,))),
)


@pytest.mark.parametrize("request_", REQUESTS, ids=lambda request: type(request).__name__)
def test_a_request_arrives_as_it_was_sent(request_: ipc.Request) -> None:
    frame = bytes(ipc.encode(request_))
    assert int.from_bytes(frame[: ipc.LENGTH_BYTES], "big") == len(frame) - ipc.LENGTH_BYTES
    assert ipc.decode_request(frame[ipc.LENGTH_BYTES :]) == request_


@pytest.mark.parametrize("reply", REPLIES, ids=lambda reply: type(reply).__name__)
def test_a_reply_arrives_as_it_was_sent(reply: ipc.Reply) -> None:
    assert ipc.decode_reply(bytes(ipc.encode(reply))[ipc.LENGTH_BYTES :]) == reply


def test_lone_surrogates_of_a_header_are_replaced_on_the_way_to_a_parser() -> None:
    source = replace(document(rss("one")), content_type="text/xml; charset=\udcff", language="\udc80")
    request = ipc.decode_request(bytes(ipc.encode(ipc.ReadDocument(source)))[ipc.LENGTH_BYTES :])
    expected = replace(source, content_type="text/xml; charset=?", language="?")
    assert request == ipc.ReadDocument(expected)
