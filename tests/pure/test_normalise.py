"""Normalising: the article of each entry, and whether the article is new or changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from unicodedata import normalize
from uuid import UUID

import nh3
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ingest.identity import SHARED
from ingest.normalise import (
    MAX_NAMES,
    MAX_TEXT_CHARACTERS,
    MAX_TITLE_CHARACTERS,
    TRUNCATION_MARK,
    Normalised,
    normalise,
)
from ingest.normalise.markup import plain_text, sanitise, single_line
from ingest.types import Article, Entry, ParsedFeed, Seen

FEED = "https://news.example/feed.xml"
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def an_entry(
    guid: str | None = None, link: str | None = None, title: str | None = None, content: str | None = None
) -> Entry:
    return Entry(guid=guid, link=link, title=title, summary=None, content=content)


def poll(
    entries: Sequence[Entry], seen: dict[bytes, Seen] | None = None, *, link: str | None = None
) -> Normalised:
    parsed = ParsedFeed(title="News", link=link, language="EN_us", entries=tuple(entries))
    rows = {} if seen is None else seen
    found = normalise(parsed, feed_id=7, feed_url=FEED, poll_id=1, seen_at=NOW, seen=dict(rows))
    rows.update({row.key: row for row in found.seen})
    return found


def article(entry: Entry) -> Article:
    (found,) = poll([entry]).articles
    return found


def ids(found: Normalised) -> list[UUID]:
    return [each.id for each in found.articles]


LINK, OTHER = "https://news.example/1", "https://news.example/2"


def test_one_link_under_several_guids_with_one_title_is_one_article() -> None:
    found = poll([an_entry("1#0", LINK, "A"), an_entry("1#1", LINK, "A")])
    assert (len(found.articles), found.duplicates, len(found.seen)) == (1, 1, 2)


def test_which_of_two_that_share_a_link_comes_first_does_not_matter() -> None:
    one, other = an_entry("1", LINK, "A"), an_entry("2", LINK, "B")
    assert ids(poll([one, other])) == ids(poll([other, one]))[::-1]


def test_a_duplicate_that_later_stands_alone_does_not_travel() -> None:
    seen: dict[bytes, Seen] = {}
    poll([an_entry("1#0", LINK, "A"), an_entry("1#1", LINK, "A")], seen)
    assert poll([an_entry("1#1", LINK, "A")], seen).articles == ()


def test_an_entry_keeps_its_article_when_a_second_one_begins_to_share_its_link() -> None:
    seen: dict[bytes, Seen] = {}
    (first,) = ids(poll([an_entry("1", LINK, "A")], seen))
    second = poll([an_entry("1", LINK, "A, revised"), an_entry("2", LINK, "B")], seen)
    assert ids(second)[0] == first
    assert ids(second)[1] != first
    assert second.duplicates == 0
    assert poll([an_entry("2", LINK, "B")], seen).articles == ()


def test_two_entries_that_were_one_article_part_when_they_stand_together_with_two_titles() -> None:
    seen: dict[bytes, Seen] = {}
    poll([an_entry("1", LINK, "A")], seen)
    poll([an_entry("2", LINK, "A")], seen)  # the guid changed; the same article
    assert len({row.article_id for row in seen.values()} - {SHARED}) == 1
    found = poll([an_entry("1", LINK, "A"), an_entry("2", LINK, "B")], seen)
    assert (len(found.articles), found.duplicates) == (1, 0)
    assert len({row.article_id for row in seen.values()} - {SHARED}) == 2


def test_a_guid_that_all_entries_share_is_no_name() -> None:
    seen: dict[bytes, Seen] = {}
    document = [an_entry("x", LINK, "A"), an_entry("x", OTHER, "B")]
    assert len(set(ids(poll(document, seen)))) == 2
    assert poll(document, seen).articles == ()


@pytest.mark.parametrize(
    "link", ["https://news.example/", "http://news.example/section", FEED, "mailto:a@b.example", None]
)
def test_a_link_that_is_no_article_leaves_the_guid(link: str | None) -> None:
    found = poll([an_entry("1", link, "A"), an_entry("2", link, "A")], link="https://news.example/section")
    assert len(set(ids(found))) == 2


def test_without_guid_and_link_an_entry_is_its_title_and_date() -> None:
    monday, tuesday = an_entry(title="Weather"), replace(an_entry(title="Weather "), published_raw="Tue")
    assert article(monday).id != article(tuesday).id
    assert article(monday).id == article(replace(monday, content="Rain.")).id


def test_a_permalink_serves_where_there_is_no_link() -> None:
    assert article(an_entry("http://news.example/1?utm_source=rss", None, "A")).url == LINK


def test_only_title_text_and_authors_make_a_revision() -> None:
    seen: dict[bytes, Seen] = {}
    first = an_entry("1", LINK, "A", "<p>One  two</p>")
    poll([first], seen)
    same = replace(first, content="<div>One\ntwo</div>", published=NOW, categories=("x",), image=OTHER)
    for day in range(3):
        moved = replace(same, updated=NOW + timedelta(days=day), categories=(f"Tag {day}",))
        assert poll([moved], seen).articles == ()
    assert len(poll([replace(first, content="<p>One three</p>")], seen).articles) == 1
    signed = replace(first, content="<p>One three</p>", authors=("Ann", "Bo"))
    assert [article.authors for article in poll([signed], seen).articles] == [("Ann", "Bo")]
    assert poll([replace(signed, authors=("Bo", " Ann "))], seen).articles == ()


def test_an_entry_that_says_nothing_is_unusable_by_number() -> None:
    found = poll([an_entry("1", LINK, "A"), an_entry("2")])
    ((entry, why),) = found.unusable
    assert entry.guid == "2"
    assert str(why) == f"entry 2 of {FEED}: the entry has no title, no text and no link"
    assert (len(found.articles), found.entries) == (1, 2)


@pytest.mark.parametrize(
    ("entry", "title"),
    [
        (an_entry("1", LINK, "AT&amp;T &lt;b&gt; 5 < 6"), "AT&T <b> 5 < 6"),
        (an_entry("1", LINK, "<b>Bold</b>\n and&nbsp;plain"), "Bold and plain"),
        (an_entry("1", LINK, None, "<p>First words.</p><p>More.</p>"), "First words. More."),
        (an_entry("1", LINK, "Why i <b was never closed"), "Why i <b was never closed"),
        (an_entry("1", LINK, None, "Before <object data='x.swf'>behind a film"), "Before behind a film"),
        (an_entry("1", LINK, None), LINK),
        (
            an_entry("1", LINK, "x" * 5000),
            "x" * (MAX_TITLE_CHARACTERS - len(TRUNCATION_MARK)) + TRUNCATION_MARK,
        ),
    ],
    ids=["entities", "markup", "no tag", "from the text", "open object", "from the link", "too long"],
)
def test_a_title_is_one_line_of_plain_text(entry: Entry, title: str) -> None:
    assert article(entry).title == title


def test_everything_is_bounded_and_says_so() -> None:
    found = article(
        replace(
            an_entry("1", LINK, "A", "word " * 400_000),
            authors=tuple(f"Author {number}" for number in range(500)),
            categories=("c" * 10_000,),
        )
    )
    assert len(found.text) <= MAX_TEXT_CHARACTERS
    assert found.text.endswith(TRUNCATION_MARK)
    assert len(found.authors) == MAX_NAMES
    assert found.categories[0].endswith(TRUNCATION_MARK)


def test_source_publisher_and_language_fall_back_in_order() -> None:
    entry = an_entry("1", "https://www.other.example/1", "A")
    found = article(entry)
    assert (found.source, found.publisher, found.language) == ("other.example", "News", "en-us")
    found = article(replace(entry, source_title="The Wire", language="ko"))
    assert (found.publisher, found.language) == ("The Wire", "ko")
    assert article(replace(entry, language="<none>")).language == "en-us"
    assert article(an_entry("1", None, "A")).source == "news.example"


def test_the_longer_of_summary_and_content_is_the_text() -> None:
    long, short = "<p>One two three four.</p>", "<p>One two.</p>"
    for summary, content in ((long, short), (short, long)):
        found = article(replace(an_entry("1", LINK, "A", content), summary=summary))
        assert (found.text, found.html) == ("One two three four.", long)


SANITISED = {
    "<p>a<script>alert(1)</script>b</p>": "<p>ab</p>",
    '<img src="x.png" onerror="alert(1)">': '<img src="https://n.example/z/x.png">',
    '<a href="javascript:alert(1)">a</a>': '<a rel="noopener noreferrer">a</a>',
    '<a href="/y" onclick="x">a</a>': '<a href="https://n.example/y" rel="noopener noreferrer">a</a>',
    '<img src="//cdn.example/x.png">': '<img src="https://cdn.example/x.png">',
    "<iframe src=https://a.example></iframe><style>p{}</style><form><input></form>": " <div></div>",
    "<svg><script>alert(1)</script></svg>": "",
    "<p style='position:fixed' class=x id=y>a": "<p>a</p>",
    "<!-- hidden --><b>a": "<b>a</b>",
    "<math><mi//xlink:href='data:x,<script>alert(1)</script>'>": "",
}


@pytest.mark.parametrize(("markup", "safe"), SANITISED.items())
def test_html_is_made_safe_and_its_addresses_absolute(markup: str, safe: str) -> None:
    assert sanitise(markup, base="https://n.example/z/") == safe


@given(st.text(alphabet="<>/=\"' apscrit:jv&;#x0\n", max_size=80))
def test_safe_html_stays_as_it_is_and_holds_no_script(markup: str) -> None:
    safe = sanitise(markup, base="https://n.example/")
    assert sanitise(safe, base="https://n.example/") == safe
    assert "<script" not in safe
    assert 'href="javascript' not in safe


@pytest.mark.parametrize(
    ("safe", "text"),
    [
        ("<p>One</p><p>Two\n three</p>", "One\nTwo three"),
        ("One<br>Two<br><br>Three", "One\nTwo\nThree"),
        ("<ul><li>a</li><li>b</li></ul>c", "a\nb\nc"),
        ("<table><tr><td>a</td><td>b</td></tr></table>", "a b"),
        ("wo<b>rd</b>s", "words"),
        ("One\n\nTwo\nthree", "One\nTwo three"),
        ("One\nTwo", "One\nTwo"),
        ("a &lt;b&gt; &amp; c&nbsp;d", "a <b> & c d"),
        ("soft\xadhyphen\u200b", "softhyphen"),
        ("", ""),
    ],
)
def test_paragraphs_become_lines(safe: str, text: str) -> None:
    assert plain_text(safe) == text


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("<hgroup>H</hgroup><fieldset>Field</fieldset><form>Form</form>end", "H\nField\nForm\nend"),
        ("a<my-block>b</my-block>c", "a\nb\nc"),
        ("<dialog>a</dialog><video><source src=v>b</video>c", "a\nb\nc"),
        ("a<iframe src=f/>b<frameset><frame src=f></frameset>c<object data='a>b'>d</object>e", "a b c d e"),
        ("<p>one <amp-img src=a></amp-img> line</p>", "one line"),
        ("<p>one<o:p></o:p></p>", "one"),
        ("<table><caption>c</caption><tr><td>a</td><td>b</td></tr></table>", "c\na b"),
        ("<figure><img src=x><figcaption>cap</figcaption></figure>text", "cap\ntext"),
        ("<![CDATA[The <b>first</b> ship.]]>", "The first ship."),
        ("&lt;![CDATA[The first ship.]]&gt;", "The first ship."),
        ("A mark such as <code>&lt;![CDATA[</code> stays.", "A mark such as <![CDATA[ stays."),
    ],
)
def test_unknown_blocks_end_a_line_and_cdata_marks_vanish(markup: str, text: str) -> None:
    assert plain_text(sanitise(markup, base=FEED)) == text


@pytest.mark.parametrize(
    ("markup", "title"),
    [
        ("Russia and North&lt;br/&gt;Korea", "Russia and North Korea"),
        ("Russia and North<br>Korea", "Russia and North Korea"),
        ("Line<hr>two &amp; more", "Line two & more"),
        ("Harbour <wbr>mas&lt;wbr&gt;ter <img src='x.png'> named", "Harbour master named"),
        ("<p>Paragraph headline", "Paragraph headline"),
        ("&lt;p&gt;Paragraph headline", "Paragraph headline"),
        ("&lt;i&gt;Titanic&lt;/i&gt; wreck", "Titanic wreck"),
        ("&lt;b&gt;&lt;i&gt;Titanic&lt;/i&gt;&lt;/b&gt; wreck", "Titanic wreck"),
        ("&lt;![CDATA[Grain ship docks]]&gt;", "Grain ship docks"),
        ("A guide to &lt;head&gt; elements", "A guide to <head> elements"),
        ("1 < 2 and 3 > 2", "1 < 2 and 3 > 2"),
        ("Why vector&lt;int&gt; is fast", "Why vector<int> is fast"),
    ],
)
def test_a_title_has_no_tags_of_text_but_keeps_its_signs(markup: str, title: str) -> None:
    assert single_line(markup) == title


def test_what_is_stored_is_in_normalisation_form_c_and_html_stays() -> None:
    composed = "Corée — 북한 café"
    decomposed = normalize("NFD", composed)
    first, second = (
        article(
            replace(
                an_entry("1", LINK, text, f"<p>{text} said on Monday.</p>"),
                summary=f"{text}, in short",
                authors=(text,),
            )
        )
        for text in (composed, decomposed)
    )
    assert (second.title, second.text, second.authors) == (
        composed,
        f"{composed} said on Monday.",
        (composed,),
    )
    assert second.summary == f"{composed}, in short"
    assert decomposed in second.html
    assert first.content_hash == second.content_hash


def test_removed_lines_are_kept_and_make_no_revision() -> None:
    seen: dict[bytes, Seen] = {}
    first = an_entry("1", LINK, "A", "<p>Signed on Monday.</p><p>Related: Leaders embrace in Pyongyang</p>")
    (one,) = poll([first], seen).articles
    assert [(line.rule, line.text) for line in one.removed] == [
        ("related", "Related: Leaders embrace in Pyongyang")
    ]
    other = replace(first, content="<p>Signed on Monday.</p><p>Related: Another headline of the day</p>")
    assert poll([other], seen).articles == ()


def test_a_sign_that_opens_no_tag_is_a_character() -> None:
    assert single_line("1 < 2 and 3 > 2") == "1 < 2 and 3 > 2"


def test_a_long_base_does_not_make_megabytes_of_short_links() -> None:
    markup_ = "<a href='x'>y</a>" * 3000
    assert len(sanitise(markup_, base="https://a.example/" + "b" * 5000 + "/")) < 5 * len(markup_)
    assert "https://a.example/x" in sanitise(markup_, base="https://a.example/")


@given(st.text())
@example("a\xa0b")
@example("a\r\nb")
@example("\ufeffa")
@example("a\0b")
@example("a > b & c &amp; d")
def test_a_text_without_tags_is_what_the_sanitiser_would_make_of_it(text: str) -> None:
    text = text.replace("<", "")
    assert sanitise(text, base=FEED) == nh3.clean(text, tags=set())
