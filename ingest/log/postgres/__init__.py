"""The log in Postgres: the embedded log, and in every mode the streams (the outbox of ``persist``).

::

    append_in(tx)   UPDATE log_topics … RETURNING   the counter row: held until the caller commits,
                    COPY log_records                so offsets are gapless and become visible in order
                    NOTIFY ingest_log               delivered by the commit, to whoever waits
    poll            one session per member: an advisory lock makes it the active member of its group,
                    LISTEN wakes it, a look every second is the safety net, and its reads and commits go
                    through that same session: whoever loses the lock can do neither

The counter row makes appends to one log topic wait for each other from their UPDATE to their commit: keep
such transactions short, and append to several log topics in the order of their names, or two may deadlock.
Transactions must be READ COMMITTED, the default.
"""

from ingest.log.postgres.log import PostgresLog
from ingest.log.postgres.members import PostgresStreamSource, PostgresSubscription
from ingest.log.postgres.records import MAX_VALUE_BYTES
from ingest.log.postgres.session import listen

__all__ = ["MAX_VALUE_BYTES", "PostgresLog", "PostgresStreamSource", "PostgresSubscription", "listen"]
