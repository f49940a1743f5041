"""The composition root: the only package that chooses implementations. Tests enter through it, too.

::

    ingest up       Supervisor ─┬─ embedded PostgreSQL            one data folder, one process tree
                                ├─ ingest serve   ─ create_api, serve_api
                                ├─ ingest relay   ─ run_relay     only where the log is Kafka
                                ├─ ingest deliver ─ run_deliver   only where a webhook is set
                                ├─ ingest consume ─ run_consumer
                                └─ ingest poll    ─ run_poller
    a cluster       the same commands, each its own service, as many processes as needed

    database     the embedded or an external PostgreSQL, migrated and with its topics
    logs         the log between the stages, in PostgreSQL or Kafka
    processes    one function for each process of the service
    status       lags, readiness and health
    tree         ``ingest up``
"""

from ingest.app.database import load_topics_file, migrate_database, open_database
from ingest.app.logs import listen_to_log, open_article_log, open_database_log
from ingest.app.processes import (
    discover_feeds,
    host_limits,
    open_poll_process,
    open_retention,
    run_consumer,
    run_deliver,
    run_poller,
    run_relay,
    time_limits,
)
from ingest.app.status import check_health, check_ready, service_status
from ingest.app.tree import RunningTree, child_environment, run_up

__all__ = [
    "RunningTree",
    "check_health",
    "check_ready",
    "child_environment",
    "discover_feeds",
    "host_limits",
    "listen_to_log",
    "load_topics_file",
    "migrate_database",
    "open_article_log",
    "open_database",
    "open_database_log",
    "open_poll_process",
    "open_retention",
    "run_consumer",
    "run_deliver",
    "run_poller",
    "run_relay",
    "run_up",
    "service_status",
    "time_limits",
]
