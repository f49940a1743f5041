"""The demo: feeds written for this project, served by a real local HTTP server (:mod:`ingest.demo.world`).

::

    outlets/*.toml ─read─▶ Edition… ─render─▶ Version… ─▶ FeedWorld (HTTP) ◀─polls─ the service

The tests use the same server, with more faults and with recorded or generated feeds, as their *feed world*.
"""
