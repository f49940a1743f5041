"""Delivers alerts to a webhook: each of them, in order, at least once.

::

    stream of the alerts ─subscription: one is active─▶ POST, signed ─2xx─▶ commit
                                                           └ else: the same again, later and later

Nothing overtakes an alert that is not taken: a receiver that has been away finds out what happened, in the order in
which it happened. The cursor in the body tells a repeat. What waits is the lag of the group ``webhook``, in the
metrics and in ``ingest status``. What retention took before it could be delivered is told as a gap.
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
from ingest.streams import missing, served
from ingest.types import Failed, FailureKind, PostResponse, Record

logger = logging.getLogger(__name__)

GROUP: Final = "webhook"
SIGNATURE: Final = "X-Ingest-Signature"
POLL_SECONDS: Final = 0.5
BATCH: Final = 100
MIN_WAIT: Final = timedelta(seconds=1)
MAX_WAIT: Final = timedelta(minutes=5)
"""Between two tries of one alert; a receiver that asks for more with Retry-After gets it, up to an hour."""
MAX_RETRY_AFTER: Final = timedelta(hours=1)


class AlertLog(Protocol):
    """What of the Postgres log it needs."""

    def subscribe(self, topic: str, *, group: str) -> AbstractContextManager[Subscription]: ...

    def position(self, topic: str, *, group: str) -> int: ...


class Receiver(Protocol):
    """Who takes alerts: one try."""

    def __call__(self, body: bytes, headers: Mapping[str, str], /) -> PostResponse | Failed: ...


def deliver_alerts(log: AlertLog, receiver: Receiver, stop: Stop, *, secret: str | None) -> int:
    """Deliver until a stop is requested; returns how many alerts were taken.

    With a ``secret`` each body is signed: ``X-Ingest-Signature: sha256=`` and its HMAC (RFC 2104) in hexadecimal.

    Raises:
        Unavailable: the database; a restart goes on with the first alert that was not taken.
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
    """What there is to send for ``records``: first what is no longer held, from ``expected`` on."""
    gap = missing(ALERTS_STREAM, records, after=expected - 1)
    if gap is not None:
        yield None, json.dumps(gap.body()).encode()
    for record in records:
        yield record, served(record)


def _deliver(receiver: Receiver, body: bytes, stop: Stop, *, secret: str | None) -> bool:
    """Try until it is taken; False: a stop was requested first."""
    headers = {"Content-Type": "application/json"}
    if secret is not None:
        headers[SIGNATURE] = f"sha256={hmac.digest(secret.encode(), body, 'sha256').hex()}"
    wait = MIN_WAIT
    while True:
        said = receiver(body, headers)
        if isinstance(said, PostResponse):
            return True
        pause = max(wait, min(said.retry_after or wait, MAX_RETRY_AFTER))
        # Whoever knows the address of a webhook may post there; what is said of a redirect names it.
        why = said.kind if said.kind is FailureKind.REDIRECT else said.detail
        logger.warning("the webhook did not take an alert (%s); again in %s", why, pause)
        if stop.wait(pause.total_seconds()):
            return False
        wait = min(2 * wait, MAX_WAIT)
