"""news-ingest: turn the world's news feeds into an article database and live topic streams.

::

    Feed ─lease_due─▶ Lease ─fetch─▶ Fetched ─parse_feed─▶ ParsedFeed[Entry…] ─normalise─▶ Article
                        │      └▶ NotModified / Failed                                        │ encode
                        ▼                                                                     ▼
                   outcome(…) ─▶ PollOutcome ─record─▶ feed state                 Message ─append─▶ Record
                                  (always after the append)                                   │ decode
                                                                                              ▼
      stream events ─▶ SSE · tail · Kafka log topic per topic  ◀─ persist: identity → story → classify → store

Modules are layers (``pyproject.toml`` holds the contract): vocabulary at the bottom, then pure decisions, adapters with
one foreign library each, stages with one loop or process each, use cases, one composition root (``app``), and the HTTP
API and command line at the edge.
"""

__version__ = "0.1.0"
