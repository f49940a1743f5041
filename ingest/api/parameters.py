"""What a route takes: its query parameters by name, each one at most once, nothing else."""

from __future__ import annotations

import re
from collections.abc import Collection

from starlette.requests import Request

from ingest.errors import Refused


def query_parameters(request: Request, *accepted: str) -> dict[str, str]:
    """The query parameters of ``request``.

    Raises:
        Refused: one that the route does not take, or one that is given twice.
    """
    found: dict[str, str] = {}
    for name, value in request.query_params.multi_items():
        if name not in accepted:
            raise Refused("query parameter", name, _names(accepted))
        if name in found:
            raise Refused(name, [found[name], value], "one value")
        found[name] = value
    return found


def required(found: dict[str, str], name: str, accepted: str) -> str:
    """
    Raises:
        Refused: ``name`` was not given, or is empty.
    """
    if not found.get(name):
        raise Refused(name, found.get(name), accepted)
    return found[name]


def read_number(thing: str, value: str, *, least: int, most: int) -> int:
    """
    Raises:
        Refused: not a whole number, or out of bounds.
    """
    if not re.fullmatch(r"[0-9]{1,18}", value) or not least <= int(value) <= most:
        raise Refused(thing, value, f"a whole number from {least} to {most}")
    return int(value)


def _names(accepted: Collection[str]) -> str:
    return f"one of {', '.join(accepted)}" if accepted else "no parameters here"
