"""Documents of a feed world: versions over time, each with validators and content codings."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from enum import Enum
from hashlib import blake2b
from pathlib import Path
from typing import Final

from ingest.demo.responses import HttpResponse


class Auto(Enum):
    """Validators that a version derives from its content and time."""

    AUTO = "auto"
    """ETag: strong, a hash of the bytes. Last-Modified: the time of publication, which grows with each version."""
    WEAK = "weak"
    """ETag only: the hash of the bytes as a weak validator (``W/"…"``)."""


AUTO: Final = Auto.AUTO
WEAK: Final = Auto.WEAK

CODINGS: Final[Mapping[str, Callable[[bytes], bytes]]] = {
    "gzip": lambda body: gzip.compress(body, 6, mtime=0),
    "deflate": zlib.compress,
}
"""Content codings of the standard library; the tests add br and zstd."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One version of a document. A body that is a file or a function is read when the version is published."""

    body: bytes | Path | Callable[[], bytes]
    at: datetime | None = None
    """Time of publication on the world's clock, for versions that wait for it."""
    status: int = 200
    content_type: str | None = "application/rss+xml"
    etag: Auto | str | None = AUTO
    last_modified: Auto | str | None = AUTO
    headers: Mapping[str, str] = field(default_factory=dict)
    codings: tuple[str, ...] = ("gzip",)
    """Content codings that the server offers, best first."""
    chunked: bool = False


class Page:
    """A published version, with its validators and with one prepared response per content coding.

    A version is replaced as a whole, so that the server's thread never sees a partial version.
    """

    __slots__ = (
        "_codings",
        "_head",
        "_responses",
        "body",
        "etag",
        "last_modified",
        "not_modified",
        "not_modified_bytes",
        "version",
    )

    def __init__(
        self, version: Version, *, published: datetime, codings: Mapping[str, Callable[[bytes], bytes]]
    ) -> None:
        self.version = version
        self.body = _bytes_of(version.body)
        self.etag = etag_of(self.body, version.etag)
        self.last_modified = (
            format_datetime(published.astimezone(UTC), usegmt=True)
            if isinstance(version.last_modified, Auto)
            else version.last_modified
        )
        self._codings = codings
        self._responses: dict[str, tuple[bytes, HttpResponse]] = {}
        validators = [("ETag", self.etag), ("Last-Modified", self.last_modified)]
        present: tuple[tuple[str, str], ...] = tuple(
            (name, value) for name, value in validators if value is not None
        )
        policy = tuple(
            (k, v) for k, v in version.headers.items() if k.lower() in {"cache-control", "expires"}
        )
        self.not_modified = HttpResponse(status=304, headers=present + policy)
        self.not_modified_bytes = self.not_modified.encoded()
        typed = () if version.content_type is None else (("Content-Type", version.content_type),)
        varies = (("Vary", "Accept-Encoding"),) if version.codings else ()
        self._head = typed + present + varies + tuple(version.headers.items())

    def is_unchanged_for(self, if_none_match: str | None, if_modified_since: str | None) -> bool:
        """Tell whether a conditional request gets 304; the ETag takes precedence (RFC 9110 §13.2.2)."""
        if self.version.status != 200:
            return False
        if if_none_match is not None:
            if self.etag is None:
                return False
            if if_none_match in (self.etag, "*"):
                return True
            opaque = self.etag.removeprefix("W/")
            return opaque in (each.strip().removeprefix("W/") for each in if_none_match.split(","))
        if if_modified_since is None or self.last_modified is None:
            return False
        if if_modified_since == self.last_modified:
            return True
        try:
            return parsedate_to_datetime(if_modified_since) >= parsedate_to_datetime(self.last_modified)
        except (
            ValueError,
            TypeError,
        ):  # not a date, or dates with and without a zone: the condition is ignored
            return False

    def choose(self, accept_encoding: str | None) -> str:
        """Return the best content coding that the client accepts, or ``identity``."""
        if not accept_encoding or not self.body:
            return "identity"
        accepted = {}
        for each in accept_encoding.lower().split(","):
            name, _, weight = each.partition(";")
            accepted[name.strip()] = weight.replace(" ", "") not in {"q=0", "q=0.0"}
        for coding in self.version.codings:
            if coding in self._codings and accepted.get(coding, accepted.get("*", False)):
                return coding
        return "identity"

    def response(self, coding: str) -> tuple[bytes, HttpResponse]:
        """Return the response to an unconditional request in a content coding, as bytes and as parts."""
        ready = self._responses.get(coding)
        if ready is None:
            body, headers = self.body, self._head
            if coding != "identity":
                body, headers = self._codings[coding](body), (*headers, ("Content-Encoding", coding))
            chunked = self.version.chunked
            response = HttpResponse(status=self.version.status, headers=headers, body=body, chunked=chunked)
            ready = self._responses[coding] = (response.encoded(), response)
        return ready


def _bytes_of(body: bytes | Path | Callable[[], bytes]) -> bytes:
    if isinstance(body, bytes):
        return body
    return body.read_bytes() if isinstance(body, Path) else body()


def etag_of(body: bytes, rule: Auto | str | None) -> str | None:
    """Return the ETag of a body: derived from its bytes, or the one that is set."""
    if not isinstance(rule, Auto):
        return rule
    strong = f'"{blake2b(body, digest_size=12).hexdigest()}"'
    return "W/" + strong if rule is WEAK else strong
