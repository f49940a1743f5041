"""The column table of a feed's memory: each row maps one column of ``feeds`` to one value of the memory.

The statements that read the memory (with a lease) and write it (with an outcome), and a feed's view, are generated from
:data:`MEMORY`. A new value of the memory needs a field in :mod:`ingest.types.memory`, a column in
:mod:`ingest.db.tables`, and a row here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from typing import Any, Final, get_args, get_type_hints

from ingest.db.engine import pg_text
from ingest.db.feed_codecs import (
    decode_entry_identity,
    decode_poll_hints,
    decode_publish_gaps,
    decode_site_identity,
    decode_user_agent_trial,
    encode_entry_identity,
    encode_poll_hints,
    encode_publish_gaps,
    encode_site_identity,
    encode_user_agent_trial,
)
from ingest.db.tables import feeds
from ingest.types import FeedMemory, FeedState, PollOutcome, PollResult, PublishRate


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


MEMORY: Final[tuple[MemoryColumn, ...]] = (
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
    MemoryColumn(
        name="entry_identity",
        path="entry_identity",
        encode=encode_entry_identity,
        decode=decode_entry_identity,
        document_only=True,
    ),
)
"""All columns of the memory. The columns of one field of the memory follow each other."""
MEMORY_SELECT: Final = ", ".join(f'feeds."{column.name}"' for column in MEMORY)
"""The columns for a SELECT or RETURNING list."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Group:
    """A field of the memory whose value is a type of its own with a column for each field."""

    type: type
    optional: bool
    """The field is None where any of its columns is NULL."""
    names: tuple[str, ...]
    """The type's fields in the order of their columns."""
    columns: slice
    """Their positions in :data:`MEMORY`."""

    def build(self, values: Sequence[Any]) -> Any:
        """Return the field's value from the decoded values of its columns."""
        if self.optional and None in values:
            return None
        return self.type(**dict(zip(self.names, values, strict=True)))


def _groups() -> dict[str, _Group]:
    hints = get_type_hints(FeedMemory)
    groups: dict[str, _Group] = {}
    start = 0
    for field, columns in groupby(MEMORY, key=lambda column: column.path.partition(".")[0]):
        names = tuple([column.path.partition(".")[2] for column in columns])
        if all(names):
            types = [each for each in get_args(hints[field]) or (hints[field],) if each is not type(None)]
            groups[field] = _Group(
                type=types[0],
                optional=len(get_args(hints[field])) > 1,
                names=names,
                columns=slice(start, start + len(names)),
            )
        start += len(names)
    return groups


_GROUPS: Final = _groups()
_DECODERS: Final = tuple(
    (position, column.decode) for position, column in enumerate(MEMORY) if column.decode is not None
)
_FIELDS: Final = tuple(
    (column.path, position) for position, column in enumerate(MEMORY) if "." not in column.path
)


def read_memory(values: Sequence[Any]) -> FeedMemory:
    """Decode the values of the columns of :data:`MEMORY`, in its order."""
    decoded = list(values)
    for position, decode in _DECODERS:
        decoded[position] = decode(decoded[position])
    memory = {name: decoded[position] for name, position in _FIELDS}
    for name, group in _GROUPS.items():
        memory[name] = group.build(decoded[group.columns])
    return FeedMemory(**memory)


def read_rate(row: Mapping[Any, Any]) -> PublishRate | None:
    """Return the publishing rate of a row that has its columns by name."""
    group = _GROUPS["publish_rate"]
    rate: PublishRate | None = group.build([row[column.name] for column in MEMORY[group.columns]])
    return rate


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


def _getter(column: MemoryColumn) -> Callable[[PollOutcome], Any]:
    name, _, member = column.path.partition(".")
    if not member or not _GROUPS[name].optional:
        return attrgetter(f"memory.{column.path}")
    whole, part = attrgetter(f"memory.{name}"), attrgetter(member)
    return lambda outcome: None if (value := whole(outcome)) is None else part(value)


_GETTERS: Final = {column.name: _getter(column) for column in MEMORY}
