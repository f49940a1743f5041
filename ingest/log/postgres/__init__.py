"""The log in PostgreSQL: the embedded log, and in every mode the streams (the outbox of ``persist``).

::

    append_in(tx)   UPDATE log_topics … RETURNING   the counter row: locked until the caller commits,
                    COPY log_records                so offsets are gapless and become visible in order
                    NOTIFY ingest_log               delivered by the commit, to all listening sessions
    poll            one session per member: an advisory lock makes the member the active one of its group,
                    LISTEN wakes it, and polling every second is the safety net. Its reads and commits use
                    the same session, so a member that lost the lock can do neither

The counter row serialises appends to one log topic from their UPDATE to their commit. Keep such transactions
short, and append to several log topics in the order of their names; otherwise two transactions may deadlock.
Transactions must be READ COMMITTED, the default.
"""

from ingest.log.postgres.log import PostgresLog
from ingest.log.postgres.members import PostgresStreamSource, PostgresSubscription
from ingest.log.postgres.records import MAX_VALUE_BYTES
from ingest.log.postgres.session import listen

__all__ = ["MAX_VALUE_BYTES", "PostgresLog", "PostgresStreamSource", "PostgresSubscription", "listen"]
