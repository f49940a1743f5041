"""The demo: feeds written for this project, played by a real local HTTP server (:mod:`ingest.demo.world`).

::

    outlets/*.toml ─read─▶ Edition… ─render─▶ Version… ─▶ FeedWorld (HTTP) ◀─polls─ the service, as in real life

The same server, with harsher faults and recorded or generated feeds, is the *feed world* of the tests.
"""
