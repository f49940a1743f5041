"""Copies of one text have one story id; short texts never share one."""

from __future__ import annotations

from uuid import UUID

import pytest

from ingest.identity import article_id, content_hash, with_authors
from ingest.story import STORY_WORDS, story_id

ONE, OTHER = UUID(int=1), UUID(int=2)
WORDS = " ".join(f"word{number}" for number in range(STORY_WORDS))


def test_quotes_case_and_spaces_do_not_part_two_copies() -> None:
    assert story_id(ONE, WORDS) == story_id(OTHER, "“" + WORDS.upper().replace(" ", " — \n") + "”")


def test_one_word_more_is_another_story() -> None:
    assert story_id(ONE, WORDS) != story_id(OTHER, WORDS + " more")


@pytest.mark.parametrize("text", ["", "Live updates", " ".join(WORDS.split()[1:])])
def test_a_short_text_is_a_story_of_its_own(text: str) -> None:
    assert story_id(ONE, text) == ONE
    assert story_id(OTHER, text) == OTHER


def test_an_article_is_its_address_else_what_its_feed_calls_it() -> None:
    assert article_id(url="https://a.example/1", feed_url="x") == article_id(
        url="https://a.example/1", feed_url="y"
    )
    assert article_id(url=None, feed_url="x", guid="7") != article_id(url=None, feed_url="y", guid="7")
    assert article_id(url=None, feed_url="x", title="T") != article_id(url=None, feed_url="x", title="U")


def test_white_space_makes_no_revision_and_a_word_does() -> None:
    assert content_hash("A  title", "Some\ntext", ()) == content_hash("A title", "Some text ", ())
    assert content_hash("A title", "Some text", ()) != content_hash("A title", "Some texts", ())
    assert content_hash("A", "B C", ()) != content_hash("A B", "C", ())


def test_authors_count_in_any_order_and_can_be_taken_off_again() -> None:
    nobody = content_hash("A title", "Some text", ())
    both = content_hash("A title", "Some text", ("Ann Author", "Bo  Byline"))
    assert both == content_hash("A title", "Some text", ("Bo Byline", "Ann Author", "Bo Byline"))
    assert (
        len(
            {
                nobody,
                both,
                content_hash("A title", "Some text", ("Ann Author",)),
                content_hash("A title", "Some text", ("AnnAuthor",)),
            }
        )
        == 4
    )
    assert with_authors(both, ("Bo Byline", "Ann Author")) == nobody
