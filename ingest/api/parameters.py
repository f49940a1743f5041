"""Query parameters of a request: each by name, at most once, and no others."""

from __future__ import annotations

import re
from collections.abc import Collection

from starlette.requests import Request

from ingest.errors import Refused


def query_parameters(request: Request, *accepted: str) -> dict[str, str]:
    """Return the query parameters of a request.

    Raises:
        Refused: a parameter is not one of ``accepted``, or occurs twice.
    """
    values: dict[str, str] = {}
    for name, value in request.query_params.multi_items():
        if name not in accepted:
            raise Refused("query parameter", name, _names(accepted))
        if name in values:
            raise Refused(name, [values[name], value], "one value")
        values[name] = value
    return values


def required(values: dict[str, str], name: str, accepted: str) -> str:
    """Return the value of a parameter that must be present.

    Raises:
        Refused: the parameter is missing or empty.
    """
    if not values.get(name):
        raise Refused(name, values.get(name), accepted)
    return values[name]


def read_number(thing: str, value: str, *, least: int, most: int) -> int:
    """Return a whole number within bounds.

    Raises:
        Refused: not a whole number, or out of bounds.
    """
    if not re.fullmatch(r"[0-9]{1,18}", value) or not least <= int(value) <= most:
        raise Refused(thing, value, f"a whole number from {least} to {most}")
    return int(value)


def _names(accepted: Collection[str]) -> str:
    return f"one of {', '.join(accepted)}" if accepted else "no parameters here"
