"""The bench of searches draws queries of every kind, and its SQL and the product find the same articles."""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

from ingest.db import article_search
from ingest.query import read_query
from tests.bench.query import KindResult, hardest_paths, run_sql
from tests.bench.query_data import base_texts, fill, large_database
from tests.bench.query_kinds import LIMIT, Query, draw_queries
from tests.bench.query_load import Responses

pytestmark = pytest.mark.store


@pytest.fixture
def filled(database: Engine) -> Engine:
    fill(database, 400, texts=base_texts(150, seed=1), days=60)
    return database


def test_exact_pages_have_the_articles_of_the_hand_written_sql(filled: Engine) -> None:
    by_kind: defaultdict[str, list[int]] = defaultdict(list)
    for query in draw_queries(filled):
        ids, _ = run_sql(filled, query)
        assert ids is not None
        parameters = {**query.parameters, "limit": str(LIMIT)}
        page = article_search.find(filled, read_query(parameters), budget=timedelta(minutes=1))
        shown = [str(article.id) for article in page.articles]
        assert page.exact, query.path
        if "sort" in query.parameters:
            assert len(shown) == len(ids), query.path
        else:
            assert shown == ids, query.path
        by_kind[query.kind].append(len(ids))
    # Each kind has queries with articles, or must have none.
    empty = {kind for kind, counts in by_kind.items() if not any(counts)}
    assert empty <= {"absent_word", "absent_language", "rare_language"}
    assert not any(by_kind["absent_word"])
    assert len(by_kind) == 12


def test_the_hardest_searches_are_those_of_the_slowest_kinds() -> None:
    def query(kind: str, **parameters: str) -> Query:
        return Query(kind=kind, parameters=parameters, sql="", values={})

    queries = {name: [query(name, q=name)] for name in "abcde"} | {"list": [query("list")]}
    results = {
        name: KindResult(product=Responses(seconds=[float(number)]))
        for number, name in enumerate(("a", "b", "c", "d", "e", "list"))
    }
    paths = hardest_paths(queries, results)
    assert [path.split("q=")[1][0] for path in paths] == ["e", "d", "c", "b"]


def test_a_kept_database_of_another_size_or_without_end_is_refused(tmp_path: Path) -> None:
    (tmp_path / "generated.json").write_text('{"articles": 5}')
    with pytest.raises(ValueError, match="expected"), large_database(tmp_path, 6):
        pass
    (tmp_path / "generated.json").unlink()
    (tmp_path / "database").mkdir()
    with pytest.raises(ValueError, match="no complete database"), large_database(tmp_path, 6):
        pass
