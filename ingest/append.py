"""Append messages to the article log, one at a time after the log refused a batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from ingest.db.quarantine import QuarantineItem
from ingest.errors import Unusable
from ingest.log.api import ARTICLES
from ingest.types import Message
from ingest.wire import content_key


class Appender(Protocol):
    """The part of a log that stages need to append articles."""

    def append(self, topic: str, messages: Sequence[Message]) -> None: ...


def append_singly(log: Appender, messages: Sequence[Message]) -> tuple[int, list[QuarantineItem]]:
    """Append messages one at a time. Return the number appended, and the messages that the log refused."""
    refused: list[QuarantineItem] = []
    for message in messages:
        try:
            log.append(ARTICLES, [message])
        except Unusable as error:
            refused.append(
                QuarantineItem(
                    stage="poll",
                    topic=ARTICLES,
                    key=message.key,
                    value=message.value,
                    content_key=content_key(message),
                    error=type(error).__name__,
                    detail=str(error),
                    headers=message.headers,
                )
            )
    return len(messages) - len(refused), refused
