"""Our types as JSON values, the same in the API and on the command line."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

_LINE_ENDS: Final = {ord(character): f"\\u{ord(character):04x}" for character in "\x85\u2028\u2029"}


def jsonable(value: Any) -> Any:
    """Times in ISO 8601 with Z, durations in seconds, ids as text, frozen types as objects."""
    match value:
        case None | bool() | int() | float():
            return value
        case str():
            return str(value)
        case datetime():
            return value.isoformat().replace("+00:00", "Z")
        case timedelta():
            return value.total_seconds()
        case UUID():
            return str(value)
        case Mapping():
            return {str(name): jsonable(item) for name, item in value.items()}
        case set() | frozenset():
            return sorted(jsonable(item) for item in value)
        case list() | tuple():
            return [jsonable(item) for item in value]
    if is_dataclass(value):
        return {field.name: jsonable(getattr(value, field.name)) for field in fields(value)}
    raise TypeError(f"{type(value).__name__} has no form in JSON")


def json_line(value: Any) -> str:
    """One line of compact JSON, also for readers that end lines where ``str.splitlines`` does."""
    return json.dumps(jsonable(value), ensure_ascii=False, separators=(",", ":")).translate(_LINE_ENDS)
