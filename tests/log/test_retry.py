"""Transient Kafka errors are retried until the timeout; other errors are not."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from ingest.log.kafka.client import Cluster
from ingest.log.kafka.library import KafkaError, TopicAlreadyExistsError, UnknownBrokerIdError


def cluster(timeout: timedelta) -> Cluster:
    return Cluster(bootstrap="127.0.0.1:1", client_id="test", partitions=1, replication=1, timeout=timeout)


def failing(times: int, error: type[KafkaError]) -> tuple[Callable[[], str], list[str]]:
    """A request whose first calls fail, and the list of its calls."""
    calls: list[str] = []

    def request() -> str:
        calls.append("")
        if len(calls) <= times:
            raise error
        return "a result"

    return request, calls


class Electing(KafkaError):
    retriable = True


@pytest.mark.parametrize("error", [Electing, UnknownBrokerIdError])
def test_a_transient_error_is_retried(error: type[KafkaError]) -> None:
    request, calls = failing(2, error)
    assert cluster(timedelta(seconds=30)).retry_until_available(request) == "a result"
    assert len(calls) == 3


def test_the_retries_end_with_the_timeout() -> None:
    request, calls = failing(1000, Electing)
    with pytest.raises(Electing):
        cluster(timedelta(seconds=0.3)).retry_until_available(request)
    assert 2 <= len(calls) < 10


def test_a_permanent_error_is_not_retried() -> None:
    request, calls = failing(1, TopicAlreadyExistsError)
    with pytest.raises(TopicAlreadyExistsError):
        cluster(timedelta(seconds=30)).retry_until_available(request)
    assert len(calls) == 1
