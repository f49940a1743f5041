"""The wire format of ``news.articles``: one article as JSON, ``"v": 1``.

Unknown fields are ignored, so that a newer producer may add some; a record of another version, or with a
field that is not what the table below says, is :class:`~ingest.errors.Unusable` and says which.
:func:`json_schema` is built from the same table, so that what we publish is what we check.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from ingest.errors import Unusable
from ingest.identity import with_authors
from ingest.types import Article, Attribution, Message, PageSource, Record

VERSION: Final = 1
_BIGINT: Final = 2**63 - 1


def encode(article: Article) -> Message:
    """The message that carries ``article``; its key is the article id, so all versions keep their order."""
    attribution = article.attribution
    body: dict[str, Any] = {
        "v": VERSION,
        "id": str(article.id),
        "feed_id": article.feed_id,
        "feed_url": article.feed_url,
        "poll_id": article.poll_id,
        "entry_key": article.entry_key.hex(),
        "content_hash": with_authors(article.content_hash, article.authors).hex(),
        "seen_at": article.seen_at.isoformat(),
        "url": article.url,
        "guid": article.guid,
        "title": article.title,
        "authors": article.authors,
        "publisher": article.publisher,
        "source": article.source,
        "attribution": None
        if attribution is None
        else {
            "author": attribution.author,
            "publisher": attribution.publisher,
            "url": attribution.url,
            "evidence": attribution.evidence,
        },
        "summary": article.summary,
        "text": article.text,
        "html": article.html,
        "language": article.language,
        "categories": article.categories,
        "image": article.image,
        "published_at": None if article.published_at is None else article.published_at.isoformat(),
        "updated_at": None if article.updated_at is None else article.updated_at.isoformat(),
    }
    if article.link is not None:
        body["link"] = article.link
    if article.page is not None:
        page = article.page
        version = with_authors(page.content_hash, article.authors)
        body["page"] = {"id": page.id, "content_hash": version.hex(), "url": page.url}
    return Message(key=str(article.id), value=_dump(body).encode())


def content_key(message: Message) -> bytes:
    """What a message that :func:`encode` made says, whichever poll made it and when."""
    body = json.loads(message.value)
    del body["poll_id"], body["seen_at"]
    return _dump(body).encode()


_dump: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def decode(record: Record) -> Article:
    """The article in ``record``.

    Raises:
        Unusable: not JSON, another version, a field that is missing or not what it should be, or a key that is not
            the article's id.
    """
    try:
        body = json.loads(record.value)
    except (ValueError, RecursionError) as error:
        raise _unusable(record, f"the value is not JSON ({error})") from None
    if not isinstance(body, dict):
        raise _unusable(record, "the value is not a JSON object")
    version = body.get("v")
    if version != VERSION or isinstance(version, bool):
        raise _unusable(record, f"version {_shown(version)} is unknown; this code reads version {VERSION}")
    values: dict[str, Any] = {}
    for name, kind in _FIELDS:
        value = body.get(name)
        try:
            values[name] = kind.read(value)
        except (ValueError, TypeError, OverflowError) as error:
            found = "is missing" if name not in body else f"is {_shown(value)}"
            because = f" ({error})" if isinstance(error, _InsideError) else ""
            raise _unusable(record, f"field {name} {found}; expected {kind.expected}{because}") from None
    # On the wire digests are of titles and texts alone, as in the records of pollers that did not count authors yet.
    values["content_hash"] = with_authors(values["content_hash"], values["authors"])
    page = values["page"]
    if page is not None:
        values["page"] = replace(page, content_hash=with_authors(page.content_hash, values["authors"]))
    article = Article(**values)
    if record.key != str(article.id):
        raise _unusable(record, f"field id is {article.id}, but the record's key is {_shown(record.key)}")
    return article


def json_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of a message's value."""
    properties: dict[str, Any] = {"v": {"const": VERSION, "description": "version of this format"}}
    properties |= {name: kind.schema for name, kind in _FIELDS}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:news-ingest:article:1",
        "title": "Article",
        "description": "One version of one article, as news.articles carries it. Unknown fields are ignored.",
        "type": "object",
        "required": ["v", *(name for name, kind in _FIELDS if not kind.optional)],
        "properties": properties,
        "additionalProperties": True,
    }


def _unusable(record: Record, why: str) -> Unusable:
    return Unusable(f"record {record.topic}/{record.partition}/{record.offset}", why)


def _shown(value: object) -> str:
    shown = repr(value)
    return shown if len(shown) <= 80 else f"{shown[:80]}…"


class _InsideError(ValueError):
    """What is wrong within a field, worth saying."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kind:
    """How a field is read, what it is said to be, and its schema. An optional one may be null or left out."""

    read: Callable[[Any], Any]
    expected: str
    schema: dict[str, Any]
    optional: bool = False


def _read_text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    # Neither can be stored in PostgreSQL (docs, §8.3), and no producer of ours lets them through.
    if "\0" in value:
        raise _InsideError("it contains a NUL character")
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise _InsideError("it contains a lone surrogate") from None
    return value


def _read_number(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= _BIGINT:
        raise TypeError
    return value


def _read_hash(value: Any) -> bytes:
    if not isinstance(value, str) or len(value) != 32:
        raise TypeError
    read = bytes.fromhex(value)
    if len(read) != 16:
        raise ValueError
    return read


def _read_id(value: Any) -> UUID:
    if not isinstance(value, str) or len(value) != 36:
        raise TypeError
    return UUID(value)


def _read_time(value: Any) -> datetime:
    if not isinstance(value, str):
        raise TypeError
    read = datetime.fromisoformat(value)
    if read.tzinfo is None:
        raise _InsideError("it has no offset from UTC")
    return read.astimezone(UTC)


def _read_texts(value: Any) -> tuple[str, ...]:
    if value is None:
        return ()
    if not isinstance(value, list):
        raise TypeError
    return tuple([_read_text(each) for each in value])


def _read_attribution(value: Any) -> Attribution | None:
    if value is None:
        return None
    if not isinstance(value, dict):
        raise TypeError
    try:
        return Attribution(
            author=_read_optional_text(value.get("author")),
            publisher=_read_optional_text(value.get("publisher")),
            url=_read_optional_text(value.get("url")),
            evidence=_read_text(value.get("evidence")),
        )
    except TypeError:
        raise _InsideError("its fields are texts, and evidence is required") from None


def _read_page(value: Any) -> PageSource | None:
    if value is None:
        return None
    if not isinstance(value, dict):
        raise TypeError
    try:
        return PageSource(
            id=_read_number(value.get("id")),
            content_hash=_read_hash(value.get("content_hash")),
            url=_read_text(value.get("url")),
        )
    except TypeError:
        raise _InsideError("it has an id, a content_hash and a url") from None


def _read_optional_text(value: Any) -> str | None:
    return None if value is None else _read_text(value)


def _read_optional_time(value: Any) -> datetime | None:
    return None if value is None else _read_time(value)


def _described(schema: dict[str, Any], description: str) -> dict[str, Any]:
    return {**schema, "description": description}


_TEXT: Final = {"type": "string"}
_TEXT_OR_NULL: Final = {"type": ["string", "null"]}
_NUMBER: Final = {"type": "integer", "minimum": 0, "maximum": _BIGINT}
_HASH: Final = {"type": "string", "pattern": "^[0-9a-f]{32}$"}
_TIME: Final = {"type": "string", "format": "date-time"}
_TIME_OR_NULL: Final = {"type": ["string", "null"], "format": "date-time"}
_TEXTS: Final = {"type": ["array", "null"], "items": _TEXT}
_ATTRIBUTION: Final = {
    "type": ["object", "null"],
    "required": ["evidence"],
    "properties": {
        "author": _TEXT_OR_NULL,
        "publisher": _TEXT_OR_NULL,
        "url": _TEXT_OR_NULL,
        "evidence": _described(_TEXT, "the sentence that says so"),
    },
}
_PAGE: Final = {
    "type": ["object", "null"],
    "required": ["id", "content_hash", "url"],
    "properties": {
        "id": _described(_NUMBER, "of this fetching of the page, as poll_id is of a poll"),
        "content_hash": _described(_HASH, "of title and text of the feed's version whose text it replaces"),
        "url": _described(_TEXT, "of the page"),
    },
}


def _text(description: str) -> _Kind:
    return _Kind(read=_read_text, expected="a text", schema=_described(_TEXT, description))


def _optional_text(description: str) -> _Kind:
    return _Kind(
        read=_read_optional_text,
        expected="a text or null",
        schema=_described(_TEXT_OR_NULL, description),
        optional=True,
    )


def _texts(description: str) -> _Kind:
    return _Kind(
        read=_read_texts, expected="a list of texts", schema=_described(_TEXTS, description), optional=True
    )


def _number(description: str) -> _Kind:
    return _Kind(
        read=_read_number,
        expected=f"a whole number from 0 to {_BIGINT}",
        schema=_described(_NUMBER, description),
    )


def _hash(description: str) -> _Kind:
    return _Kind(read=_read_hash, expected="32 hexadecimal digits", schema=_described(_HASH, description))


def _time(description: str) -> _Kind:
    return _Kind(
        read=_read_time,
        expected="a time in ISO 8601 with its offset from UTC",
        schema=_described(_TIME, description),
    )


def _optional_time(description: str) -> _Kind:
    return _Kind(
        read=_read_optional_time,
        expected="a time in ISO 8601 with its offset from UTC, or null",
        schema=_described(_TIME_OR_NULL, description),
        optional=True,
    )


_FIELDS: Final[tuple[tuple[str, _Kind], ...]] = (
    (
        "id",
        _Kind(
            read=_read_id,
            expected="a UUID",
            schema={
                "type": "string",
                "format": "uuid",
                "description": "of the article; also the record's key",
            },
        ),
    ),
    ("feed_id", _number("the feed that brought this version")),
    ("feed_url", _text("its address")),
    ("poll_id", _number("the poll that brought it")),
    ("entry_key", _hash("of the entry in its feed's seen-set")),
    ("content_hash", _hash("of title and text: another one, or other authors, is another revision")),
    ("seen_at", _time("when the poll saw it")),
    ("url", _optional_text("canonical address of the article")),
    ("guid", _optional_text("what the feed calls it")),
    ("title", _text("plain text")),
    ("authors", _texts("by name, as given")),
    ("publisher", _optional_text("who ran it first, as far as the text says")),
    ("source", _text("host of the article's address, or of the feed's")),
    (
        "attribution",
        _Kind(
            read=_read_attribution,
            expected="an attribution or null",
            schema=_described(_ATTRIBUTION, "where a reposted text says it comes from"),
            optional=True,
        ),
    ),
    ("summary", _text("plain text")),
    ("text", _text("the story as plain text, a line a paragraph, boilerplate removed")),
    ("html", _text("sanitised")),
    ("language", _optional_text("as the feed or the entry declares it")),
    ("categories", _texts("as given")),
    ("image", _optional_text("address of a picture")),
    ("published_at", _optional_time("as the publisher says, unless absurd")),
    ("updated_at", _optional_time("as the publisher says, unless absurd")),
    ("link", _optional_text("its address as the feed has it, where that is not url")),
    (
        "page",
        _Kind(
            read=_read_page,
            expected="where the text comes from, or null",
            schema=_described(_PAGE, "text and html are those of the article's page, not of its feed"),
            optional=True,
        ),
    ),
)
