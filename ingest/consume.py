"""Consume the article log into the store: delivery is at least once, and ``persist`` makes it exactly once.

::

    poll ─▶ records ─persist─▶ one transaction in the store ─▶ commit of the group's offsets

The commit comes last. After a crash before the commit the log delivers the records again, and ``persist`` detects the
repeats. A commit before ``persist`` would lose records in a crash.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Final

from ingest.log.api import ARTICLES, Log
from ingest.runtime import Stop, failpoint
from ingest.types import Record

logger = logging.getLogger(__name__)

GROUP: Final = "persist"
POLL_SECONDS: Final = 0.5
"""The longest time until a stop is noticed; records end the poll at once."""


def consume(log: Log, persist: Callable[[Sequence[Record]], object], stop: Stop, *, batch: int) -> int:
    """Pass batches of records to ``persist`` until a stop is requested; return their number.

    Raises:
        Unavailable: the log or the store; a restart resumes at the last commit.
    """
    consumed = 0
    with log.subscribe(ARTICLES, group=GROUP) as subscription:
        failpoint("consume.subscribed")
        while not stop.requested:
            records = subscription.poll(timeout=POLL_SECONDS, limit=batch)
            if not records:
                continue
            failpoint("consume.polled")
            persist(records)
            failpoint("consume.persisted")
            subscription.commit(records)
            failpoint("consume.committed")
            consumed += len(records)
    logger.info("consumer stopped after %d records", consumed)
    return consumed
