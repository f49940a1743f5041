"""A relay to be killed: ``python -m tests.relay.process DATABASE_URL BOOTSTRAP NAME``; stops on SIGTERM."""

from __future__ import annotations

import os
import sys

from ingest import relay, runtime
from ingest.db.engine import open_engine
from ingest.log.kafka import KafkaStreamTarget
from ingest.log.postgres import PostgresStreamSource


def main() -> None:
    database_url, bootstrap, name = sys.argv[1:]
    if runtime.CRASH_SOCKET in os.environ:
        runtime.connect_crash_harness(os.environ[runtime.CRASH_SOCKET])
    stop = runtime.Stop()
    stop.install_signal_handlers()
    engine = open_engine(database_url)
    with (
        PostgresStreamSource(engine) as source,
        KafkaStreamTarget(bootstrap, replication=1, transactional_id=name) as target,
    ):
        relay.run(source, target, stop, batch=7)


if __name__ == "__main__":
    main()
