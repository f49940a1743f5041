"""Decoding a record restores its article; an invalid record is unusable, and the reason names the field."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from ingest.errors import Unusable
from ingest.identity import content_hash
from ingest.types import Attribution, Credit, CreditRole, PageSource, Record, RemovedLine
from ingest.wire import decode, encode, json_schema
from tests.persist.articles import article, record

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=50)


@given(title=TEXT, text=TEXT, authors=st.lists(TEXT, max_size=3), said=st.none() | TEXT)
def test_what_is_encoded_is_decoded_and_fits_the_schema(
    title: str, text: str, authors: list[str], said: str | None
) -> None:
    attribution = None if said is None else Attribution(author=said, publisher=None, url=None, evidence=said)
    one = replace(article(), title=title, text=text, authors=tuple(authors), attribution=attribution)
    sent = record(one, offset=1)
    assert decode(sent) == one
    Draft202012Validator(json_schema()).validate(json.loads(sent.value))
    assert encode(one).key == str(one.id)


def test_credits_removed_lines_and_the_parser_version_travel() -> None:
    credit = Credit(agency="AP", role=CreditRole.WIRE, evidence="(AP) -")
    attribution = Attribution(author=None, publisher=None, url=None, evidence="(AP) -", credits=(credit,))
    removed = (RemovedLine(rule="related", text="Related: Another thing"),)
    full = replace(article(), attribution=attribution, removed=removed, parser_version=3)
    sent = record(full, offset=1)
    assert decode(sent) == full
    Draft202012Validator(json_schema()).validate(json.loads(sent.value))


def test_a_record_of_an_older_producer_has_none_of_them() -> None:
    body = json.loads(record(article(), offset=1).value)
    assert body.keys().isdisjoint({"removed", "parser_version"})
    assert (
        decode(record(article(), offset=1)).removed,
        decode(record(article(), offset=1)).parser_version,
    ) == ((), 0)


def test_a_credit_of_an_unknown_role_is_ignored() -> None:
    attribution = {"evidence": "e", "credits": [{"agency": "AP", "role": "new", "evidence": "e"}]}
    decoded = decode(changed(attribution=attribution)).attribution
    assert decoded is not None
    assert decoded.credits == ()


def changed(**fields: Any) -> Record:
    sent = record(article(), offset=1)
    body = {**json.loads(sent.value), **fields}
    body = {name: value for name, value in body.items() if value is not ...}
    return replace(sent, value=json.dumps(body).encode())


def test_digests_are_of_title_and_text_on_the_wire_and_of_the_authors_too_when_read() -> None:
    """The wire keeps the hashes of pollers that did not count authors yet."""
    told = content_hash("A title", "Text.", ())
    page = PageSource(id=2, content_hash=article().content_hash, url="https://news.example/a")
    whole = replace(article(), content_hash=content_hash("A title", "Whole.", article().authors), page=page)
    for one, bare in ((article(), told), (whole, content_hash("A title", "Whole.", ()))):
        assert json.loads(record(one, offset=1).value)["content_hash"] == bare.hex() != one.content_hash.hex()
    assert json.loads(record(whole, offset=1).value)["page"]["content_hash"] == told.hex()
    assert decode(record(whole, offset=1)) == whole


def test_unknown_fields_are_ignored() -> None:
    assert decode(changed(colour="blue")) == article()


def test_an_unknown_field_may_hold_a_nul_character_and_a_number_too_long_for_python() -> None:
    sent = record(article(), offset=1)
    unknown = b',"colour":["\\u0000",1' + b"0" * 5_000 + b"]}"
    assert decode(replace(sent, value=sent.value[:-1] + unknown)) == article()


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"v": 2}, "2"),
        ({"v": ...}, "v"),
        ({"title": 7}, "title"),
        ({"title": ...}, "title"),
        ({"id": "x"}, "id"),
        ({"seen_at": "yesterday"}, "seen_at"),
        ({"seen_at": "2026-01-01T00:00:00"}, "seen_at"),
        ({"authors": "Ann"}, "authors"),
        ({"feed_id": True}, "feed_id"),
        ({"content_hash": "zz"}, "content_hash"),
        ({"text": "a\0b"}, "text.*NUL"),
        ({"authors": ["Ann", "a\0b"]}, "authors.*NUL"),
        ({"attribution": {"evidence": "a\0b"}}, "attribution.*NUL"),
        ({"title": "\ud800"}, "title.*surrogate"),
        ({"poll_id": 2**63}, "poll_id"),
        ({"published_at": "0001-01-01T00:00:00+14:00"}, "published_at"),
        ({"attribution": {"author": "Ann"}}, "attribution.*evidence"),
    ],
)
def test_a_field_that_is_wrong_is_named(fields: dict[str, Any], named: str) -> None:
    with pytest.raises(Unusable, match=named):
        decode(changed(**fields))


@pytest.mark.parametrize("value", [b"", b"not json", b"\xff\xfe", b"[]", b"null", b"[" * 100_000])
def test_bytes_that_are_no_article_are_unusable(value: bytes) -> None:
    with pytest.raises(Unusable):
        decode(replace(record(article(), offset=1), value=value))


def test_a_surrogate_behind_deep_nesting_makes_a_record_unusable() -> None:
    body = json.loads(record(article(), offset=1).value) | {"attribution": "NESTED", "title": "\ud800"}
    nested = '{"evidence":"a","colour":' + "[" * 600 + "]" * 600 + "}"
    first_attribution = dict(sorted(body.items(), key=lambda item: item[0] != "attribution"))
    value = json.dumps(first_attribution).replace('"NESTED"', nested).encode()
    with pytest.raises(Unusable, match=r"title.*surrogate"):
        decode(replace(record(article(), offset=1), value=value))


def test_a_record_under_another_key_is_unusable() -> None:
    with pytest.raises(Unusable, match="key"):
        decode(replace(record(article(), offset=1), key="another"))


def test_what_may_be_null_may_be_left_out() -> None:
    found = decode(changed(url=..., authors=..., attribution=..., published_at=...))
    assert (found.url, found.authors, found.attribution, found.published_at) == (None, (), None, None)
