"""The position behind a result page, as an opaque string that is safe in a URL.

The first byte is the format: ``1`` by date, ``2`` by relevance.
"""

from __future__ import annotations

import base64
import struct
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from ingest.errors import Refused

_BY_DATE: Final = struct.Struct(">cq16s")
_BY_RELEVANCE: Final = struct.Struct(">cdq16sqq?")
_DATE_FORMAT: Final = b"1"
_RELEVANCE_FORMAT: Final = b"2"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class PageCursor:
    """The position of a result page's last article in the order of all articles."""

    sort_at: datetime
    id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class RankCursor:
    """The position of a result page's last article in the ranking of the articles of a range of dates."""

    score: float
    """The relevance, with every digit that the database returns: it is compared with the scores of the next page."""
    sort_at: datetime
    id: UUID
    newest: datetime
    """``sort_at`` of the newest ranked article."""
    oldest: datetime
    """``sort_at`` of the oldest ranked article."""
    bounded: bool
    """Whether older articles may match, which were not ranked."""


def encode_cursor(cursor: PageCursor | RankCursor) -> str:
    if isinstance(cursor, PageCursor):
        packed = _BY_DATE.pack(_DATE_FORMAT, _microseconds(cursor.sort_at), cursor.id.bytes)
    else:
        packed = _BY_RELEVANCE.pack(
            _RELEVANCE_FORMAT,
            cursor.score,
            _microseconds(cursor.sort_at),
            cursor.id.bytes,
            _microseconds(cursor.newest),
            _microseconds(cursor.oldest),
            cursor.bounded,
        )
    return base64.urlsafe_b64encode(packed).decode().rstrip("=")


def decode_cursor(parameter: str, value: str) -> PageCursor | RankCursor:
    """
    Raises:
        Refused: :func:`encode_cursor` did not return this string.
    """
    try:
        packed = base64.b64decode(value + "=" * (-len(value) % 4), altchars=b"-_", validate=True)
        cursor = _unpack(packed)
    except (ValueError, OverflowError, struct.error):
        cursor = None
    if cursor is None:
        raise Refused(parameter, value, "the next_cursor of an earlier response, unchanged")
    return cursor


def _unpack(packed: bytes) -> PageCursor | RankCursor | None:
    if packed[:1] == _DATE_FORMAT:
        _, at, id_bytes = _BY_DATE.unpack(packed)
        return PageCursor(sort_at=_time(at), id=UUID(bytes=id_bytes))
    if packed[:1] == _RELEVANCE_FORMAT:
        _, score, at, id_bytes, newest, oldest, bounded = _BY_RELEVANCE.unpack(packed)
        return RankCursor(
            score=score,
            sort_at=_time(at),
            id=UUID(bytes=id_bytes),
            newest=_time(newest),
            oldest=_time(oldest),
            bounded=bounded,
        )
    return None


def _microseconds(time: datetime) -> int:
    return (time - _EPOCH) // timedelta(microseconds=1)


def _time(microseconds: int) -> datetime:
    return _EPOCH + timedelta(microseconds=microseconds)
