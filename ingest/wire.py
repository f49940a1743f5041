"""The wire format of ``news.articles``: one article as JSON, ``"v": 1``.

::

    Article ─encode─▶ Message        Record ─decode─▶ Article
                   └────── ArticleRecord ──────┘─json_schema─▶ JSON Schema

:class:`ArticleRecord` defines the format once: it encodes, validates, and is published as the JSON Schema. Unknown
fields are ignored, so that a newer producer may add some. A record of another version, or with an invalid field,
raises :class:`~ingest.errors.Unusable` with the field, its value and the expected type.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Annotated, Any, Final, Literal
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

from ingest.errors import Unusable
from ingest.identity import with_authors
from ingest.types import Article, Attribution, Credit, CreditRole, Message, PageSource, Record, RemovedLine

VERSION: Final = 1
_SHOWN_CHARACTERS: Final = 80
_ERROR_PATH: Final = re.compile(r"(?P<reason>.+?)(?: - at `\$\.?(?P<path>.*)`)?", re.DOTALL)
_MISSING: Final = re.compile(r"Object missing required field `(\w+)`")

_ROLES: Final = frozenset(role.value for role in CreditRole)
_NUL: Final = re.compile("\0")
_SURROGATE: Final = re.compile("[\ud800-\udfff]")

Number = Annotated[int, Meta(ge=0, le=2**63 - 1)]
Hash = Annotated[str, Meta(pattern="^[0-9a-f]{32}$", max_length=32)]
Time = Annotated[datetime, Meta(tz=True)]


class CreditRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A credit of an ``attribution``."""

    agency: str
    role: Annotated[
        str, Meta(description="wire: the text is the agency's; cited: the text reports its report")
    ]
    evidence: Annotated[str, Meta(description="the dateline, line or sentence that names the agency")]


class AttributionRecord(msgspec.Struct, frozen=True, kw_only=True):
    """The ``attribution`` of a record."""

    author: str | None = None
    publisher: str | None = None
    url: str | None = None
    evidence: Annotated[str, Meta(description="the sentence that names the origin, or the first credit's")]
    credits: Annotated[
        tuple[CreditRecord, ...] | UnsetType, Meta(description="news agencies that the text credits")
    ] = UNSET


class RemovedRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A line of ``removed`` of a record."""

    rule: Annotated[str, Meta(description="name of the rule that removed it")]
    text: str


class PageRecord(msgspec.Struct, frozen=True, kw_only=True):
    """The ``page`` of a record."""

    id: Annotated[Number, Meta(description="id of this fetch of the page, as poll_id is the id of a poll")]
    content_hash: Annotated[
        Hash, Meta(description="hash of title and text of the feed's version that the page's text replaces")
    ]
    url: Annotated[str, Meta(description="address of the page")]


class ArticleRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One version of one article, as news.articles carries it. Unknown fields are ignored."""

    v: Annotated[Literal[1], Meta(description="version of this format")]
    id: Annotated[UUID, Meta(description="id of the article; also the record's key")]
    feed_id: Annotated[Number, Meta(description="id of the feed that published this version")]
    feed_url: Annotated[str, Meta(description="address of the feed")]
    poll_id: Annotated[Number, Meta(description="id of the poll that fetched this version")]
    entry_key: Annotated[Hash, Meta(description="key of the entry in its feed's seen-set")]
    content_hash: Annotated[
        Hash, Meta(description="hash of title and text; a revision has its own hash or its own authors")
    ]
    seen_at: Annotated[Time, Meta(description="time of the poll")]
    url: Annotated[str | None, Meta(description="canonical address of the article")] = None
    guid: Annotated[str | None, Meta(description="the feed's identifier of the entry")] = None
    title: Annotated[str, Meta(description="plain text")]
    authors: Annotated[tuple[str, ...] | None, Meta(description="names, as the feed declares them")] = ()
    publisher: Annotated[str | None, Meta(description="first publisher, as far as the text names it")] = None
    source: Annotated[str, Meta(description="host of the article's address, or of the feed's")]
    attribution: Annotated[
        AttributionRecord | None, Meta(description="declared origin of a reposted text")
    ] = None
    summary: Annotated[str, Meta(description="plain text")]
    text: Annotated[
        str, Meta(description="the story as plain text, one line per paragraph, without boilerplate")
    ]
    html: Annotated[str, Meta(description="sanitised HTML")]
    language: Annotated[str | None, Meta(description="as the feed or the entry declares it")] = None
    categories: Annotated[tuple[str, ...] | None, Meta(description="as the feed declares them")] = ()
    image: Annotated[str | None, Meta(description="address of a picture")] = None
    published_at: Annotated[Time | None, Meta(description="as the publisher declares it, if plausible")] = (
        None
    )
    updated_at: Annotated[Time | None, Meta(description="as the publisher declares it, if plausible")] = None
    link: Annotated[
        str | UnsetType | None,
        Meta(description="the article's address as the feed has it, if it differs from url"),
    ] = UNSET
    removed: Annotated[
        tuple[RemovedRecord, ...] | UnsetType,
        Meta(description="boilerplate that is no part of text; it does not count for content_hash"),
    ] = UNSET
    parser_version: Annotated[
        Number | UnsetType, Meta(description="version of the rules that made text and content_hash")
    ] = UNSET
    page: Annotated[
        PageRecord | UnsetType | None,
        Meta(description="the page that text and html come from, if not the feed"),
    ] = UNSET


_FIELDS: Final = frozenset(ArticleRecord.__struct_fields__)
_encoder: Final = msgspec.json.Encoder()
_decoder: Final = msgspec.json.Decoder(ArticleRecord)


def encode(article: Article) -> Message:
    """The message that carries ``article``; its key is the article id, so all versions keep their order."""
    attribution, page = article.attribution, article.page
    key = str(article.id)
    record = ArticleRecord(
        v=1,
        id=article.id,
        feed_id=article.feed_id,
        feed_url=article.feed_url,
        poll_id=article.poll_id,
        entry_key=article.entry_key.hex(),
        content_hash=with_authors(article.content_hash, article.authors).hex(),
        seen_at=article.seen_at,
        url=article.url,
        guid=article.guid,
        title=article.title,
        authors=article.authors,
        publisher=article.publisher,
        source=article.source,
        attribution=None
        if attribution is None
        else AttributionRecord(
            author=attribution.author,
            publisher=attribution.publisher,
            url=attribution.url,
            evidence=attribution.evidence,
            credits=_credit_records(attribution) or UNSET,
        ),
        summary=article.summary,
        text=article.text,
        html=article.html,
        language=article.language,
        categories=article.categories,
        image=article.image,
        published_at=article.published_at,
        updated_at=article.updated_at,
        link=UNSET if article.link is None else article.link,
        removed=tuple([RemovedRecord(rule=line.rule, text=line.text) for line in article.removed]) or UNSET,
        parser_version=article.parser_version or UNSET,
        page=UNSET
        if page is None
        else PageRecord(
            id=page.id, content_hash=with_authors(page.content_hash, article.authors).hex(), url=page.url
        ),
    )
    return Message(key=key, value=_encoder.encode(record))


def _credit_records(attribution: Attribution) -> tuple[CreditRecord, ...]:
    return tuple(
        [
            CreditRecord(agency=credit.agency, role=credit.role.value, evidence=credit.evidence)
            for credit in attribution.credits
        ]
    )


def content_key(message: Message) -> bytes:
    """Return the message's value without poll id and timestamp: the deduplication key."""
    body = msgspec.json.decode(message.value, type=dict[str, msgspec.Raw])
    del body["poll_id"], body["seen_at"]
    return _encoder.encode(body)


def decode(record: Record) -> Article:
    """The article in ``record``.

    Raises:
        Unusable: not JSON, another version, a field that is missing or invalid, or a key that is not the article's id.
    """
    try:
        body = _decoder.decode(record.value)
        article = _article(body)
    except (ValueError, RecursionError) as error:
        raise _unusable(record, _refusal(record.value, error)) from None
    # PostgreSQL stores no NUL character, and JSON has it as an escape only.
    if b"\\u0000" in record.value:
        for name, value in msgspec.to_builtins(body).items():
            if _contains(_NUL, value):
                raise _unusable(record, f"field {name} is {_shown(value)}: it contains a NUL character")
    if record.key != str(article.id):
        raise _unusable(record, f"field id is {article.id}, but the record's key is {_shown(record.key)}")
    return article


def _article(body: ArticleRecord) -> Article:
    authors = body.authors or ()
    attribution, page = body.attribution, body.page
    return Article(
        id=body.id,
        feed_id=body.feed_id,
        feed_url=body.feed_url,
        poll_id=body.poll_id,
        entry_key=bytes.fromhex(body.entry_key),
        # On the wire hashes cover title and text alone, as in the records of pollers that did not count authors yet.
        content_hash=with_authors(bytes.fromhex(body.content_hash), authors),
        seen_at=_in_utc("seen_at", body.seen_at),
        url=body.url,
        guid=body.guid,
        title=body.title,
        authors=authors,
        publisher=body.publisher,
        source=body.source,
        attribution=None if attribution is None else _attribution(attribution),
        summary=body.summary,
        text=body.text,
        html=body.html,
        language=body.language,
        categories=body.categories or (),
        image=body.image,
        published_at=None if body.published_at is None else _in_utc("published_at", body.published_at),
        updated_at=None if body.updated_at is None else _in_utc("updated_at", body.updated_at),
        link=None if body.link is UNSET else body.link,
        removed=tuple([RemovedLine(rule=line.rule, text=line.text) for line in body.removed or ()]),
        parser_version=body.parser_version or 0,
        page=PageSource(
            id=page.id, content_hash=with_authors(bytes.fromhex(page.content_hash), authors), url=page.url
        )
        if page
        else None,
    )


def _attribution(body: AttributionRecord) -> Attribution:
    """The attribution of a record, without credits whose role a newer producer added."""
    return Attribution(
        author=body.author,
        publisher=body.publisher,
        url=body.url,
        evidence=body.evidence,
        credits=tuple(
            [
                Credit(agency=credit.agency, role=CreditRole(credit.role), evidence=credit.evidence)
                for credit in body.credits or ()
                if credit.role in _ROLES
            ]
        ),
    )


def _in_utc(field: str, time: datetime) -> datetime:
    try:
        return time.astimezone(UTC)
    except OverflowError:
        raise msgspec.ValidationError(f"Expected a year from 1 to 9999 in UTC - at `$.{field}`") from None


def json_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of a message's value."""
    (schema,), definitions = msgspec.json.schema_components([ArticleRecord], ref_template="#/$defs/{name}")
    del schema
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:news-ingest:article:1",
        **definitions.pop("ArticleRecord"),
        "title": "Article",
        "additionalProperties": True,
        "$defs": definitions,
    }


def _unusable(record: Record, why: str) -> Unusable:
    return Unusable(f"record {record.topic}/{record.partition}/{record.offset}", why)


def _refusal(value: bytes, error: Exception) -> str:
    """Explain why ``value`` is not an article of this version: the field, its value, and what is expected."""
    try:
        body = json.loads(value)
    except (ValueError, RecursionError) as invalid:
        return f"the value is not JSON ({invalid})"
    if not isinstance(body, dict):
        return "the value is not a JSON object"
    version = body.get("v")
    if version != VERSION or isinstance(version, bool):
        return f"version {_shown(version)} is unknown; this code reads version {VERSION}"
    missing = _MISSING.fullmatch(str(error))
    if missing is not None:
        expected = json_schema()["properties"][missing[1]]
        return f"field {missing[1]} is missing; expected type {expected.get('format', expected['type'])}"
    located = _ERROR_PATH.fullmatch(str(error))
    if located is not None and located["path"]:
        name = re.split(r"[.\[]", located["path"], maxsplit=1)[0]
        return f"field {name} is {_shown(body.get(name))}: {located['reason']}"
    for name, text in body.items():
        if name in _FIELDS and _contains(_SURROGATE, text):
            return f"field {name} is {_shown(text)}: it contains a lone surrogate"
    return f"the value is not valid JSON ({error})"


def _contains(characters: re.Pattern[str], value: object) -> bool:
    """Whether any text in ``value`` contains one of ``characters``."""
    pending = [value]
    while pending:  # not recursive: fields of other producers may be nested deeply
        item = pending.pop()
        if isinstance(item, str):
            if characters.search(item) is not None:
                return True
        elif isinstance(item, dict):
            pending.extend(item.values())
        elif isinstance(item, list | tuple):
            pending.extend(item)
    return False


def _shown(value: object) -> str:
    shown = repr(value)
    return shown if len(shown) <= _SHOWN_CHARACTERS else f"{shown[:_SHOWN_CHARACTERS]}…"
