"""docker-compose.yml runs on this machine: processes migrate, start, become healthy, bring news, stop in order."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import psycopg
import pytest

from ingest.demo.world import FeedWorld
from ingest.log.api import stream_topic
from ingest.log.kafka.library import KafkaConsumer, TopicPartition
from tests.deploy.composefile import services
from tests.deploy.native import Native

FEED = """<?xml version="1.0"?>
<rss version="2.0"><channel><title>The Harbour Courier</title><link>https://courier.example/</link>
<item>
  <title>Russia and North Korea sign a treaty in Pyongyang</title>
  <link>https://courier.example/2026/treaty</link>
  <guid>treaty-1</guid>
  <description>Putin and Kim Jong Un met for talks and signed a partnership treaty on Tuesday.</description>
</item>
<item>
  <title>Ferry timetable changes for the winter</title>
  <link>https://courier.example/2026/ferry</link>
  <guid>ferry-1</guid>
  <description>The last boat to the island leaves an hour earlier.</description>
</item>
</channel></rss>
"""
SCALED = {"poll": 2, "consume": 2}
ON_LOOPBACK = {
    "INGEST_ALLOW_PRIVATE_ADDRESSES": "true",  # the feed is on this machine
    "INGEST_PARSE_WORKERS": "1",
}


@pytest.fixture
def native() -> Iterator[Native]:
    # Not in pytest's folder: for root the database runs as another user, whom other pytests would lock out.
    with tempfile.TemporaryDirectory(prefix="ingest-compose-") as folder:
        running = Native(Path(folder), services(), more=ON_LOOPBACK)
        yield running
        running.close()


def _get(url: str) -> Any:
    with urlopen(url, timeout=10) as answer:
        return json.load(answer)


def _eventually(ask: Callable[[], Any], *, seconds: float = 60) -> Any:
    deadline = time.monotonic() + seconds
    while not (answer := ask()):
        assert time.monotonic() < deadline, f"still {answer!r}"
        time.sleep(0.2)
    return answer


def _stream_in_kafka(bootstrap: str, slug: str) -> list[dict[str, Any]]:
    consumer = KafkaConsumer(
        bootstrap_servers=[bootstrap], enable_auto_commit=False, isolation_level="read_committed"
    )
    try:
        partition = TopicPartition(stream_topic(slug), 0)
        consumer.assign([partition])
        consumer.seek_to_beginning(partition)
        found = consumer.poll(timeout_ms=5000).get(partition, [])
        return [
            {"cursor": int(dict(record.headers)["cursor"]), **json.loads(record.value)} for record in found
        ]
    finally:
        consumer.close()


@pytest.mark.kafka
@pytest.mark.timeout(300)
def test_the_compose_file_brings_news_from_a_feed_to_the_api_and_to_kafka(
    native: Native, kafka_jars: Path
) -> None:
    ours = [name for name, service in native.services.items() if service.ours and name != "migrate"]
    native.start_postgres()
    native.start_kafka(kafka_jars)
    native.wait_until_healthy("postgres")

    assert not native.is_healthy("poll"), "healthy without a schema"
    migrated = native.run("migrate", *native.services["migrate"].command[1:])
    assert migrated.returncode == 0, migrated.stderr
    native.wait_until_healthy("kafka")
    for name in ours:
        for copy in range(1, SCALED.get(name, 1) + 1):
            native.start(name, copy=copy)
    for name in ours:
        native.wait_until_healthy(name)

    with FeedWorld() as world:
        feed = world.feed("/world.xml")
        feed.publish(FEED.encode())
        added = native.run("serve", "feeds", "add", feed.url)
        assert added.returncode == 0, added.stderr
        found = _eventually(lambda: _both(_get(f"{native.api}/v1/articles")))
        assert feed.statuses == {200: 1}
    assert {article["title"] for article in found} == {
        "Russia and North Korea sign a treaty in Pyongyang",
        "Ferry timetable changes for the winter",
    }

    events = _get(f"{native.api}/v1/topics/russia-north-korea/events")["events"]
    assert [event["cursor"] for event in events] == [1]
    relayed = _eventually(lambda: _stream_in_kafka(native.bootstrap, "russia-north-korea"))
    assert [event["cursor"] for event in relayed] == [1]
    assert relayed[0]["article"]["id"] == events[0]["article"]["id"]

    order = [*reversed(ours), "kafka", "postgres"]
    assert order == ["poll", "consume", "relay", "serve", "kafka", "postgres"]
    for name in order[:-2]:
        assert set(native.stop(name)) == {0}, f"{name}:\n{_log(native, name)}"
    with psycopg.connect(native.database_url()) as connection:
        assert connection.execute("SELECT count(*) FROM articles").fetchone() == (2,)
        assert connection.execute("SELECT count(*) FROM quarantine").fetchone() == (0,)
    native.stop("kafka")
    assert native.stop("postgres") == [0]


def _both(answer: Any) -> Any:
    return answer["articles"] if len(answer["articles"]) == 2 else None


def _log(native: Native, name: str) -> str:
    return "\n".join(program.said()[-2000:] for program in native.programs if program.name == name)
