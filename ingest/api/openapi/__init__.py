"""The description of the API, OpenAPI 3.1, one module per resource.

It is written by hand. A test compares it with the routes and with real responses.
"""

from ingest.api.openapi.document import describe_api

__all__ = ["describe_api"]
