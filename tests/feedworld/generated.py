"""Feeds generated from a seed, which publish and revise articles round by round, with the truth about each.

The same arguments give the same bytes, in any process. Round ``r`` is one state of every feed: ``fresh`` new
articles each, and new revisions of some that are still in the feed's window.

::

    plan = Generated(seed=7, feeds=100, window=20, fresh=2)
    plan.load(world, rounds=10)          # then world.advance_all() per round
    plan.truth(rounds=10)                # every revision of every article shown
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import partial
from typing import Final
from xml.sax.saxutils import escape

from ingest.demo.feeds import WorldFeed
from ingest.demo.pages import Version
from ingest.demo.world import FeedWorld

START: Final = datetime(2026, 3, 2, 6, 0, tzinfo=UTC)
ROUND: Final = timedelta(minutes=15)

_VOCABULARY: Final = """
harbour council signal morning engine village report winter bridge market ferry doctor school river
garden budget minister farmer station letter window record mountain paper coast driver forest
teacher museum captain border valley theatre railway season picture kitchen island meeting account
storm library tower lantern orchard pilot quarry saddle tunnel velvet wagon yellow zenith anchor
basket candle dialect
"""
_WORDS: Final = _VOCABULARY.split()
_ON_TOPIC: Final = (
    "Russia and North Korea agreed on closer cooperation, officials in Moscow and Pyongyang said. "
    "The Russian president received the North Korean leader, and both signed a treaty on mutual defence."
)
_KINDS: Final = ("rss", "atom", "rdf")


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """One revision of a generated article, as the service must have stored it once the feed was polled."""

    feed: int
    article: int
    """Number within the feed, from 0."""
    revision: int
    """Number of the revision, from 0 without gaps."""
    round: int
    """First round that shows the revision."""
    url: str
    guid: str
    title: str
    paragraphs: tuple[str, ...]
    published: datetime
    on_topic: bool
    """Whether the article is about Russia–North Korea relations."""

    @property
    def mark(self) -> str:
        """A word that occurs in the text of this revision and nowhere else."""
        return f"mark{self.feed}x{self.article}x{self.revision}"


class Generated:
    """A plan of generated feeds.

    Args:
        seed: any integer; another seed gives another world with other URLs.
        feeds: number of feeds. Their formats alternate (RSS 2.0, Atom, RSS 1.0).
        window: most entries of a document, newest first.
        fresh: new articles of a feed in each round (the first round fills half the window).
        revised: share of the articles that are revised once, in the round after their first.
        on_topic: share of the articles about Russia and North Korea.
        words: approximate length of an article's text.
    """

    def __init__(
        self,
        *,
        seed: int = 1,
        feeds: int = 10,
        window: int = 20,
        fresh: int = 2,
        revised: float = 0.1,
        on_topic: float = 0.2,
        words: int = 120,
    ) -> None:
        if not 0 < 2 * fresh <= window:
            raise ValueError(f"a window of {window} cannot show {fresh} new articles for two rounds")
        self.seed, self.feeds, self.window, self.fresh = seed, feeds, window, fresh
        self.revised, self.on_topic, self.words = revised, on_topic, words
        self._first = max(window // 2, fresh)

    def path(self, feed: int) -> str:
        return f"/generated/{self.seed}/{feed}/{_KINDS[feed % 3]}.xml"

    def publication(self, feed: int, article: int, revision: int = 0) -> Publication:
        """Return one revision, whether or not the plan ever shows it (:meth:`truth` lists those shown)."""
        dice = random.Random(f"{self.seed}/{feed}/{article}")
        on_topic = dice.random() < self.on_topic
        title = " ".join(dice.choices(_WORDS, k=6)).capitalize() + f" {feed}-{article}"
        if on_topic:
            title = f"Russia and North Korea: {title}"
        draft = random.Random(f"{self.seed}/{feed}/{article}/{revision}")
        paragraphs = [
            " ".join(draft.choices(_WORDS, k=40)).capitalize() + "." for _ in range(max(1, self.words // 40))
        ]
        if on_topic:
            paragraphs.insert(0, _ON_TOPIC)
        born = self._born(article)
        publication = Publication(
            feed=feed,
            article=article,
            revision=revision,
            round=born + revision,
            url=f"https://outlet-{feed}.example/{self.seed}/{born}/story-{article}",
            guid=f"tag:outlet-{feed}.example,2026:{self.seed}/{article}",
            title=f"{title}, corrected" if revision and draft.random() < 0.5 else title,
            paragraphs=(),
            published=START + born * ROUND - timedelta(seconds=article % self._first),
            on_topic=on_topic,
        )
        paragraphs[-1] += f" {publication.mark.capitalize()} {publication.mark}."
        return replace(publication, paragraphs=tuple(paragraphs))

    def shown(self, feed: int, round_: int) -> list[Publication]:
        """Return the publications in the document of this round, newest first."""
        count = self._first + round_ * self.fresh
        newest_first = range(count - 1, max(-1, count - 1 - self.window), -1)
        return [
            self.publication(feed, article, self._revision(feed, article, round_)) for article in newest_first
        ]

    def truth(self, rounds: int) -> list[Publication]:
        """Return every revision shown in the rounds 0 … ``rounds - 1``, in the order of the rounds.

        A client that polls each feed at least once in every round sees all of them.
        """
        publications = []
        for feed in range(self.feeds):
            for article in range(self._first + (rounds - 1) * self.fresh):
                last = self._revision(feed, article, rounds - 1)
                publications += [self.publication(feed, article, revision) for revision in range(last + 1)]
        return sorted(
            publications, key=lambda publication: (publication.round, publication.feed, publication.article)
        )

    def document(self, feed: int, round_: int) -> bytes:
        """Return the feed's bytes in this round."""
        name, shown = f"Outlet {feed}", self.shown(feed, round_)
        render = {"rss": _rss, "atom": _atom, "rdf": _rdf}[_KINDS[feed % 3]]
        return render(name, f"https://outlet-{feed}.example/", shown).encode()

    def versions(self, feed: int, rounds: int) -> Iterator[Version]:
        for round_ in range(rounds):
            body = partial(self.document, feed, round_)
            yield Version(body=body, at=START + round_ * ROUND, content_type="text/xml")

    def load(self, world: FeedWorld, rounds: int) -> list[WorldFeed]:
        """Queue every round on the world, with the feeds spread over its addresses; nothing is shown yet."""
        feeds = []
        for number in range(self.feeds):
            host = world.addresses[number % len(world.addresses)] if len(world.addresses) > 1 else None
            feed = world.feed(self.path(number), host=host)
            feed.queue(*self.versions(number, rounds))
            feeds.append(feed)
        return feeds

    def _born(self, article: int) -> int:
        return 0 if article < self._first else (article - self._first) // self.fresh + 1

    def _revision(self, feed: int, article: int, round_: int) -> int:
        # One round after its first, an article is still in the window: the constructor checked the sizes.
        is_revised = random.Random(f"{self.seed}/{feed}/{article}/revised").random() < self.revised
        return int(is_revised and round_ > self._born(article))


def _html(publication: Publication) -> str:
    return escape("".join(f"<p>{paragraph}</p>" for paragraph in publication.paragraphs))


def _rss(name: str, home: str, shown: list[Publication]) -> str:
    entries = "".join(
        f"<item><title>{escape(publication.title)}</title><link>{publication.url}</link>"
        f'<guid isPermaLink="false">{publication.guid}</guid>'
        f"<pubDate>{format_datetime(publication.published)}</pubDate><description>{_html(publication)}</description></item>\n"
        for publication in shown
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<rss version="2.0"><channel>'
        f"<title>{name}</title><link>{home}</link><description>Generated</description>"
        f"<language>en</language>\n{entries}</channel></rss>\n"
    )


def _atom(name: str, home: str, shown: list[Publication]) -> str:
    entries = "".join(
        f'<entry><title>{escape(publication.title)}</title><link href="{publication.url}"/><id>{publication.guid}</id>'
        f"<published>{publication.published.isoformat()}</published>"
        f"<updated>{(publication.published + publication.revision * ROUND).isoformat()}</updated>"
        f'<content type="html">{_html(publication)}</content></entry>\n'
        for publication in shown
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<feed xmlns="http://www.w3.org/2005/Atom" xml:lang="en"><title>{name}</title><link href="{home}"/>'
        f"<id>{home}</id><updated>{shown[0].published.isoformat()}</updated>\n{entries}</feed>\n"
    )


def _rdf(name: str, home: str, shown: list[Publication]) -> str:
    places = "".join(f'<rdf:li rdf:resource="{publication.url}"/>' for publication in shown)
    entries = "".join(
        f'<item rdf:about="{publication.url}"><title>{escape(publication.title)}</title><link>{publication.url}</link>'
        f"<dc:date>{publication.published.isoformat()}</dc:date><description>{_html(publication)}</description></item>\n"
        for publication in shown
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<rdf:RDF xmlns="http://purl.org/rss/1.0/" '
        'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" '
        'xmlns:dc="http://purl.org/dc/elements/1.1/">'
        f'<channel rdf:about="{home}"><title>{name}</title><link>{home}</link>'
        f"<description>Generated</description><items><rdf:Seq>{places}</rdf:Seq></items></channel>\n{entries}</rdf:RDF>\n"
    )
