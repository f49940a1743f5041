"""Limits that PostgreSQL and Kafka count in bytes, at texts of four-byte characters."""

from __future__ import annotations

import hashlib
from typing import Final

import pytest
from sqlalchemy import Engine, Index, PrimaryKeyConstraint, Table, Text, UniqueConstraint, text
from sqlalchemy.sql.schema import Column

from ingest.classify.files import MAX_SLUG_CHARACTERS
from ingest.db.tables import metadata
from ingest.errors import Refused
from ingest.log.kafka import MAX_MESSAGE_BYTES
from ingest.normalise.fields import (
    MAX_GUID_CHARACTERS,
    MAX_LANGUAGE_CHARACTERS,
    MAX_NAME_CHARACTERS,
    MAX_NAMES,
    MAX_SUMMARY_CHARACTERS,
    MAX_TEXT_CHARACTERS,
    MAX_TITLE_CHARACTERS,
)
from ingest.normalise.markup import MAX_HTML_CHARACTERS
from ingest.parse.feed_links import MAX_PAGE
from ingest.schedule.hub_offer import MAX_URL_BYTES, is_usable_url
from ingest.text.prefix import utf8_prefix, utf8_size
from ingest.urls import MAX_FEED_URL_CHARACTERS, MAX_HOST_CHARACTERS, feed_url

BTREE_ROW_BYTES: Final = 2_704
"""The largest row of a btree index (PostgreSQL, nbtree/README)."""
NAME_BYTES: Final = 100
"""Names that this code and its operators choose: log topics, consumer groups."""
INDEXED_BYTES: Final = {
    ("feeds", "url"): MAX_FEED_URL_CHARACTERS,  # feed_url returns ASCII
    ("feeds", "host"): MAX_HOST_CHARACTERS,
    ("feeds", "state"): 20,
    ("hosts", "host"): MAX_HOST_CHARACTERS,
    ("pages", "host"): MAX_HOST_CHARACTERS,
    ("robots", "origin"): len("https://:65535") + MAX_HOST_CHARACTERS,
    ("articles", "source"): MAX_HOST_CHARACTERS,
    ("articles", "language"): MAX_LANGUAGE_CHARACTERS,  # language_tag returns ASCII
    ("websub_subscriptions", "token"): 100,
    ("topics", "slug"): MAX_SLUG_CHARACTERS,
    ("matches", "topic"): MAX_SLUG_CHARACTERS,
    ("log_topics", "name"): len("news.topic.") + MAX_SLUG_CHARACTERS,
    ("log_groups", "name"): NAME_BYTES,
    ("log_records", "key"): 36,  # only stream events: the article id
    ("quarantine", "topic"): len("news.topic.") + MAX_SLUG_CHARACTERS,
}
"""The largest text of each column with a btree index, in bytes of UTF-8."""


def btree_columns(table: Table) -> list[tuple[str, ...]]:
    """Return the columns of each btree index; expressions such as ``md5(url)`` have a length of their own."""
    found: list[tuple[str, ...]] = []
    for item in (*table.indexes, *table.constraints):
        if isinstance(item, Index) and item.dialect_options["postgresql"]["using"] == "gin":
            continue
        if isinstance(item, (Index, PrimaryKeyConstraint, UniqueConstraint)):
            columns = list(item.columns)
            expressions = (
                [e for e in item.expressions if not isinstance(e, Column)] if isinstance(item, Index) else []
            )
            hashed = {
                column.name
                for expression in expressions
                for column in table.columns
                if "md5(" in str(expression) and column.name in str(expression)
            }
            found.append(tuple(c.name for c in columns if isinstance(c.type, Text) and c.name not in hashed))
    return [names for names in found if names]


def test_every_text_in_a_btree_index_has_a_limit_in_bytes() -> None:
    indexed = {
        (table.name, name)
        for table in metadata.sorted_tables
        for names in btree_columns(table)
        for name in names
    }
    assert indexed == set(INDEXED_BYTES)
    for table in metadata.sorted_tables:
        for names in btree_columns(table):
            # The rest of a row: its header, and up to three numbers, times or hashes.
            assert sum(INDEXED_BYTES[table.name, name] for name in names) + 100 < BTREE_ROW_BYTES


@pytest.mark.parametrize(
    "address", ["https://x.example/{}", "https://x.example/?q={}", "https://x.example/#{}"]
)
def test_a_feed_url_is_bounded_in_the_bytes_that_are_stored(address: str) -> None:
    for count in (1, 100, 170, 2_000):
        try:
            url = feed_url(address.format("𝔸" * count))
        except Refused:
            continue
        assert utf8_size(url) <= MAX_FEED_URL_CHARACTERS
    assert feed_url("https://x.example/" + "𝔸" * 160).isascii()


@pytest.mark.parametrize(
    ("url", "usable"),
    [
        ("https://hub.example/" + "a" * (MAX_URL_BYTES - 20), True),
        ("https://hub.example/" + "a" * (MAX_URL_BYTES - 19), False),
        ("https://hub.example/" + "𝔸" * 507, True),
        ("https://hub.example/" + "𝔸" * 508, False),
        ("https://" + "a" * MAX_HOST_CHARACTERS + "/", True),
        ("https://" + "a" * (MAX_HOST_CHARACTERS + 1) + "/", False),
        ("https://" + "港" * 85 + "/", False),
    ],
)
def test_a_hub_url_is_bounded_in_bytes(url: str, *, usable: bool) -> None:
    assert is_usable_url(url) is usable


@pytest.mark.store
def test_the_longest_indexed_texts_fit_into_their_indexes(database: Engine) -> None:
    def incompressible(length: int) -> str:
        digits = "".join(hashlib.sha512(b"%d" % n).hexdigest() for n in range(length // 128 + 1))
        return digits[:length]

    url = "https://" + incompressible(MAX_HOST_CHARACTERS)
    url += "/" + incompressible(MAX_FEED_URL_CHARACTERS - len(url) - 1)
    with database.begin() as connection:
        insert = (
            "INSERT INTO feeds (url, added_at, next_poll_at, interval) VALUES (:url, now(), now(), '1 h')"
        )
        connection.execute(text(insert), {"url": url})
        insert = "INSERT INTO hosts (host, next_slot_at, queue_end) VALUES (:host, now(), now())"
        connection.execute(text(insert), {"host": incompressible(MAX_HOST_CHARACTERS)})


def test_the_largest_article_fits_into_a_message_of_the_log() -> None:
    texts = MAX_TEXT_CHARACTERS + MAX_SUMMARY_CHARACTERS + MAX_TITLE_CHARACTERS + MAX_GUID_CHARACTERS
    names = 2 * MAX_NAMES * MAX_NAME_CHARACTERS
    # JSON doubles a quote and a backslash; other ASCII takes less than a character of four bytes.
    assert 4 * (texts + names + MAX_HTML_CHARACTERS) + MAX_PAGE < MAX_MESSAGE_BYTES


@pytest.mark.parametrize("character", ["a", "é", "港", "𝔸"])
@pytest.mark.parametrize("limit", range(9))
def test_a_prefix_ends_between_characters(character: str, limit: int) -> None:
    value = character * 10
    prefix = utf8_prefix(value, limit)
    assert value.startswith(prefix)
    assert limit - utf8_size(character) < utf8_size(prefix) <= limit
    assert utf8_prefix(value, 100) == value
    assert utf8_prefix("\ud800" * 3, 4) == "\ud800"
