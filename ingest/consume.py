"""The consumer: from the log into the store, at least once, which ``persist`` makes exactly once.

::

    poll ─▶ records ─persist─▶ one transaction in the store ─▶ commit: the group goes on after them

The commit comes last: a crash anywhere before it delivers the records again, and persist takes a repeat for
what it is. Committing first would lose them.
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
"""A stop is noticed this fast; records wake the poll at once."""


def consume(log: Log, persist: Callable[[Sequence[Record]], object], stop: Stop, *, batch: int) -> int:
    """Feed ``persist`` until a stop is requested; returns how many records it took.

    Raises:
        Unavailable: the log or the store; a restart resumes at the last commit.
    """
    taken = 0
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
            taken += len(records)
    logger.info("consumer stopped after %d records", taken)
    return taken
