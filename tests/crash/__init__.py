"""The crash harness kills the service's real processes, its database and its broker at every failpoint.

::

    feed world ──▶ ingest poll ──▶ log ──▶ ingest consume ──▶ store + streams ──▶ ingest relay ──▶ Kafka
    (news.py: what       │                      │                   │                  │
     was published)      └─────── each labelled step asks the harness: go on, or die ──┘
                                                                    └──▶ ingest serve ──▶ one subscriber

    published = stored = on the streams = received by the subscriber = on Kafka, each once, in order

``python -m tests.crash --help``; docs/guarantees.md says what is shown by it.
"""
