"""The poller: feeds that are due in, articles in the log and an outcome for every poll out.

::

    lease_due ─▶ leased ─fetch × concurrency─┬─ 304 · failed · same bytes ─────────────────┐
                                             └─ fetched ─digest × parsers, seen_of─────────┤
                                                                                           ▼
               feed state ◀─ record the outcomes ◀─ append the messages ◀─ a batch of ended polls

One event loop moves all of it; the database and the log are used in threads, parsing in processes of its own.
Outcomes are recorded only when every message of theirs is durable in the log: a crash in between makes the
next poll bring the same articles again, where the opposite order would lose them.

Queues are bounded, so a slow parser slows fetching, and fetching slows leasing. A remote side cannot make any
of this raise; what does is our own infrastructure, and ends the poller. A restart goes on when the leases ran
out.

Beside it, where hubs can reach us, :mod:`ingest.websub` asks them and reads what they sent.

Stopping, in this order: no more leases; polls not begun are given back; those under way may end within a
grace; the rest is cancelled; what has ended is appended and recorded; the rest is given back.
"""

from ingest.append import Appender
from ingest.poll.poller import Poller
from ingest.poll.recorder import PollCounts

__all__ = ["Appender", "PollCounts", "Poller"]
