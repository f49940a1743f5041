"""Deliver every alert to a webhook, in order, at least once.

::

    log topic of the alerts ─one active reader─▶ POST, signed ─2xx─▶ commit
                                                    └ else: the same alert again, with back-off

An alert that was not accepted blocks the alerts behind it, so a receiver that was down learns of everything in order.
The cursor in the body identifies a repeat. The backlog is the lag of the group ``webhook``, in the metrics and in
``ingest status``. Alerts that retention deleted before their delivery are announced as a gap.
"""

from __future__ import annotations

import hmac
import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import Final, Protocol

from ingest.log.api import ALERTS, ALERTS_STREAM, Subscription
from ingest.runtime import Stop, failpoint
from ingest.streams import event_line, find_gap, gap_body
from ingest.types import Failed, FailureKind, PostResponse, Record

logger = logging.getLogger(__name__)

GROUP: Final = "webhook"
SIGNATURE: Final = "X-Ingest-Signature"
POLL_SECONDS: Final = 0.5
BATCH: Final = 100
MIN_WAIT: Final = timedelta(seconds=1)
MAX_WAIT: Final = timedelta(minutes=5)
"""Bounds of the time between two tries of one alert. A longer Retry-After is respected, up to an hour."""
MAX_RETRY_AFTER: Final = timedelta(hours=1)


class AlertLog(Protocol):
    """The part of the Postgres log that delivery needs."""

    def subscribe(self, topic: str, *, group: str) -> AbstractContextManager[Subscription]: ...

    def position(self, topic: str, *, group: str) -> int: ...


class Receiver(Protocol):
    """Sends one alert to the webhook, once."""

    def __call__(self, body: bytes, headers: Mapping[str, str], /) -> PostResponse | Failed: ...


def deliver_alerts(log: AlertLog, receiver: Receiver, stop: Stop, *, secret: str | None) -> int:
    """Deliver until a stop is requested. Return the number of alerts that were accepted.

    With a ``secret`` each body is signed: ``X-Ingest-Signature: sha256=`` and its HMAC (RFC 2104) in hexadecimal.

    Raises:
        Unavailable: the database; a restart continues with the first alert that was not accepted.
    """
    delivered = 0
    with log.subscribe(ALERTS, group=GROUP) as subscription:
        while not stop.requested:
            records = subscription.poll(timeout=POLL_SECONDS, limit=BATCH)
            if not records:
                continue
            failpoint("notify.polled")
            expected = log.position(ALERTS, group=GROUP)
            for record, body in _bodies(records, expected=expected):
                if not _deliver(receiver, body, stop, secret=secret):
                    return delivered
                failpoint("notify.delivered")
                if record is not None:
                    subscription.commit([record])
                    delivered += 1
                    failpoint("notify.committed")
    return delivered


def _bodies(records: Sequence[Record], *, expected: int) -> Iterator[tuple[Record | None, bytes]]:
    """Yield the bodies to send for ``records``, after a gap where records from ``expected`` on were deleted."""
    gap = find_gap(ALERTS_STREAM, records, after=expected - 1)
    if gap is not None:
        yield None, json.dumps(gap_body(gap)).encode()
    for record in records:
        yield record, event_line(record)


def _deliver(receiver: Receiver, body: bytes, stop: Stop, *, secret: str | None) -> bool:
    """Try until the alert is accepted. False: a stop was requested first."""
    headers = {"Content-Type": "application/json"}
    if secret is not None:
        headers[SIGNATURE] = f"sha256={hmac.digest(secret.encode(), body, 'sha256').hex()}"
    wait = MIN_WAIT
    while True:
        response = receiver(body, headers)
        if isinstance(response, PostResponse):
            return True
        pause = max(wait, min(response.retry_after or wait, MAX_RETRY_AFTER))
        # A webhook's URL is a secret, and the detail of a redirect contains it.
        reason = response.kind if response.kind is FailureKind.REDIRECT else response.detail
        logger.warning("the webhook did not accept an alert (%s); next try in %s", reason, pause)
        if stop.wait(pause.total_seconds()):
            return False
        wait = min(2 * wait, MAX_WAIT)
