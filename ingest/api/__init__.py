"""The HTTP API: articles, topic streams (Server-Sent Events), feeds, ledger, health and metrics.

::

    application   routes, middleware and error handlers: create_api
    server        socket, uvicorn and an orderly stop: serve_api
    articles topics feeds service     handlers: they check every parameter, then read in threads
    websub        callbacks of hubs
    live ─▶ sse   one listener per process and one reader per stream, shared by all subscribers
    openapi       the description; a test compares it with the routes
"""

from ingest.api.application import create_api
from ingest.api.server import serve_api

__all__ = ["create_api", "serve_api"]
