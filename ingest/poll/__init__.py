"""The poller: takes feeds that are due, appends articles to the log and records one outcome per poll.

::

    lease_due ─▶ leased ─fetch × concurrency─┬─ 304 · failed · same bytes ──────────────────┐
                                             └─ fetched ─parse × parsers, seen_of───────────┤
                                                                                            ▼
               feed state ◀─ record the outcomes ◀─ append the messages ◀─ a batch of finished polls

One event loop runs all of it. The database and the log are used in threads, and documents are parsed in processes.
Outcomes are recorded only when all their messages are durable in the log. After a crash in between, the next poll
brings the same articles again; the opposite order would lose them.

Queues are bounded, so a slow parser slows fetching, and slow fetching slows leasing. Nothing that a remote side does
raises an exception here. A failure of our own infrastructure does, and ends the poller. A restarted poller continues
when the leases have expired.

WebSub (:mod:`ingest.websub`) is known here only by :class:`~ingest.poll.hub_policy.HubPolicy`.

A poller stops in this order: it leases no more; it releases polls that are not begun; polls in flight may finish within
a grace; it cancels the rest; it appends and records what has finished; it releases the rest.
"""

from ingest.append import Appender
from ingest.poll.poller import Poller
from ingest.poll.recorder import PollCounts
from ingest.poll.run import PollSettings

__all__ = ["Appender", "PollCounts", "PollSettings", "Poller"]
