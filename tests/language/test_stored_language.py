"""Declared, detected and decided language go through log and store to API, commands and searches."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine, text

from ingest.db.article_history import History, find_article
from ingest.db.article_search import find
from ingest.db.engine import transaction
from ingest.query import read_query
from tests.language.test_detection import ENGLISH, KOREAN
from tests.quality.search_store import json_feed, store, stored_texts

pytestmark = pytest.mark.store

ITEMS = [
    {"id": "en", "title": "The ferry", "content_text": ENGLISH},
    {"id": "ko", "title": "속보", "content_text": KOREAN},
    {"id": "short", "title": "Kim", "content_text": "Kim."},
]


@pytest.fixture
def histories(database: Engine) -> dict[str, History]:
    """The articles of a feed that declares English and has Korean entries, by the last part of their URL."""
    store(database, [json_feed("mixed", ITEMS, language="en_US")])
    found = [find_article(database, each.id) for each in stored_texts(database)]
    return {str(history.url).rpartition("/")[2]: history for history in found if history is not None}


def test_each_article_of_a_mixed_feed_has_the_language_of_its_text(histories: dict[str, History]) -> None:
    evidence = {
        name: (history.language, history.declared_language, history.detected_language)
        for name, history in histories.items()
    }
    assert evidence == {
        "en": ("en-us", "en-us", "en"),
        "ko": ("ko", "en-us", "ko"),
        "short": ("en-us", "en-us", None),
    }
    assert histories["short"].language_confidence is None
    assert (histories["en"].language_confidence or 0) > 0.9


def test_a_search_by_language_finds_the_language_of_the_text(
    database: Engine, histories: dict[str, History]
) -> None:
    assert len(histories) == 3
    rows = find(database, read_query({"language": "ko"})).articles
    assert [row.title for row in rows] == ["속보"]


def test_an_entry_that_returns_unchanged_keeps_its_language(
    database: Engine, histories: dict[str, History]
) -> None:
    with transaction(database) as connection:
        connection.execute(text("UPDATE articles SET language = 'xx', detected_language = NULL"))
    store(database, [json_feed("mixed", ITEMS, language="en_US")], first_poll=7)
    for history in histories.values():
        again = find_article(database, history.id)
        assert again is not None
        assert (again.language, again.sightings_total) == ("xx", 2)


def test_a_revision_has_the_language_of_its_own_text(database: Engine, histories: dict[str, History]) -> None:
    revised = [{**ITEMS[1], "content_text": ENGLISH}]
    store(database, [json_feed("mixed", revised, language="de")], first_poll=7)
    history = find_article(database, histories["ko"].id)
    assert history is not None
    assert history.revision == 2
    assert (history.language, history.declared_language, history.detected_language) == ("en", "de", "en")
    assert (history.language_confidence or 0) > 0.9
