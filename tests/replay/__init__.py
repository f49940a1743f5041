"""The replay: every recorded poll of the corpus through the whole service, then a comparison of the result.

::

    Recording ─▶ FeedWorld ─HTTP─▶ Poller ─▶ log (Postgres or Kafka) ─▶ `ingest consume` ─▶ Postgres
        │        one version a feed                                                            │
        │        and round                                                                     ▼
        ├─ polls-2020-expected ──▶ judge ◀── what is stored, sent, on the stream  ◀── stored.read
        └─ what feedparser reads ──┘ └─▶ figures, a report of every disagreement by its name

``python -m tests.replay --log both`` plays each log three times: with everything stopped and started in the
middle, again over the same database (nothing may be added), and without a stop into a fresh database (the
same must come of it). Anything lost, stored twice or unexplained makes the exit code 1.
"""
