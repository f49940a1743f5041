"""The column table of a feed's memory: each row maps one column of ``feeds`` to one value of the memory.

The statements that read the memory (with a lease) and write it (with an outcome), and a feed's view, are generated from
:data:`MEMORY`. A new value of the memory needs a field in :mod:`ingest.types.memory`, a column in
:mod:`ingest.db.tables`, and a row here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, Final, get_args, get_type_hints

from ingest.db.engine import pg_text
from ingest.db.feed_codecs import (
    decode_poll_hints,
    decode_publish_gaps,
    decode_site_identity,
    decode_user_agent_trial,
    encode_poll_hints,
    encode_publish_gaps,
    encode_site_identity,
    encode_user_agent_trial,
)
from ingest.db.tables import feeds
from ingest.types import FeedMemory, FeedState, PollOutcome, PollResult


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryColumn:
    """One column of ``feeds`` that holds a value of the memory."""

    name: str
    path: str
    """The value in :class:`ingest.types.FeedMemory`: a field, or a field of a field."""
    encode: Callable[[Any], Any] | None = None
    """None: the value is stored as it is."""
    decode: Callable[[Any], Any] | None = None
    document_only: bool = False
    """Written only where a document was parsed. Encoding these values for each 304 would take longer than deciding its
    outcome."""


MEMORY: Final = (
    MemoryColumn(name="interval", path="interval"),
    MemoryColumn(name="etag", path="validators.etag"),
    MemoryColumn(name="last_modified", path="validators.last_modified"),
    MemoryColumn(name="validators_unreliable", path="validators.unreliable"),
    MemoryColumn(name="body_hash", path="body.hash"),
    MemoryColumn(name="last_body_at", path="body.at"),
    MemoryColumn(name="entries", path="body.entries"),
    MemoryColumn(name="parser_version", path="body.parser_version"),
    MemoryColumn(name="publish_rate_entries", path="publish_rate.entries"),
    MemoryColumn(name="publish_rate_hours", path="publish_rate.hours"),
    MemoryColumn(
        name="publish_gaps",
        path="publish_gaps",
        encode=encode_publish_gaps,
        decode=decode_publish_gaps,
        document_only=True,
    ),
    MemoryColumn(
        name="poll_hints",
        path="poll_hints",
        encode=encode_poll_hints,
        decode=decode_poll_hints,
        document_only=True,
    ),
    MemoryColumn(
        name="site_identity",
        path="site.identity",
        encode=encode_site_identity,
        decode=decode_site_identity,
        document_only=True,
    ),
    MemoryColumn(name="site_changed_reason", path="site.changed_reason", encode=pg_text),
    MemoryColumn(name="moved_to", path="move.to"),
    MemoryColumn(name="moved_since", path="move.since"),
    MemoryColumn(name="state", path="health.state", encode=str, decode=FeedState),
    MemoryColumn(name="state_since", path="health.since"),
    MemoryColumn(name="state_reason", path="health.reason", encode=pg_text),
    MemoryColumn(name="failures", path="health.failures"),
    MemoryColumn(name="succeeded_at", path="health.succeeded_at"),
    MemoryColumn(
        name="user_agent_trial",
        path="user_agent_trial",
        encode=encode_user_agent_trial,
        decode=decode_user_agent_trial,
    ),
)
"""All columns of the memory, in the order in which :func:`read_memory` expects their values."""
MEMORY_SELECT: Final = ", ".join(f'feeds."{column.name}"' for column in MEMORY)
"""The columns for a SELECT or RETURNING list."""


_Values = Sequence[Any] | Mapping[int, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Group:
    """A field of the memory whose value is a type of its own with a column for each field."""

    type: type
    optional: bool
    """The field is None where any of its columns is NULL."""
    fields: tuple[tuple[str, int, Callable[[Any], Any] | None], ...]
    """Name, position of the column and decoder."""


def _groups() -> dict[str, _Group]:
    hints = get_type_hints(FeedMemory)
    groups: dict[str, _Group] = {}
    for name in dict.fromkeys(column.path.partition(".")[0] for column in MEMORY if "." in column.path):
        types = [each for each in get_args(hints[name]) or (hints[name],) if each is not type(None)]
        members = tuple(
            (column.path.partition(".")[2], position, column.decode)
            for position, column in enumerate(MEMORY)
            if column.path.startswith(f"{name}.")
        )
        groups[name] = _Group(type=types[0], optional=len(get_args(hints[name])) > 1, fields=members)
    return groups


_GROUPS: Final = _groups()
_FIELDS: Final = tuple(
    (column.path, position, column.decode) for position, column in enumerate(MEMORY) if "." not in column.path
)


def read_memory(values: Sequence[Any]) -> FeedMemory:
    """Decode the values of the columns of :data:`MEMORY`, in its order."""
    memory = _decoded(values, _FIELDS)
    for name, group in _GROUPS.items():
        memory[name] = _read_group(group, values)
    return FeedMemory(**memory)


def read_group(name: str, row: Mapping[Any, Any]) -> Any:
    """Decode one field of the memory with several columns from a row that has them by name."""
    return _read_group(
        _GROUPS[name], {position: row[MEMORY[position].name] for _, position, _ in _GROUPS[name].fields}
    )


def write_memory(outcomes: Iterable[PollOutcome]) -> dict[str, list[Any]]:
    """Encode the memories of outcomes: one array for each column, named ``memory_`` and the column."""
    outcomes = list(outcomes)
    arrays: dict[str, list[Any]] = {}
    for column in MEMORY:
        get, encode = _GETTERS[column.name], column.encode
        if column.document_only and encode is not None:
            arrays[f"memory_{column.name}"] = [
                encode(get(each)) if each.result is PollResult.FETCHED else None for each in outcomes
            ]
        elif encode is None:
            arrays[f"memory_{column.name}"] = list(map(get, outcomes))
        else:
            arrays[f"memory_{column.name}"] = [encode(get(each)) for each in outcomes]
    return arrays


def memory_assignments(source: str) -> str:
    """Return the SET list that stores the memory from the columns ``memory_…`` of ``source``."""
    fetched = f"{source}.result = '{PollResult.FETCHED}'"
    return ", ".join(
        f'"{column.name}" = CASE WHEN {fetched} THEN {source}.memory_{column.name} ELSE feeds."{column.name}" END'
        if column.document_only
        else f'"{column.name}" = {source}.memory_{column.name}'
        for column in MEMORY
    )


MEMORY_TYPES: Final = {f"memory_{column.name}": feeds.c[column.name].type for column in MEMORY}
"""The SQL types of the arrays of :func:`write_memory`."""


def _read_group(group: _Group, values: _Values) -> Any:
    members = _decoded(values, group.fields)
    return None if group.optional and None in members.values() else group.type(**members)


def _decoded(
    values: _Values, fields: Iterable[tuple[str, int, Callable[[Any], Any] | None]]
) -> dict[str, Any]:
    return {
        name: values[position] if decode is None else decode(values[position])
        for name, position, decode in fields
    }


def _getter(column: MemoryColumn) -> Callable[[PollOutcome], Any]:
    name, _, member = column.path.partition(".")
    if not member or not _GROUPS[name].optional:
        return attrgetter(f"memory.{column.path}")
    whole, part = attrgetter(f"memory.{name}"), attrgetter(member)
    return lambda outcome: None if (value := whole(outcome)) is None else part(value)


_GETTERS: Final = {column.name: _getter(column) for column in MEMORY}
