"""The HTTP API: articles, topic streams (Server-Sent Events), feeds, the ledger, health and metrics.

::

    application   routes and what is around them: create_api
    server        an address, uvicorn, an orderly stop: serve_api
    articles topics feeds service     handlers; they read in threads, and every parameter is checked first
    live ─▶ sse   one listener and one reader a stream for all its subscribers
    openapi       the description, held equal to the routes by a test
"""

from ingest.api.application import create_api
from ingest.api.server import serve_api

__all__ = ["create_api", "serve_api"]
