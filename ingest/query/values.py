"""Read single parameters; each function raises ``Refused`` with the parameter, its value and the accepted values."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from ingest.errors import Refused
from ingest.search import SearchQuery, parse_search

MAX_LIMIT: Final = 200
DEFAULT_LIMIT: Final = 50
MAX_QUERY_CHARACTERS: Final = 1000

_TIME_ACCEPTED: Final = (
    "a date or time in ISO 8601 such as 2026-01-31 or 2026-01-31T08:00:00Z (UTC where no zone)"
)


def read_text(parameter: str, value: str) -> str:
    """Return a short text that the database can store, without surrounding white space."""
    try:
        value.encode()
    except UnicodeEncodeError:
        raise Refused(parameter, value, "text in UTF-8") from None
    if not value.strip() or "\0" in value or len(value) > MAX_QUERY_CHARACTERS:
        raise Refused(parameter, value, f"1 to {MAX_QUERY_CHARACTERS} characters, none of them NUL")
    return value.strip()


def read_search(parameter: str, value: str) -> SearchQuery:
    """Return the parsed expression of a full-text search."""
    # An empty expression is refused by the syntax, which names its words.
    expression = read_text(parameter, value) if value.strip() else value
    return parse_search(expression, name=parameter)


def read_source(parameter: str, value: str) -> str:
    """Return a host in the form of ``articles.source``: lower case, without ``www.``."""
    return read_text(parameter, value).lower().removeprefix("www.")


def read_language(parameter: str, value: str) -> str:
    """Return a language tag or the beginning of one: ``ko`` also finds ``ko-KR``."""
    if not re.fullmatch(r"[A-Za-z]{2,8}([-_][A-Za-z0-9]{1,8})*", value):
        raise Refused(parameter, value, "a language tag such as en, ko or pt-BR")
    return value.lower().replace("_", "-")


def read_time(parameter: str, value: str) -> datetime:
    """Return an aware time in UTC."""
    # In a URL an unescaped + arrives as a space.
    repaired = re.sub(r"(T[\d:.,]+) (\d\d:?\d\d)$", r"\1+\2", value.strip())
    try:
        time = datetime.fromisoformat(repaired)
        return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except (ValueError, OverflowError):
        raise Refused(parameter, value, _TIME_ACCEPTED) from None


def read_uuid(parameter: str, value: str) -> UUID:
    if not re.fullmatch(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|[0-9a-fA-F]{32}", value):
        raise Refused(parameter, value, "an id such as 4f0c2a1e-90d3-5c1b-8a55-0b4e5a1f7d21")
    return UUID(value)


def read_limit(parameter: str, value: str) -> int:
    if not re.fullmatch(r"[0-9]{1,9}", value) or not 1 <= int(value) <= MAX_LIMIT:
        raise Refused(parameter, value, f"a whole number from 1 to {MAX_LIMIT}")
    return int(value)
