"""Texts as readers get them: markup in titles and texts, boilerplate around stories, credits of agencies.

Each case was reported in public for another feed reader or crawler; the number is the report's.
"""

from __future__ import annotations

from html import escape
from typing import Any
from unicodedata import normalize

import pytest

from tests.cases.conftest import Service

pytestmark = pytest.mark.store


def rss(*items: str, attributes: str = "") -> bytes:
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><rss version="2.0"{attributes}><channel><title>Harbour Gazette</title>'
        f"<link>https://gazette.example/</link><description>d</description>{''.join(items)}</channel></rss>"
    ).encode()


def item(number: int, title: str, *elements: str, description: str = "") -> str:
    link = f"https://gazette.example/n/{number}"
    return (
        f"<item><title>{title}</title><link>{link}</link><guid>{link}</guid>"
        f"<description>{description}</description>{''.join(elements)}</item>"
    )


def current(service: Service, title: str) -> dict[str, Any]:
    """The current revision of the only article with this title, as the API shows it."""
    (revision,) = [each for each in service.article(title)["revisions"] if each["current"]]
    found: dict[str, Any] = revision
    return found


def test_escaped_cdata_is_no_part_of_title_and_text(service: Service) -> None:
    """feedparser#440 (B06)."""
    service.serve(
        rss(
            item(
                1,
                "&lt;![CDATA[First ship of the month leaves Odesa]]&gt;",
                description="&lt;![CDATA[The ship left &lt;b&gt;on Monday&lt;/b&gt;, the port said.]]&gt;",
            )
        )
    )
    service.poll()
    assert service.titles() == ["First ship of the month leaves Odesa"]
    assert (
        current(service, "First ship of the month leaves Odesa")["text"]
        == "The ship left on Monday, the port said."
    )


def test_tags_in_titles_are_no_words_and_part_none(service: Service) -> None:
    """commafeed#329 (B19)."""
    service.add_topic("pact", {"all": ["Russia", {"any": ["North Korea"]}]})
    titles = {
        "Russia and North&lt;br/&gt;Korea sign a pact": "Russia and North Korea sign a pact",
        "<![CDATA[Russia<br>and North Korea meet]]>": "Russia and North Korea meet",
        "<![CDATA[<p>Ferry to Russia and North Korea]]>": "Ferry to Russia and North Korea",
        "&lt;em&gt;Russia&lt;/em&gt; and North Korea trade": "Russia and North Korea trade",
        "<![CDATA[The <head> of Russia in North Korea]]>": "The <head> of Russia in North Korea",
    }
    service.serve(rss(*(item(number, title) for number, title in enumerate(titles))))
    service.poll()
    assert service.titles() == sorted(titles.values())
    assert service.titles(topic="pact") == sorted(titles.values())


def test_blocks_that_the_sanitiser_does_not_know_end_a_line(service: Service) -> None:
    """micro/mu#340 (B32)."""
    markup = (
        "<hgroup>Head</hgroup><fieldset>Field</fieldset><form>Form</form><my-card>Card</my-card>"
        "<figure><img src='https://x.example/y.jpg'><figcaption>Caption</figcaption></figure>"
        "<table><tr><td>a</td><td>b</td></tr></table>end"
    )
    service.serve(rss(item(1, "Blocks", description=escape(markup))))
    service.poll()
    assert current(service, "Blocks")["text"] == "Head\nField\nForm\nCard\nCaption\na b\nend"


def test_html_that_is_declared_as_plain_text_is_html_and_signs_stay(service: Service) -> None:
    """Atom content without a type (B33)."""
    entries = {
        "Html": "&lt;p&gt;Escaped &lt;b&gt;html&lt;/b&gt; without type&lt;/p&gt;",
        "Signs": "3 &lt; 4 &amp;amp; the tag &lt;b&gt;",
    }
    body = "".join(
        f"<entry><id>u:{title}</id><title>{title}</title><link href='https://gazette.example/{title}'/>"
        f"<content>{content}</content></entry>"
        for title, content in entries.items()
    )
    service.serve(
        f"<feed xmlns='http://www.w3.org/2005/Atom'><title>T</title><id>u</id>{body}</feed>".encode()
    )
    service.poll()
    assert current(service, "Html")["text"] == "Escaped html without type"
    assert current(service, "Signs")["text"] == "3 < 4 &amp; the tag <b>"


STORY = """The post of harbour master first appeared in 1953 in the statutes of the town.
Copyright lawsuits filed since 2023 have reached the court of the town.
Watch the full interview with the harbour master, who resigned on Friday.
We use cookies to bake a cake for the ferry, the cook said.
Originally published by the ministry in Pyongyang, the decree bans foreign films.
Sources: Kim visited the plant"""
BOILERPLATE = """Related: Ferry returns to the harbour after a week
Subscribe to our newsletter
This website uses cookies to improve your experience. You can opt-out if you wish."""


def test_sentences_of_a_story_stay_and_boilerplate_is_kept_beside_it(service: Service) -> None:
    """adobe/spacecat-audit-worker#2396 (B25)."""
    lines = [*STORY.split("\n"), *BOILERPLATE.split("\n")]
    service.serve(rss(item(1, "Decree", description=escape("".join(f"<p>{line}</p>" for line in lines)))))
    service.poll()
    revision = current(service, "Decree")
    assert revision["text"] == STORY
    assert revision["authors"] == []
    assert revision["publisher"] == "Harbour Gazette"
    assert revision["attribution"] is None
    assert [line["text"] for line in revision["removed"]] == BOILERPLATE.split("\n")
    assert [line["rule"] for line in revision["removed"]] == ["related", "newsletter", "cookie-notice"]
    shown = service.cli("articles", "show", "https://gazette.example/n/1", "--removed")
    assert "removed (newsletter): Subscribe to our newsletter" in shown
    assert "removed (" not in service.cli("articles", "show", "https://gazette.example/n/1")


def test_a_related_headline_that_changes_with_each_poll_makes_no_revision(service: Service) -> None:
    versions = [
        rss(item(1, "Ferry", description=escape(f"<p>It sails.</p><p>Related: {headline}</p>")))
        for headline in ("Harbour closes for a day", "Strike at the harbour ends")
    ]
    service.serve(*versions)
    for _ in versions:
        service.poll()
    assert len(service.article("Ferry")["revisions"]) == 1


def test_a_repost_names_author_publisher_and_agency_with_evidence(service: Service) -> None:
    lines = [
        "This article was originally published by Jane Doe at Evening Paper.",
        "MOSCOW, Dec 1 (Reuters) - The treaty was signed.",
        "Both sides were content.",
        "(Reporting by Jane Doe; Editing by John Roe)",
    ]
    service.serve(rss(item(1, "Treaty", description=escape("".join(f"<p>{line}</p>" for line in lines)))))
    service.poll()
    revision = current(service, "Treaty")
    assert (revision["authors"], revision["publisher"]) == (["Jane Doe"], "Evening Paper")
    assert revision["text"] == "\n".join(lines[1:3])
    assert revision["attribution"]["evidence"] == lines[0]
    assert revision["attribution"]["credits"] == [
        {"agency": "Reuters", "role": "wire", "evidence": "MOSCOW, Dec 1 (Reuters) -"}
    ]
    assert "agency: Reuters (wire)" in service.cli("articles", "show", "https://gazette.example/n/1")


def test_bylines_are_names(service: Service) -> None:
    authors = " xmlns:dc='http://purl.org/dc/elements/1.1/'"
    service.serve(
        rss(
            item(1, "One", "<dc:creator>By Jane Doe and John Roe, Staff Writers</dc:creator>"),
            item(2, "Two", "<author>jane@gazette.example (Jane Doe)</author>"),
            item(3, "Three", "<dc:creator>Jane Doe, Reuters</dc:creator>"),
            attributes=authors,
        )
    )
    service.poll()
    assert [current(service, title)["authors"] for title in ("One", "Two", "Three")] == [
        ["Jane Doe", "John Roe"],
        ["Jane Doe"],
        ["Jane Doe"],
    ]


def test_the_full_text_of_another_vocabulary_is_the_text(service: Service) -> None:
    full = "Паром вернулся в порт. Пассажиры сошли на берег."
    service.serve(
        rss(
            item(1, "Паром", f"<yandex:full-text>{full}</yandex:full-text>", description="Паром вернулся"),
            attributes=" xmlns:yandex='http://news.yandex.ru'",
        )
    )
    service.poll()
    assert current(service, "Паром")["text"] == full


def test_stored_texts_are_composed_and_a_decomposed_copy_is_no_revision(service: Service) -> None:
    """komga#2349 (B07)."""
    text = "<p>북한 대표단이 도착했다.</p>"
    versions = [
        rss(item(1, normalize(form, "북한 대표단, café"), description=escape(normalize(form, text))))
        for form in ("NFD", "NFC")
    ]
    service.serve(*versions)
    for _ in versions:
        service.poll()
    assert service.titles() == [normalize("NFC", "북한 대표단, café")]
    (revision,) = service.article(normalize("NFC", "북한 대표단, café"))["revisions"]
    assert revision["text"] == normalize("NFC", "북한 대표단이 도착했다.")
