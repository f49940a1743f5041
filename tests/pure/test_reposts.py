"""Reposts: the declared origin of a text, and the boilerplate around a story."""

from __future__ import annotations

import pytest

from ingest.normalise.boilerplate import RULES
from ingest.normalise.boilerplate_parts import LINE_CHARACTERS
from ingest.normalise.reposts import CleanText, clean_text
from ingest.types import RemovedLine
from tests.pure.boilerplate_lines import REMOVED, STORY, lines

LINK = '<p>At <a rel="x" href="http://naturalnews.example/x?utm_source=a">Natural News</a></p>'

ORIGINS = {
    "This article was originally published by Richard Brown at Natural News.": ("Richard Brown", "Natural News"),
    "This piece by Jane Doe and John Roe first appeared in The New York Times.": (
        "Jane Doe and John Roe",
        "The New York Times",
    ),
    "This article by Jane Doe, a professor of law at Evening University, first appeared in The Conversation.": (
        None,
        "The Conversation",
    ),
    "This story was originally published by Grist. Sign up for Grist’s weekly newsletter here.": (None, "Grist"),
    "The post Big thing happens appeared first on The Evening Paper.": (None, "The Evening Paper"),
    "Originally published at EveningPaper.com on June 24.": (None, "EveningPaper.com"),
    "This article is republished from The Conversation under a Creative Commons license.": (None, "The Conversation"),
    "Reprinted with permission from Foreign Policy.": (None, "Foreign Policy"),
    "Republished from Al Jazeera": (None, "Al Jazeera"),
    "First published on openDemocracy": (None, "openDemocracy"),
    "Originally published by Common Dreams, a nonprofit.": (None, "Common Dreams"),
    "Source: Reuters": (None, "Reuters"),
    "Source: https://paper.example/a": (None, "https://paper.example/a"),
    "Sources: AP, Reuters": (None, "AP, Reuters"),
    "Via: The Evening Paper": (None, "The Evening Paper"),
    "Источник: Радио Свобода": (None, "Радио Свобода"),
    "Quelle: Deutsche Welle": (None, "Deutsche Welle"),
    "출처: 연합뉴스": (None, "연합뉴스"),
    "来源：新华社": (None, "新华社"),
    "来源：《动向》杂志": (None, "《动向》杂志"),
}  # fmt: skip


def clean(text: str, *, title: str = "", markup: str = "") -> CleanText:
    return clean_text(text, title=title, markup=markup)


def between(line: str) -> CleanText:
    """The line as the last but one of a text of three."""
    return clean(f"Before.\n{line}\nBehind.")


@pytest.mark.parametrize(("sentence", "origin"), ORIGINS.items(), ids=ORIGINS)
def test_a_sentence_that_names_the_origin_is_understood_and_taken_out(
    sentence: str, origin: tuple[str | None, str]
) -> None:
    story = between(sentence)
    assert story.text == "Before.\nBehind."
    assert story.attribution is not None
    assert (story.attribution.author, story.attribution.publisher) == origin
    assert sentence.startswith(story.attribution.evidence)
    assert story.removed[0] == RemovedLine(rule="origin", text=story.attribution.evidence)


@pytest.mark.parametrize("line", lines(STORY))
@pytest.mark.parametrize(
    "form", ["Before.\n{}\nBehind.", "{}\nBehind.", "Before.\n{}", "{}" + "\nMore." * 20]
)
def test_a_sentence_of_the_story_stays_wherever_it_stands(line: str, form: str) -> None:
    text = form.format(line)
    story = clean(text)
    assert story.text == text
    assert story.removed == ()
    assert story.authors == ()
    assert story.attribution is None or story.attribution.publisher is None


@pytest.mark.parametrize(
    ("rule", "line"), [(rule, line) for rule, block in REMOVED.items() for line in lines(block)]
)
def test_a_line_that_no_story_has_is_removed_and_kept_beside_it(rule: str, line: str) -> None:
    story = between(line)
    assert story.text == "Before.\nBehind."
    assert story.removed == (RemovedLine(rule=rule, text=line),)


def test_every_rule_has_examples() -> None:
    assert {rule.name for rule in RULES} == set(REMOVED)


def test_what_else_the_paragraph_says_stays() -> None:
    said = "This article was originally published by Richard Brown at Natural News. The treaty was signed."
    story = clean(said)
    assert story.text == "The treaty was signed."
    assert story.attribution is not None
    assert story.attribution.evidence == said.removesuffix(" The treaty was signed.")


def test_the_address_of_the_origin_is_where_its_name_is_linked_to() -> None:
    said = "Story.\nThis article was originally published at Natural News."
    attribution = clean(said, markup=LINK).attribution
    assert attribution is not None
    assert attribution.url == "https://naturalnews.example/x"


def test_the_post_that_appeared_first_elsewhere_is_the_one_with_this_title_or_a_link() -> None:
    said = "Story.\nThe story of my life first appeared in Natural News"
    assert clean(said).text == said
    assert clean(said, title="Of my life").text == "Story."
    assert clean(said, markup=LINK).text == "Story."


def test_the_sentence_of_wordpress_behind_an_excerpt_is_taken_off() -> None:
    story = clean("The vote is on Monday. The post Vote on Monday appeared first on Evening Paper.")
    assert story.text == "The vote is on Monday."
    assert story.attribution is not None
    assert story.attribution.publisher == "Evening Paper"


def test_the_evidence_of_a_paragraph_without_an_end_is_its_beginning() -> None:
    paragraph = "This article was first published on openDemocracy, " + "and so on, " * 1_000
    attribution = clean(f"Before.\n{paragraph}").attribution
    assert attribution is not None
    assert attribution.evidence == paragraph[:LINE_CHARACTERS]


def test_in_the_middle_of_a_long_text_nothing_speaks_of_all_of_it() -> None:
    paragraphs = [f"Paragraph {number}." for number in range(20)]
    paragraphs[10] = "Source: Reuters"
    story = clean("\n".join(paragraphs))
    assert (story.text, story.attribution) == ("\n".join(paragraphs), None)


def test_asides_are_taken_out_of_their_sentence() -> None:
    said = "They embraced, state media said. (Related: Two leaders embrace in the capital) They parted."
    story = clean(said)
    assert story.text == "They embraced, state media said. They parted."
    assert story.removed == (
        RemovedLine(rule="related", text="(Related: Two leaders embrace in the capital)"),
    )


@pytest.mark.parametrize(
    "sentence",
    [
        "Two men (related: one is the brother of the other) were held.",
        "The note (see also: the appendix of the treaty) was lost.",
        "It was a right (See also: Article 5) of the people.",
        "It was filmed (more: a documentary of 1966) in London.",
    ],
)
def test_an_aside_of_the_story_stays(sentence: str) -> None:
    assert clean(sentence).text == sentence


@pytest.mark.parametrize(
    "trailer",
    [
        "[…]",
        "[...]",
        "… Continue reading →",
        "Read more",
        "Read the full story »",
        "Читать далее",
        "Weiterlesen",
    ],
)
def test_what_hangs_on_the_last_sentence_is_taken_off(trailer: str) -> None:
    story = clean(f"It was signed on Monday. {trailer}")
    assert story.text == "It was signed on Monday."
    assert [line.rule for line in story.removed] == ["read-more"]


@pytest.mark.parametrize(
    "text", ["She told the children to read more", "He has time for reading", "This is no story"]
)
def test_a_sentence_that_ends_in_words_of_a_trailer_stays(text: str) -> None:
    assert clean(text).text == text


def test_the_title_is_not_repeated_as_first_paragraph() -> None:
    story = clean("The “Title”\nStory.", title="The Title")
    assert (story.text, story.removed) == ("Story.", (RemovedLine(rule="title", text="The “Title”"),))
    assert clean("The Title", title="The Title").text == "The Title"


@pytest.mark.parametrize("text", ["Read more", "Advertisement\nAll rights reserved", ""])
def test_a_text_that_is_nothing_but_boilerplate_stays(text: str) -> None:
    assert (clean(text).text, clean(text).removed) == (text, ())


def test_a_byline_of_the_text_names_its_authors_and_is_removed() -> None:
    story = clean("By Jane Doe and John Roe, Associated Press Writers\nThe treaty was signed.")
    assert (story.text, story.authors) == ("The treaty was signed.", ("Jane Doe", "John Roe"))
    assert [line.rule for line in story.removed] == ["byline"]
