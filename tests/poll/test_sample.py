"""The sample article travels from an aggregator's feed to the stream of its topic and to search."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from html import escape
from importlib.resources import files
from uuid import uuid4

import pytest
from click.testing import CliRunner
from sqlalchemy import Engine

from ingest.classify import read_topics
from ingest.cli import root
from ingest.db import topics
from ingest.log.api import ARTICLES, Log
from ingest.log.postgres import PostgresLog
from ingest.persist import Persister
from ingest.types import Record
from tests.bench.figures import CorpusAbsentError, corpus_dir
from tests.log.backends import kafka_log
from tests.poll.conftest import Desk

pytestmark = [pytest.mark.corpus, pytest.mark.store]


@pytest.fixture
def sample() -> tuple[str, str]:
    """Title and body of the sample."""
    try:
        text = (corpus_dir() / "sample-article.txt").read_text("utf-8")
    except CorpusAbsentError as absent:
        pytest.skip(str(absent))
    title, _, body = text.partition("\n")
    return title, "".join(f"<p>{escape(line)}</p>" for line in body.split("\n") if line.strip())


@pytest.fixture(params=["postgres", pytest.param("kafka", marks=pytest.mark.kafka)])
def log(request: pytest.FixtureRequest, database: Engine) -> Iterator[Log]:
    if request.param == "postgres":
        yield PostgresLog(database)
        return
    found = kafka_log(request.getfixturevalue("kafka_bootstrap"))
    yield found
    found.close()


def test_the_sample_ends_on_its_topics_stream_and_is_found(
    sample: tuple[str, str],
    log: Log,
    database: Engine,
    database_url: str,
    make_desk: Callable[..., Desk],
) -> None:
    title, body = sample
    shipped = read_topics(files("ingest").joinpath("topics.yaml").read_text("utf-8"), name="topics.yaml")
    desk = make_desk(log=log)
    topics.load(database, shipped, now=desk.clock())
    feed = desk.world.feed("/aggregator.xml")
    feed.publish(
        f"<rss version='2.0'><channel><title>Aggregator</title><item><title>{escape(title)}</title>"
        f"<link>https://aggregator.example/a</link><description>{escape(body)}</description></item>"
        f"</channel></rss>".encode()
    )
    desk.add(feed)
    desk.poll()

    def ours(record: Record) -> bool:
        """Whether the record is this test's own: tests share a broker and its log topic."""
        return feed.url.encode() in record.value

    persist = Persister(database, PostgresLog(database), clock=desk.clock)
    with log.subscribe(ARTICLES, group=f"sample-{uuid4().hex}") as subscription:
        for _ in range(60):
            found = [record for record in subscription.poll(timeout=1, limit=500) if ours(record)]
            if found:
                assert persist(found).created == 1
                break

    def said(*arguments: str) -> list[dict[str, object]]:
        environment = {"INGEST_DATABASE_URL": database_url}
        done = CliRunner().invoke(root, [*arguments, "--json"], env=environment)
        assert done.exit_code == 0, done.output
        return [json.loads(line) for line in done.stdout.splitlines()]

    (event,) = said("tail", "russia-north-korea", "--from", "0", "--no-follow")
    assert event["kind"] == "created"
    assert event["article"]["publisher"] == "Natural News"  # type: ignore[index]
    assert event["article"]["authors"] == ["Richard Brown"]  # type: ignore[index]
    phrases = {place["phrase"] for place in event["match"]["matches"]}  # type: ignore[index]
    assert len(phrases) > 1
    page = said("articles", "search", "mutual defense pact", "--topic", "russia-north-korea")
    assert [each["title"] for each in page if "title" in each] == [title.strip()]
    assert [each for each in said("articles", "search", "newsletter") if "title" in each] == []
