"""Messages between the service and its parser processes: a length, then a tagged value in MessagePack.

Both ends run the same code, so the messages carry our own types as they are.
"""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from typing import Any, Final, TypeAlias

import msgspec

from ingest.document import Document, PageBody, ParsedDocument, SeenLookup
from ingest.types import Failed, Message, Seen

LENGTH_BYTES: Final = 8
"""Size of the length before each frame, big-endian."""


class ReadDocument(msgspec.Struct, frozen=True, tag=True):
    document: Document


class ReadPage(msgspec.Struct, frozen=True, tag=True):
    page: PageBody


class SeenRows(msgspec.Struct, frozen=True, tag=True):
    """The rows that a :class:`SeenQuery` requested."""

    rows: tuple[Seen, ...]


class Ready(msgspec.Struct, frozen=True, tag=True):
    """The worker has imported its parsers and accepts requests."""


class SeenQuery(msgspec.Struct, frozen=True, tag=True):
    """A document needs rows of its feed's seen-set."""

    lookup: SeenLookup


class DocumentRead(msgspec.Struct, frozen=True, tag=True):
    document: ParsedDocument


class PageRead(msgspec.Struct, frozen=True, tag=True):
    message: Message


class Rejected(msgspec.Struct, frozen=True, tag=True):
    failed: Failed


Request: TypeAlias = ReadDocument | ReadPage | SeenRows
Reply: TypeAlias = Ready | SeenQuery | DocumentRead | PageRead | Rejected

_encoder: Final = msgspec.msgpack.Encoder(uuid_format="bytes")
_requests: Final = msgspec.msgpack.Decoder(Request)
_replies: Final = msgspec.msgpack.Decoder(Reply)


def encode(message: Request | Reply) -> bytearray:
    """The frame of ``message``. Lone surrogates, which headers may contain, are replaced by ``?``."""
    frame = bytearray(LENGTH_BYTES)
    try:
        _encoder.encode_into(message, frame, LENGTH_BYTES)
    except UnicodeEncodeError:
        _encoder.encode_into(_without_surrogates(message), frame, LENGTH_BYTES)
    frame[:LENGTH_BYTES] = (len(frame) - LENGTH_BYTES).to_bytes(LENGTH_BYTES, "big")
    return frame


def decode_request(payload: bytes) -> Request:
    request: Request = _requests.decode(payload)
    return request


def decode_reply(payload: bytes) -> Reply:
    reply: Reply = _replies.decode(payload)
    return reply


def _without_surrogates(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, tuple):
        return tuple([_without_surrogates(item) for item in value])
    if isinstance(value, msgspec.Struct):
        names = value.__struct_fields__
        return msgspec.structs.replace(
            value, **{name: _without_surrogates(getattr(value, name)) for name in names}
        )
    if is_dataclass(value) and not isinstance(value, type):
        changes = {field.name: _without_surrogates(getattr(value, field.name)) for field in fields(value)}
        return replace(value, **changes)
    return value
