"""The demo's story is whole, its feeds say what it says, and it plays in its time."""

from __future__ import annotations

import html
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from importlib import resources
from pathlib import Path

import httpx
import pytest

from ingest.classify import compile_topics, read_topics
from ingest.cli.demo import _demo_settings
from ingest.demo.play import DemoWorld, story_start
from ingest.demo.render import render
from ingest.demo.story import LENGTH, Outlet, build_outlets, read_story
from ingest.normalise import normalise
from ingest.parse import parse_feed
from ingest.settings import Settings
from ingest.types import Failed, ParsedFeed

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
OUTLETS = {outlet.slug: outlet for outlet in read_story()}


@pytest.fixture(scope="module")
def demo() -> Iterator[DemoWorld]:
    with DemoWorld(now=NOW, seconds=0.05) as demo:
        demo.play()
        assert demo.wait(10)
        yield demo


def parsed(url: str, client: httpx.Client) -> ParsedFeed:
    response = client.get(url)
    if response.headers["content-type"] == "text/html":
        response = client.get(url)
    found = parse_feed(response.content, url=url, content_type=response.headers["content-type"])
    assert not isinstance(found, Failed), found
    return found


def test_there_are_enough_outlets_articles_and_languages() -> None:
    articles = [printed for outlet in OUTLETS.values() for printed in outlet.editions[-1].printed]
    assert len(OUTLETS) >= 12
    assert 60 <= len(articles) <= 100
    assert {outlet.language for outlet in OUTLETS.values()} >= {"en", "fr", "de", "es", "ru", "ko", "bg"}
    assert {outlet.kind for outlet in OUTLETS.values()} == {"rss", "rss091", "rdf", "atom"}
    assert {outlet.behaviour for outlet in OUTLETS.values()} == {None, "slow", "flickering", "malformed"}


def test_many_articles_of_many_languages_are_on_topic_and_as_many_are_not() -> None:
    on_topic: Counter[str] = Counter()
    off_topic: Counter[str] = Counter()
    for outlet in OUTLETS.values():
        for printed in outlet.editions[-1].printed:
            (on_topic if printed.on_topic else off_topic)[outlet.language] += 1
    assert min(on_topic[language] for language in ("en", "fr", "de", "es", "ru", "ko", "bg")) >= 2
    assert sum(off_topic.values()) >= 40


def test_everything_happens_within_the_story() -> None:
    for outlet in OUTLETS.values():
        times = [edition.at for edition in outlet.editions]
        assert times[0] == timedelta(0)
        assert times == sorted(times)
        assert times[-1] < LENGTH


def test_every_url_is_one_article_on_a_host_that_cannot_exist() -> None:
    urls = [printed.url for outlet in OUTLETS.values() for printed in outlet.editions[-1].printed]
    assert len(urls) == len(set(urls))
    assert all(httpx.URL(url).host.endswith(".example") for url in urls)


def test_a_repost_has_the_original_inside_its_boilerplate() -> None:
    (repost,) = (each for each in OUTLETS["free-signal"].editions[-1].printed if each.slug == "shells")
    (original,) = (
        each for each in OUTLETS["strait-review"].editions[-1].printed if each.slug == "shells-for-satellites"
    )
    assert repost.paragraphs[0] == "This article was originally published by Yoon Sae-ri at Strait Review."
    assert [paragraph for paragraph in repost.paragraphs if paragraph in original.paragraphs] == list(
        original.paragraphs
    )
    assert repost.paragraphs[3].startswith("(Related: ")
    assert "Read the full article here" in repost.paragraphs


def test_the_agencys_text_runs_in_two_other_papers_word_for_word() -> None:
    copies = [
        printed
        for outlet in OUTLETS.values()
        for printed in outlet.editions[-1].printed
        if printed.copy_of == "northern-wire/pact-signed"
    ]
    (original,) = (
        each for each in OUTLETS["northern-wire"].editions[-1].printed if each.slug == "pact-signed"
    )
    assert len(copies) == 2
    for copy in copies:
        assert set(original.paragraphs) < set(copy.paragraphs)
        assert copy.title != original.title


def test_a_correction_changes_the_article_in_a_later_edition_and_not_its_copies() -> None:
    versions = [
        printed
        for edition in OUTLETS["meridian-post"].editions
        for printed in edition.printed
        if printed.slug == "un-panel-vote"
    ]
    assert len({(each.title, each.paragraphs) for each in versions}) == 2
    assert len({each.url for each in versions}) == 1
    assert any("Twelve" in paragraph for paragraph in versions[-1].paragraphs)
    (copy,) = (each for each in OUTLETS["free-signal"].editions[-1].printed if each.slug == "veto")
    assert any("Thirteen" in paragraph for paragraph in copy.paragraphs)


@pytest.mark.parametrize("slug", sorted(OUTLETS))
def test_each_feed_says_what_the_story_says(slug: str, demo: DemoWorld, client: httpx.Client) -> None:
    outlet = OUTLETS[slug]
    found = parsed(demo.world.url(f"/{slug}.xml"), client)
    printed = outlet.editions[-1].printed
    assert found.title == outlet.name
    assert found.language == outlet.language
    assert [entry.link for entry in found.entries] == [each.url for each in printed]
    for entry, each in zip(found.entries, printed, strict=True):
        assert html.unescape(entry.title or "") == each.title
        body = entry.content or entry.summary or ""
        assert body.count("<p>") == len(each.paragraphs)
        if outlet.kind != "rss091":
            assert (entry.published or entry.updated) == demo.start + each.published
    if outlet.behaviour == "malformed":
        assert found.warnings
    else:
        assert not found.warnings


@pytest.mark.parametrize("slug", sorted(OUTLETS))
def test_the_shipped_topic_takes_what_was_written_for_it_and_nothing_else(slug: str, demo: DemoWorld) -> None:
    shipped = resources.files("ingest").joinpath("topics.yaml").read_text("utf-8")
    classifier = compile_topics(read_topics(shipped, name="topics.yaml"))
    outlet = OUTLETS[slug]
    url = demo.world.url(f"/{slug}.xml")
    found = parse_feed(render(outlet, outlet.editions[-1], start=demo.start), url=url)
    assert not isinstance(found, Failed)
    made = normalise(found, feed_id=1, feed_url=url, poll_id=1, seen_at=NOW, seen={})
    matched = {
        article.url
        for article in made.articles
        if any(m.topic == "russia-north-korea" for m in classifier.matches(article.title, article.text))
    }
    assert len(made.articles) == len(outlet.editions[-1].printed)
    assert matched == {printed.url for printed in outlet.editions[-1].printed if printed.on_topic}


def test_the_russian_paper_is_in_windows_1251_on_the_wire(demo: DemoWorld, client: httpx.Client) -> None:
    body = client.get(demo.world.url("/vestnik-zaliva.xml")).content
    assert "Россия и КНДР".encode("cp1251") in body
    with pytest.raises(UnicodeDecodeError):
        body.decode("utf-8")


def test_the_flickering_paper_shows_a_web_page_every_third_time(client: httpx.Client) -> None:
    with DemoWorld(now=NOW) as demo:
        url = demo.world.url("/flicker-news.xml")
        types = [client.get(url).headers["content-type"].partition(";")[0] for _ in range(6)]
    assert types == ["application/rss+xml", "application/rss+xml", "text/html"] * 2


def test_the_newcomer_is_told_what_is_wrong_with_which_feed(demo: DemoWorld) -> None:
    notes = {feed.name: feed.note for feed in demo.feeds if feed.note}
    assert notes == {
        "Slow Boat Weekly": "responds after 2 seconds",
        "Flicker News": "every third response is a web page",
        "Quick & Press": "its XML is broken",
        "Quiet Times": "has no articles",
    }


def test_before_playing_only_the_first_hour_is_out_and_in_the_end_everything(client: httpx.Client) -> None:
    with DemoWorld(now=NOW, seconds=0.05) as demo:
        url = demo.world.url("/meridian-post.xml")
        assert len(parsed(url, client).entries) == 1
        assert not demo.done
        assert not demo.wait(0.01)
        demo.play()
        demo.play()
        assert demo.wait(10)
        assert len(parsed(url, client).entries) == 10
        assert demo.world.waiting == 0


def test_the_story_takes_the_time_it_was_given(client: httpx.Client) -> None:
    with DemoWorld(now=NOW, seconds=60) as demo:
        demo.play()
        assert not demo.wait(0.05)
        assert demo.world.waiting > 0


def test_leaving_ends_the_player_at_once() -> None:
    with DemoWorld(now=NOW, seconds=3600) as demo:
        demo.play()
        player = demo._player
    assert player is not None
    assert not player.is_alive()


@pytest.mark.parametrize(
    ("now", "start"),
    [
        ("2026-11-23T12:00", "2026-11-17T00:00"),  # Monday
        ("2026-11-27T07:59", "2026-11-17T00:00"),  # Friday, before the story's end
        ("2026-11-27T08:00", "2026-11-24T00:00"),  # Friday, just after it
        ("2026-11-28T00:00", "2026-11-24T00:00"),
    ],
)
def test_the_story_lies_in_the_last_week_that_is_over(now: str, start: str) -> None:
    began = story_start(datetime.fromisoformat(now).replace(tzinfo=UTC))
    assert began == datetime.fromisoformat(start).replace(tzinfo=UTC)
    assert began.strftime("%A") == "Tuesday"


def test_a_story_that_contradicts_itself_is_refused() -> None:
    base = {"name": "A", "home": "https://a.example/", "language": "en", "kind": "rss"}
    article = {"at": "1 10:00", "slug": "a", "title": "A", "text": "It is so."}
    wrong = {"at": "1 12:00", "replace": "It is not", "by": "It was"}
    with pytest.raises(ValueError, match="no 'It is not' to correct"):
        build_outlets({"a": {**base, "article": [{**article, "correction": [wrong]}]}})
    early = {"at": "1 09:00", "slug": "b", "title": "B", "copy": "a/a"}
    with pytest.raises(ValueError, match="a/a is not printed at 1 09:00"):
        build_outlets({"a": {**base, "article": [article]}, "b": {**base, "article": [early]}})


def test_no_outlet_is_without_a_first_edition() -> None:
    def first(outlet: Outlet) -> timedelta:
        return outlet.editions[0].at

    assert {first(outlet) for outlet in OUTLETS.values()} == {timedelta(0)}


def test_the_demo_uses_no_webhook_hub_broker_or_database_of_the_user() -> None:
    own = Settings(
        public_url="https://news.example",
        alert_webhook="https://ops.example/hook",
        log="kafka",
        kafka_bootstrap="broker.example:9092",
        database_url="postgresql://db.example/news",
    )
    settings = _demo_settings(own, Path("folder"))
    assert (settings.public_url, settings.alert_webhook) == (None, None)
    assert (settings.log, settings.kafka_bootstrap, settings.database_url) == ("postgres", None, None)
