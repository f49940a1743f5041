"""Reposts: the declared origin of a text, and the boilerplate around a story."""

from __future__ import annotations

import pytest

from ingest.normalise.reposts import LINE_CHARACTERS, remove_boilerplate

LINK = '<p>At <a rel="x" href="http://naturalnews.example/x?utm_source=a">Natural News</a></p>'

ORIGINS = {
    "This article was originally published by Richard Brown at Natural News.": ("Richard Brown", "Natural News"),
    "This piece by Jane Doe and John Roe first appeared in The New York Times.": (
        "Jane Doe and John Roe",
        "The New York Times",
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
    "Источник: Радио Свобода": (None, "Радио Свобода"),
    "Quelle: Deutsche Welle": (None, "Deutsche Welle"),
    "출처: 연합뉴스": (None, "연합뉴스"),
}  # fmt: skip


@pytest.mark.parametrize(("sentence", "origin"), ORIGINS.items(), ids=ORIGINS)
def test_a_sentence_that_names_the_origin_is_understood_and_taken_out(
    sentence: str, origin: tuple[str | None, str]
) -> None:
    text, attribution = remove_boilerplate(f"Before.\n{sentence}\nBehind.", title="", markup="")
    assert text == "Before.\nBehind."
    assert attribution is not None
    assert (attribution.author, attribution.publisher) == origin
    assert sentence.startswith(attribution.evidence)


@pytest.mark.parametrize(
    "sentence",
    [
        "The report was first published in March by the ministry.",
        "This report was first published in March.",
        "The bill was originally published by the Senate in 2001.",
        "He first appeared on stage at the age of six.",
        "Source: officials who asked not to be named because they were not allowed to speak",
        "The story first appeared as a rumour.",
    ],
)
def test_a_sentence_of_the_story_stays(sentence: str) -> None:
    assert remove_boilerplate(f"Before.\n{sentence}\nBehind.", title="", markup="") == (
        f"Before.\n{sentence}\nBehind.",
        None,
    )


def test_what_else_the_paragraph_says_stays() -> None:
    said = "This article was originally published by Richard Brown at Natural News. The treaty was signed."
    text, attribution = remove_boilerplate(said, title="", markup="")
    assert text == "The treaty was signed."
    assert attribution is not None
    assert attribution.evidence == said.removesuffix(" The treaty was signed.")


def test_the_address_of_the_origin_is_where_its_name_is_linked_to() -> None:
    said = "Story.\nThis article was originally published at Natural News."
    attribution = remove_boilerplate(said, title="", markup=LINK)[1]
    assert attribution is not None
    assert attribution.url == "https://naturalnews.example/x"


def test_the_evidence_of_a_paragraph_without_an_end_is_its_beginning() -> None:
    paragraph = "First published on openDemocracy, " + "and so on, " * 1_000
    _, attribution = remove_boilerplate(f"Before.\n{paragraph}", title="", markup="")
    assert attribution is not None
    assert attribution.evidence == paragraph[:LINE_CHARACTERS]


def test_in_the_middle_of_a_long_text_nothing_speaks_of_all_of_it() -> None:
    lines = [f"Paragraph {number}." for number in range(20)]
    lines[10] = "Source: Reuters"
    assert remove_boilerplate("\n".join(lines), title="", markup="") == ("\n".join(lines), None)


@pytest.mark.parametrize(
    "line",
    ["Read the full article here", "Read more »", "Continue reading on our site", "Subscribe to our newsletter",
     "Sign up for our daily newsletter", "Watch this report from “Someone” discussing how it came about.",
     "This video is from the channel Someone on", "Privacy & Cookies Policy",
     "This website uses cookies to improve your experience. We'll assume you're ok with this, but you can opt-out.",
     "Share this:", "Follow us on Twitter and Facebook", "ADVERTISEMENT", "© 2026 The Evening Paper",
     "All rights reserved.", "Related: Another thing that happened", "See also: Another thing",
     "Читать далее", "Weiterlesen", "Lire la suite", "Leer más", "无断", "무단전재 및 재배포 금지", "阅读全文"],
)  # fmt: skip
def test_lines_that_no_story_has_are_taken_out(line: str) -> None:
    expected = f"Before.\n{line}\nBehind." if line == "无断" else "Before.\nBehind."
    assert remove_boilerplate(f"Before.\n{line}\nBehind.", title="", markup="")[0] == expected


@pytest.mark.parametrize(
    "line",
    ["Read the room, the senator said.", "Watch this space: the vote is on Tuesday.", "Share prices fell by a tenth.",
     "Privacy is a right, the court said.", "Follow-up talks are planned for May.", "Source of the river: the Alps",
     "Related parties were excluded from the vote, as the rules of the exchange demand.",
     "Subscribers of the newspaper were told on Monday."],
)  # fmt: skip
def test_lines_that_only_begin_alike_stay(line: str) -> None:
    assert (
        remove_boilerplate(f"Before.\n{line}\nBehind.", title="", markup="")[0] == f"Before.\n{line}\nBehind."
    )


def test_asides_are_taken_out_of_their_sentence() -> None:
    said = "They embraced, state media said. (Related: Two leaders embrace in the capital) They parted."
    assert remove_boilerplate(said, title="", markup="")[0] == "They embraced, state media said. They parted."


@pytest.mark.parametrize(
    "trailer", ["[…]", "[...]", "… Continue reading →", "Read more", "Read the full story »"]
)
def test_what_hangs_on_the_last_sentence_is_taken_off(trailer: str) -> None:
    assert (
        remove_boilerplate(f"It was signed on Monday. {trailer}", title="", markup="")[0]
        == "It was signed on Monday."
    )


def test_the_title_is_not_repeated_as_first_paragraph() -> None:
    assert remove_boilerplate("The “Title”\nStory.", title="The Title", markup="")[0] == "Story."
    assert remove_boilerplate("The Title", title="The Title", markup="")[0] == "The Title"


@pytest.mark.parametrize("text", ["Read more", "Advertisement\nAll rights reserved", ""])
def test_a_text_that_is_nothing_but_boilerplate_stays(text: str) -> None:
    assert remove_boilerplate(text, title="", markup="")[0] == text
