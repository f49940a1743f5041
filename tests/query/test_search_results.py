"""Searches return every match once and in order, whatever the sizes of their steps and their budget are.

The expectation is a filter over the inserted articles in Python.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import Engine, text

from ingest.db import article_search, search_hits
from ingest.db.engine import open_engine, transaction
from ingest.db.read_transaction import TimedOut
from ingest.db.search_plans import Plans
from ingest.errors import Refused, Unavailable
from ingest.query import ArticleQuery, PageCursor, RankCursor, Sort, decode_cursor, encode_cursor, read_query
from ingest.search import parse_search
from tests.conftest import Postgres
from tests.library import NOON, Library

pytestmark = pytest.mark.store

ARTICLES = 240


@dataclass(frozen=True, slots=True, kw_only=True)
class Inserted:
    id: UUID
    at: datetime
    words: frozenset[str]
    topics: frozenset[str]
    language: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Stock:
    engine: Engine
    articles: tuple[Inserted, ...]

    def matching(self, words: set[str], query: ArticleQuery) -> list[UUID]:
        """Return the ids of the articles that match, newest first."""
        return [
            each.id
            for each in sorted(self.articles, key=lambda each: (each.at, each.id.bytes), reverse=True)
            if all(word.strip('"') in " ".join(sorted(each.words)) for word in words)
            and (query.topic is None or query.topic in each.topics)
            and (query.source is None or query.source == each.source)
            and (query.language is None or f"{each.language}-".lower().startswith(f"{query.language}-"))
            and (query.since is None or each.at >= query.since)
            and (query.until is None or each.at < query.until)
        ]


@pytest.fixture(scope="module")
def stock(postgres: Postgres) -> Iterator[Stock]:
    """Articles of eight months and a year long ago, several of one time, in segments of one to thirty articles."""
    url = postgres.create()
    engine = open_engine(url, name="test")
    library = Library(engine)
    draw = random.Random(11)
    for slug in ("politics", "sports"):
        library.topic(slug)
    inserted = []
    for number in range(ARTICLES):
        words = {"everywhere"} | {
            word
            for word, share in (("often", 0.4), ("seldom", 0.03), ("older", 0.2))
            if draw.random() < share
        }
        at = NOON - timedelta(hours=24 * draw.randrange(230))
        if "older" in words and at > NOON - timedelta(days=100):
            words.discard("older")
        if number % 40 == 0:
            at = datetime(2003, 5, 1, tzinfo=NOON.tzinfo)
        topics = frozenset(
            slug for slug, share in (("politics", 0.5), ("sports", 0.05)) if draw.random() < share
        )
        language = draw.choice(("en", "en-GB", "ko"))
        source = draw.choice(("a.example", "b.example", "c.example"))
        article = library.article(
            f"https://{source}/{number}",
            title=f"Number {number}",
            text=" ".join(sorted(words)),
            at=at,
            language=language,
            source=source,
            topics=sorted(topics),
        )
        inserted.append(
            Inserted(
                id=article, at=at, words=frozenset(words), topics=topics, language=language, source=source
            )
        )
    with transaction(engine) as connection:
        connection.execute(text("ANALYZE"))
    yield Stock(engine=engine, articles=tuple(inserted))
    engine.dispose()
    postgres.drop(url)


@pytest.fixture(params=["one step", "small steps", "small steps, no budget"])
def steps(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> timedelta:
    """Set the sizes of the steps of a search; return its budget."""
    if request.param != "one step":
        monkeypatch.setattr(search_hits, "WINDOWS", (3, 11))
        monkeypatch.setattr(search_hits, "LIST_WINDOWS", (5, 7))
        monkeypatch.setattr(search_hits, "FIRST_GROUP", 1)
        monkeypatch.setattr(search_hits, "GROUP_GROWTH", 1)
        monkeypatch.setattr(search_hits, "CANDIDATES", 6)
        monkeypatch.setattr(search_hits, "CHUNK", 4)
    return timedelta(seconds=-1 if request.param.endswith("no budget") else 60)


QUERIES = [
    ({"everywhere"}, {}),
    ({"often"}, {}),
    ({"seldom"}, {}),
    ({"older"}, {}),
    ({"often", "seldom"}, {}),
    ({"absent"}, {}),
    ({'"everywhere often"'}, {}),
    ({'"often older"'}, {}),
    ({'"often older"'}, {"topic": "politics", "language": "en"}),
    (set(), {}),
    (set(), {"topic": "politics"}),
    (set(), {"topic": "sports", "source": "b.example"}),
    (set(), {"topic": "politics", "language": "en", "source": "c.example"}),
    (set(), {"language": "en-gb"}),
    (set(), {"language": "en"}),
    ({"often"}, {"topic": "politics"}),
    ({"seldom"}, {"language": "en"}),
    ({"older"}, {"source": "a.example", "language": "en-gb"}),
    ({"often"}, {"since": NOON - timedelta(days=150), "until": NOON - timedelta(days=20)}),
    (set(), {"since": NOON - timedelta(days=150), "until": NOON - timedelta(days=20), "topic": "politics"}),
    ({"older"}, {"until": NOON - timedelta(days=180)}),
    (set(), {"language": "de"}),
]


@pytest.mark.parametrize(("words", "filters"), QUERIES)
@pytest.mark.parametrize("limit", [7, 200])
def test_pages_by_date_are_every_match_once_and_in_order(
    stock: Stock, steps: timedelta, words: set[str], filters: dict[str, object], limit: int
) -> None:
    query = ArticleQuery(
        q=parse_search(" ".join(sorted(words))) if words else None,
        limit=limit,
        **filters,  # type: ignore[arg-type]
    )
    expected = stock.matching(words, query)
    ids: list[UUID] = []
    inexact = 0
    while True:
        page = article_search.find(stock.engine, query, budget=steps)
        ids += [article.id for article in page.articles]
        assert len(page.articles) <= limit
        if page.exact:
            assert page.since is None
            assert len(page.articles) == limit or page.next_cursor is None
        else:
            inexact += 1
            assert page.since is not None
            complete = [each for each in expected if each in set(ids)]
            assert complete == expected[: len(complete)], "every match from `since` on is there"
        if page.next_cursor is None:
            break
        assert isinstance(page.next_cursor, PageCursor)
        query = replace(query, after=decode_cursor("cursor", encode_cursor(page.next_cursor)))
    assert ids == expected
    if steps > timedelta(0):
        assert inexact == 0


@pytest.mark.parametrize("limit", [7, 200])
@pytest.mark.parametrize("word", ["everywhere", "often", "seldom", "absent"])
def test_pages_by_relevance_are_every_match_once(
    stock: Stock, steps: timedelta, word: str, limit: int
) -> None:
    query = ArticleQuery(q=parse_search(word), sort=Sort.RELEVANCE, limit=limit)
    ids: list[UUID] = []
    while True:
        page = article_search.find(stock.engine, query, budget=steps)
        ids += [article.id for article in page.articles]
        if page.next_cursor is None:
            break
        assert isinstance(page.next_cursor, RankCursor)
        query = replace(query, after=decode_cursor("cursor", encode_cursor(page.next_cursor)))
    expected = stock.matching({word}, query)
    assert len(ids) == len(set(ids))
    if page.exact:
        assert set(ids) == set(expected)
    else:
        assert page.since is not None
        at = {each.id: each.at for each in stock.articles}
        assert set(ids) >= {each for each in expected if at[each] > page.since}


@pytest.fixture
def library(database: Engine) -> Library:
    return Library(database)


def found(library: Library, q: str, **options: object) -> list[str]:
    query = ArticleQuery(q=parse_search(q), **options)  # type: ignore[arg-type]
    return [article.title for article in article_search.find(library.engine, query).articles]


def test_the_best_match_comes_first_by_relevance(library: Library) -> None:
    minute = timedelta(minutes=1)
    filler = " ".join(f"filler{number}" for number in range(400))
    library.article("https://a.example/1", title="Budget", text=f"{filler} harvest", at=NOON)
    library.article("https://a.example/2", title="Harvest", text=filler, at=NOON - minute)
    library.article(
        "https://a.example/3", title="Grain", text=f"harvest {filler} harvest", at=NOON - 2 * minute
    )
    library.article("https://a.example/4", title="Weather", text="harvest", at=NOON - 3 * minute)
    assert found(library, "harvest") == ["Budget", "Harvest", "Grain", "Weather"]
    assert found(library, "harvest", sort=Sort.RELEVANCE) == ["Harvest", "Weather", "Grain", "Budget"]


def test_equally_good_matches_are_ordered_by_date(library: Library) -> None:
    for number in range(5):
        library.article(
            f"https://a.example/{number}",
            title=f"Number {number}",
            text="harvest",
            at=NOON + timedelta(minutes=number),
        )
    assert found(library, "harvest", sort=Sort.RELEVANCE) == [
        f"Number {number}" for number in (4, 3, 2, 1, 0)
    ]


def test_a_ranking_of_the_newest_matches_says_so(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(article_search, "RANKED", 3)
    for number in range(5):
        library.article(f"https://a.example/{number}", text="harvest", at=NOON + timedelta(minutes=number))
    query = ArticleQuery(q=parse_search("harvest"), sort=Sort.RELEVANCE, limit=2)
    first = article_search.find(library.engine, query)
    library.article("https://a.example/new", title="Harvest", text="harvest", at=NOON + timedelta(hours=1))
    second = article_search.find(library.engine, replace(query, after=first.next_cursor))
    assert (first.exact, second.exact) == (False, False)
    assert first.since == second.since == NOON + timedelta(minutes=2)
    assert (len(first.articles), len(second.articles), second.next_cursor) == (2, 1, None)
    assert not {each.id for each in first.articles} & {each.id for each in second.articles}


@pytest.mark.parametrize(
    ("parameters", "name"),
    [
        ({"sort": "relevance"}, "sort"),
        ({"q": "x", "sort": "best"}, "sort"),
        ({"q": "x", "cursor": "RANK"}, "cursor"),
        ({"q": "x", "sort": "relevance", "cursor": "DATE"}, "cursor"),
    ],
)
def test_a_sort_or_cursor_that_does_not_fit_is_refused(parameters: dict[str, str], name: str) -> None:
    cursors = {
        "DATE": encode_cursor(PageCursor(sort_at=NOON, id=UUID(int=7))),
        "RANK": encode_cursor(
            RankCursor(score=0.5, sort_at=NOON, id=UUID(int=7), newest=NOON, oldest=NOON, bounded=False)
        ),
    }
    parameters = {key: cursors.get(value, value) for key, value in parameters.items()}
    with pytest.raises(Refused, match=name):
        read_query(parameters)


def _time_out(plans: Plans) -> None:
    plans._execute("SELECT set_config('statement_timeout', '40', true)")
    plans._execute("SELECT pg_sleep(5)")


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Make a method of a search exceed the time limit of its statement."""

    def delay(name: str) -> None:
        monkeypatch.setattr(Plans, name, lambda self, *_, **__: _time_out(self))

    return delay


def test_a_slow_look_up_ends_with_the_matches_before_it(
    stock: Stock, monkeypatch: pytest.MonkeyPatch, slow: Callable[[str], None]
) -> None:
    monkeypatch.setattr(search_hits, "WINDOWS", (3, 11))
    slow("look_up")
    page = article_search.find(stock.engine, ArticleQuery(q=parse_search("often"), limit=200))
    assert page.articles, "from the windows before the look-up"
    assert not page.exact
    assert page.next_cursor is not None


def test_a_search_of_which_nothing_is_known_is_unavailable(stock: Stock, slow: Callable[[str], None]) -> None:
    slow("walk")
    with pytest.raises(Unavailable) as raised:
        article_search.find(stock.engine, ArticleQuery(q=parse_search("often")))
    assert isinstance(raised.value, TimedOut)
