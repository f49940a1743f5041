"""Elements of the description: primitive schemas, parameters, operations and responses."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

TEXT: Final = {"type": "string"}
TEXT_OR_NULL: Final = {"type": ["string", "null"]}
TEXTS: Final = {"type": "array", "items": TEXT}
NUMBER: Final = {"type": "integer"}
NUMBER_OR_NULL: Final = {"type": ["integer", "null"]}
SECONDS: Final = {"type": "number", "description": "in seconds"}
FLAG: Final = {"type": "boolean"}
ID: Final = {"type": "string", "format": "uuid"}
TIME: Final = {"type": "string", "format": "date-time"}
TIME_OR_NULL: Final = {"type": ["string", "null"], "format": "date-time"}
CURSOR: Final = {"type": "integer", "minimum": 0}
ANY: Final[dict[str, Any]] = {}

_ERROR_DESCRIPTIONS: Final = {
    400: "a parameter is not accepted",
    404: "the resource that the path or a parameter names does not exist",
    503: "the database or the log is not available, or this process has too many open streams",
}
_NO_RESPONSES: Final[Mapping[int, dict[str, Any]]] = MappingProxyType({})


def get(
    name: str,
    summary: str,
    schema: dict[str, Any],
    *parameters: dict[str, Any],
    media: str = "application/json",
    errors: tuple[int, ...] = (400, 503),
    also: Mapping[int, dict[str, Any]] = _NO_RESPONSES,
) -> dict[str, Any]:
    """Return a GET operation. ``errors`` have the common error body; ``also`` are responses with other bodies."""
    responses = {200: response("success", schema, media=media), **also}
    responses |= {status: response(_ERROR_DESCRIPTIONS[status], ref("Error")) for status in errors}
    operation = {
        "operationId": name,
        "summary": summary,
        "parameters": list(parameters),
        "responses": {str(status): responses[status] for status in sorted(responses)},
    }
    return {"get": operation}


def response(description: str, schema: dict[str, Any], *, media: str = "application/json") -> dict[str, Any]:
    """Return a response with one media type."""
    return {"description": description, "content": {media: {"schema": schema}}}


def query(
    name: str, schema: dict[str, Any], description: str = "", *, required: bool = False
) -> dict[str, Any]:
    """Return a query parameter."""
    return {"name": name, "in": "query", "schema": schema, "description": description, "required": required}


def path(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    """Return a path parameter."""
    return {"name": name, "in": "path", "schema": schema, "required": True}


def last_event_id() -> dict[str, Any]:
    """Return the header parameter of a stream."""
    return {
        "name": "Last-Event-ID",
        "in": "header",
        "schema": CURSOR,
        "description": "like after, and takes precedence over it: clients send it when they reconnect",
    }


def ref(name: str) -> dict[str, Any]:
    """Return a reference to a component schema."""
    return {"$ref": f"#/components/schemas/{name}"}


def array(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of an array."""
    return {"type": "array", "items": schema}


def record(properties: dict[str, Any], *, optional: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return the schema of an object with exactly these properties."""
    required = [name for name in properties if name not in optional]
    return {"type": "object", "required": required, "properties": properties, "additionalProperties": False}


def embedded(schema: dict[str, Any]) -> dict[str, Any]:
    """Return a standalone JSON Schema as a component, without its ``$schema`` and ``$id``."""
    return {name: value for name, value in schema.items() if name not in {"$schema", "$id"}}
