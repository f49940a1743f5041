"""How commands print: JSON for programs, times and marks for people."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, is_dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import click


def print_json(value: Any) -> None:
    """One JSON document, for people too: indented."""
    click.echo(json.dumps(plain(value), ensure_ascii=False, indent=2))


def plain(value: Any) -> Any:
    """``value`` as JSON has it: times in ISO 8601, durations in seconds, bytes as text (undecodable ones replaced)."""
    if is_dataclass(value) and not isinstance(value, type):
        return plain(asdict(value))
    if isinstance(value, Mapping):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(inner) for inner in value]
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, bytes | memoryview):
        return bytes(value).decode("utf-8", "replace")
    return value


def when(time: datetime | None) -> str:
    """A time for people, in UTC to the second."""
    return "never" if time is None else f"{time:%Y-%m-%d %H:%M:%S}Z"


def heading(text: str) -> None:
    click.secho(text, bold=True)
