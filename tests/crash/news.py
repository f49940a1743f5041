"""Generate the news that the feed world publishes, and keep the truth about it: every URL with all its texts in order.

A round never replaces a text that was not stored yet; the harness waits for that between two rounds. So every
text must be found in the store, whatever was killed meanwhile.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Final
from xml.sax.saxutils import escape

from tests.feedworld import FeedWorld, WorldFeed

WINDOW: Final = 12
"""Entries that a feed shows; older ones have left its window."""
REVISABLE: Final = 6
"""Only this many newest entries are revised. A round's new entries must not push a revised entry out of the window."""
EVERYTHING: Final = "everything"
STORMS: Final = "storms"
TOPICS: Final = f"""\
topics:
  - slug: {EVERYTHING}
    title: Everything
    rule:
      everything: true
  - slug: {STORMS}
    title: Storms
    rule:
      any: [storm warning]
"""
_STORM: Final = "There is a storm warning for the coast."
_START: Final = datetime(2026, 1, 5, 8, tzinfo=UTC)
_WORD_LIST: Final = """
    harbour council bridge ferry market school river budget engineer festival railway museum orchard valley
    library tower station garden workshop mayor theatre island road concert winter morning report meeting
    plan record season visitor decision village coast timber glacier archive compass lantern quarry signal"""
_WORDS: Final = _WORD_LIST.split()


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """Title and body of one revision of an article."""

    title: str
    body: str

    @property
    def storm(self) -> bool:
        """Whether the text matches the topic ``storms``."""
        return _STORM in self.body


@dataclass(slots=True, kw_only=True)
class Published:
    """An article with the texts published so far."""

    url: str
    at: datetime
    texts: list[Text] = field(default_factory=list)
    shared: bool = False
    """Two feeds contain the article. Such an article is never revised: one feed would show the old text after the new
    one."""
    reposted: bool = False
    """Another URL has the same text."""
    page: str | None = None
    """URL of the article's web page. The feed has the first of the texts, the page the last."""

    def entry(self) -> str:
        text = self.texts[-1] if self.page is None else self.texts[0]
        return (
            f"<item><guid>{escape(self.url)}</guid><link>{escape(self.page or self.url)}</link>"
            f"<title>{escape(text.title)}</title><description>{escape(text.body)}</description>"
            f"<pubDate>{format_datetime(self.at)}</pubDate></item>"
        )


class Newsroom:
    """Outlets with one feed each. ``chance`` decides about texts and revisions."""

    def __init__(self, world: FeedWorld, *, feeds: int, chance: random.Random, hub: str) -> None:
        """``hub`` is the URL of the WebSub hub that every feed declares."""
        self._hub = hub
        self.articles: dict[str, Published] = {}
        """Articles by URL, in the order of publication."""
        self._chance = chance
        self._shown: dict[WorldFeed, list[Published]] = {
            world.feed(f"/outlet-{number}.xml"): [] for number in range(feeds)
        }
        self.with_pages = world.feed("/with-pages.xml")
        """Feed with the first sentences of each article; the article's page has the rest."""
        self.last_page: WorldFeed | None = None
        self._world = world
        self._shown_with_pages: list[Published] = []
        self._number = 0
        self._versions = 0
        for feed in self._shown:
            self._publish(feed)
        self._show_with_pages()

    @property
    def feeds(self) -> list[WorldFeed]:
        return list(self._shown)

    @property
    def revisions(self) -> int:
        """Number of texts published so far, over all articles."""
        return sum(len(article.texts) for article in self.articles.values())

    def publish_round(self) -> None:
        """Publish a new article in every feed; revise one, repost one under another URL, share one between two feeds,
        and put most of one article's text on its page only."""
        old = [
            (feed, article)
            for feed, shown in self._shown.items()
            for article in shown[:REVISABLE]
            if not (article.shared or article.reposted)
        ]
        revised = self._chance.choice(old) if old else None
        if revised is not None:
            article = revised[1]
            article.texts.append(self._revised(article.texts[-1], len(article.texts) + 1))
        new = {feed: self._new(feed) for feed in self._shown}
        from_feed, to_feed = self._chance.sample(self.feeds, 2)
        original = new[from_feed]
        original.reposted = True
        self._show(to_feed, self._add(to_feed, original.texts[-1], reposted=True))
        shared_by, shared_with = self._chance.sample(self.feeds, 2)
        shared = self._new(shared_by)
        shared.shared = True
        self._show(shared_with, shared)
        for feed in self._shown:
            self._publish(feed)
        self._new_with_page()

    def publish_oversized(self, size: int) -> None:
        """Show an article of ``size`` bytes in one feed until the next round: more than the log accepts."""
        feed = self._chance.choice(self.feeds)
        url = "https://elsewhere.example/oversized"
        body = self._chance.randbytes(size // 2).hex()  # one word of random digits, hard to compress
        self._publish(feed, Published(url=url, at=_START, texts=[Text(title="Oversized", body=body)]))

    def add_elsewhere(self) -> Published:
        """Add an article that no feed shows; the harness appends it to the log itself."""
        self._number += 1
        return self._add(None, self._text(self._number), shared=True)

    def publish_again(self, feed: WorldFeed) -> None:
        """Publish the same entries in other bytes, so that a poll parses them again."""
        self._versions += 1
        self._publish(feed)

    def _new_with_page(self) -> None:
        self._number += 1
        whole = self._text(self._number)
        sentences = [f"{sentence.rstrip('.')}." for sentence in whole.body.split(". ")]
        page = self._world.feed(f"/pages/{self._number}.html")
        paragraphs = "".join(f"<p>{sentence}</p>" for sentence in sentences)
        page.publish(
            f"<!doctype html><html><head><title>{escape(whole.title)}</title></head><body><article>"
            f"<h1>{escape(whole.title)}</h1>{paragraphs}</article></body></html>".encode(),
            "text/html; charset=utf-8",
        )
        teaser = Text(title=whole.title, body=" ".join(sentences[:2]))
        url = page.url.replace("http://", "https://", 1)
        at = _START + timedelta(minutes=len(self.articles))
        article = Published(url=url, at=at, texts=[teaser, whole], shared=True, page=page.url)
        self.articles[url] = article
        self.last_page = page
        self._shown_with_pages.insert(0, article)
        del self._shown_with_pages[WINDOW:]
        self._show_with_pages()

    def _show_with_pages(self) -> None:
        entries = "".join(article.entry() for article in self._shown_with_pages)
        self.with_pages.publish(
            f"<rss version='2.0'><channel><title>Pages</title>{entries}</channel></rss>".encode()
        )

    def _new(self, feed: WorldFeed) -> Published:
        self._number += 1
        article = self._add(feed, self._text(self._number))
        self._show(feed, article)
        return article

    def _add(
        self, feed: WorldFeed | None, text: Text, *, reposted: bool = False, shared: bool = False
    ) -> Published:
        outlet = "elsewhere" if feed is None else feed.path.strip("/").removesuffix(".xml")
        url = f"https://{outlet}.example/news/{len(self.articles) + 1}"
        at = _START + timedelta(minutes=len(self.articles))
        article = Published(url=url, at=at, texts=[text], reposted=reposted, shared=shared)
        self.articles[url] = article
        return article

    def _show(self, feed: WorldFeed, article: Published) -> None:
        shown = self._shown[feed]
        shown.insert(0, article)
        del shown[WINDOW:]

    def _publish(self, feed: WorldFeed, *more: Published) -> None:
        entries = "".join(article.entry() for article in (*more, *self._shown[feed]))
        title = feed.path.strip("/").removesuffix(".xml")
        feed.publish(
            f'<?xml version="1.0" encoding="utf-8"?><rss version="2.0" xmlns:atom="http://www.w3.org/2005/Atom">'
            f'<!-- {self._versions} --><channel><title>{title}</title><atom:link rel="hub" href="{self._hub}"/>'
            f"<link>https://{title}.example/</link><description>News</description>{entries}</channel></rss>".encode()
        )

    def _text(self, number: int) -> Text:
        words = self._chance.choices(_WORDS, k=70)
        sentences = [" ".join(words[at : at + 10]).capitalize() + "." for at in range(0, 70, 10)]
        if self._chance.random() < 0.4:
            sentences.append(_STORM)
        return Text(title=f"Dispatch {number} about a {words[0]} and a {words[1]}", body=" ".join(sentences))

    def _revised(self, text: Text, version: int) -> Text:
        """Return a correction of ``text``; in half of the cases the storm warning appears or disappears."""
        body = text.body
        if self._chance.random() < 0.5:
            body = body.replace(f" {_STORM}", "") if text.storm else f"{body} {_STORM}"
        title = text.title.partition(" (version")[0]
        return Text(
            title=f"{title} (version {version})",
            body=f"{body} Correction {version}: it was a {self._word()}.",
        )

    def _word(self) -> str:
        return self._chance.choice(_WORDS)


def stream_kinds(article: Published, topic: str) -> list[tuple[int, str]]:
    """Return the events that ``topic`` must contain for ``article``, in order, as (revision, kind).

    ``created`` stands for ``merged`` too: it depends on timing which copy of a story comes second.
    """
    events: list[tuple[int, str]] = []
    member = False
    for revision, text in enumerate(article.texts, 1):
        belongs = topic == EVERYTHING or text.storm
        if belongs:
            events.append((revision, "updated" if member else "created"))
        elif member:
            events.append((revision, "reclassified"))
        member = belongs
    return events
