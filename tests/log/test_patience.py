"""What a cluster has yet to agree on is asked for again, and nothing else is."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from ingest.log.kafka.client import Cluster
from ingest.log.kafka.library import KafkaError, TopicAlreadyExistsError, UnknownBrokerIdError


def cluster(patience: timedelta) -> Cluster:
    return Cluster(bootstrap="127.0.0.1:1", client_id="test", partitions=1, replication=1, patience=patience)


def failing(times: int, error: type[KafkaError]) -> tuple[Callable[[], str], list[str]]:
    """A question that fails so often at first; and how often it was asked."""
    asked: list[str] = []

    def ask() -> str:
        asked.append("")
        if len(asked) <= times:
            raise error
        return "an answer"

    return ask, asked


class Electing(KafkaError):
    retriable = True


@pytest.mark.parametrize("error", [Electing, UnknownBrokerIdError])
def test_an_answer_is_waited_for_while_there_is_no_leader(error: type[KafkaError]) -> None:
    ask, asked = failing(2, error)
    assert cluster(timedelta(seconds=30)).retry_until_available(ask) == "an answer"
    assert len(asked) == 3


def test_patience_ends() -> None:
    ask, asked = failing(1000, Electing)
    with pytest.raises(Electing):
        cluster(timedelta(seconds=0.3)).retry_until_available(ask)
    assert 2 <= len(asked) < 10


def test_what_is_final_is_not_asked_again() -> None:
    ask, asked = failing(1, TopicAlreadyExistsError)
    with pytest.raises(TopicAlreadyExistsError):
        cluster(timedelta(seconds=30)).retry_until_available(ask)
    assert len(asked) == 1
