"""news-ingest: turn the world's news feeds into an article database and live topic streams.

::

    Feed ─lease_due─▶ Lease ─fetch─▶ Fetched ─parse_feed─▶ ParsedFeed[Entry…] ─normalise─▶ Article
                        │      └▶ NotModified / Failed                                        │ encode
                        ▼                                                                     ▼
                   outcome(…) ─▶ PollOutcome ─record─▶ feed state                 Message ─append─▶ Record
                                  (always after the append)                                   │ decode
                                                                                              ▼
      stream events ─▶ SSE · tail · Kafka topic per topic  ◀─ persist: identity → story → classify → store

Modules are layers (``pyproject.toml`` holds the contract): vocabulary at the bottom, pure decisions above it,
adapters with one foreign library each, stages that tell the story, one composition root (``app``), and the
command line and HTTP API at the edge.
"""

__version__ = "0.1.0"
