"""The whole OpenAPI document, assembled from the descriptions of each resource."""

from __future__ import annotations

from typing import Any

from ingest import __version__
from ingest.api.openapi import articles, feeds, service, streams


def describe_api() -> dict[str, Any]:
    """Return the OpenAPI document."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "news-ingest",
            "version": __version__,
            "summary": "The article database and the live topic streams.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": {**articles.PATHS, **streams.PATHS, **feeds.PATHS, **service.PATHS},
        "components": {
            "schemas": {**articles.SCHEMAS, **streams.SCHEMAS, **feeds.SCHEMAS, **service.SCHEMAS}
        },
    }
