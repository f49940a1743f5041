"""The position behind a result page, as an opaque string that is safe in a URL."""

from __future__ import annotations

import base64
import struct
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from ingest.errors import Refused

_FORMAT: Final = struct.Struct(">cq16s")
_FORMAT_VERSION: Final = b"1"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class PageCursor:
    """The position of a result page's last article in the order of all articles."""

    sort_at: datetime
    id: UUID


def encode_cursor(cursor: PageCursor) -> str:
    microseconds = (cursor.sort_at - _EPOCH) // timedelta(microseconds=1)
    packed = _FORMAT.pack(_FORMAT_VERSION, microseconds, cursor.id.bytes)
    return base64.urlsafe_b64encode(packed).decode().rstrip("=")


def decode_cursor(parameter: str, value: str) -> PageCursor:
    """
    Raises:
        Refused: :func:`encode_cursor` did not return this string.
    """
    try:
        packed = base64.b64decode(value + "=" * (-len(value) % 4), altchars=b"-_", validate=True)
        version, microseconds, id_bytes = _FORMAT.unpack(packed)
        cursor = PageCursor(sort_at=_EPOCH + timedelta(microseconds=microseconds), id=UUID(bytes=id_bytes))
    except (ValueError, OverflowError, struct.error):
        version, cursor = b"", None
    if cursor is None or version != _FORMAT_VERSION:
        raise Refused(parameter, value, "the next_cursor of an earlier response, unchanged")
    return cursor
