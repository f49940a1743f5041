"""The contract of the log between the stages.

A log topic is an append-only sequence of records, split into partitions by key: records of one key keep
their order. Members of one consumer group share the partitions of a log topic. A record that was not committed
is delivered again after a member dies. Delivery is at-least-once; ``tests/log/`` holds the suite that every
implementation passes.

*An offset is always the position of a record; a committed offset is the next one to read.*
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Final, Protocol

from ingest.types import Message, Record

ARTICLES: Final = "news.articles"
STREAM_PREFIX: Final = "news.topic."
ALERTS: Final = "news.alerts"
ALERTS_STREAM: Final = "alerts"
"""Name of the stream of alerts among the topics' streams; no topic may have this slug."""


def stream_topic(name: str) -> str:
    """Return the log topic of the stream with this name: a topic's slug, or the alerts."""
    return ALERTS if name == ALERTS_STREAM else f"{STREAM_PREFIX}{name}"


def is_stream(topic: str) -> bool:
    """Whether a log topic carries a stream."""
    return topic == ALERTS or topic.startswith(STREAM_PREFIX)


class Subscription(Protocol):
    """One member of a consumer group; reads one log topic from the committed offset, a new group from the start."""

    def poll(self, *, timeout: float, limit: int) -> Sequence[Record]:
        """Return up to ``limit`` records, in order within each partition; none if none arrives in ``timeout`` seconds.

        Raises:
            Unavailable: the log cannot be read; the process should stop and be restarted.
        """

    def commit(self, records: Sequence[Record]) -> None:
        """Commit the offsets behind these records: the group continues after them.

        A commit for partitions that this member no longer holds is ignored; their new member reads the records again.

        Raises:
            Unavailable: the result of the commit is unknown; the records may be delivered again.
        """


class Log(Protocol):
    def append(self, topic: str, messages: Sequence[Message]) -> None:
        """Append messages, in order within each key; return when all are durable.

        Raises:
            Unusable: a message is too large or cannot be encoded. Any of the other messages may be in the log:
                append them one at a time, and quarantine the refused one.
            Unavailable: any number of the messages, from none to all, may be in the log; append them again.
        """

    def subscribe(self, topic: str, *, group: str) -> AbstractContextManager[Subscription]:
        """Join the consumer group ``group`` on ``topic`` for the length of the ``with`` block."""
