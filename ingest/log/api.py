"""The contract of the log between the stages.

A log topic is an append-only sequence of records, split into partitions by key: records of one key keep
their order. Members of one group share the partitions of a topic; a record that was not committed is
delivered again after a member dies. Delivery is at-least-once; ``tests/log/`` holds the suite that
every implementation passes.

*Offset always means the place of a record; a committed position is the next one to read.*
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
"""What the stream of alerts is called among those of the topics; no topic may have this slug."""


def stream_topic(name: str) -> str:
    """The log topic that carries the stream of the topic with this slug, or of the alerts."""
    return ALERTS if name == ALERTS_STREAM else f"{STREAM_PREFIX}{name}"


def is_stream(topic: str) -> bool:
    """Whether a log topic carries a stream."""
    return topic == ALERTS or topic.startswith(STREAM_PREFIX)


class Subscription(Protocol):
    """One member of a group, reading one topic from where the group stands (a new one: from its start)."""

    def poll(self, *, timeout: float, limit: int) -> Sequence[Record]:
        """Up to ``limit`` records, in order within each partition; none after ``timeout`` seconds without.

        Raises:
            Unavailable: the log cannot be read; the process should stop and be restarted.
        """

    def commit(self, records: Sequence[Record]) -> None:
        """Up to and including these are done: the group goes on after them, whoever reads next.

        A commit for partitions this member no longer holds is ignored; their new holder repeats the records.

        Raises:
            Unavailable: it is not known whether the commit took effect; the records may be delivered again.
        """


class Log(Protocol):
    def append(self, topic: str, messages: Sequence[Message]) -> None:
        """Return when all messages are durable, in order within each key.

        Raises:
            Unusable: one of them is too large, or cannot be encoded. Any of the others may be in the log:
                append one at a time, and quarantine the one that is refused.
            Unavailable: any number of them, from none to all, may be in the log; append them again.
        """

    def subscribe(self, topic: str, *, group: str) -> AbstractContextManager[Subscription]:
        """Join ``group`` on ``topic`` for the length of the ``with`` block."""
