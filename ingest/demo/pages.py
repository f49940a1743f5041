"""What a page of a feed world is: versions over time, each with its validators and its codings."""

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

from ingest.demo.responses import Answer


class Auto(Enum):
    """Validators a version can derive for itself."""

    AUTO = "auto"
    """ETag: strong, from the bytes. Last-Modified: the time of publication, later with each version."""
    WEAK = "weak"
    """ETag only: the same, weak (``W/"…"``)."""


AUTO: Final = Auto.AUTO
WEAK: Final = Auto.WEAK

CODINGS: Final[Mapping[str, Callable[[bytes], bytes]]] = {
    "gzip": lambda body: gzip.compress(body, 6, mtime=0),
    "deflate": zlib.compress,
}
"""Content codings of the standard library; tests add br and zstd."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One state of a page. A body that is a file or a function is read when the version's turn comes."""

    body: bytes | Path | Callable[[], bytes]
    at: datetime | None = None
    """World time of publication, where the version waits for the clock."""
    status: int = 200
    content_type: str | None = "application/rss+xml"
    etag: Auto | str | None = AUTO
    last_modified: Auto | str | None = AUTO
    headers: Mapping[str, str] = field(default_factory=dict)
    codings: tuple[str, ...] = ("gzip",)
    """Content codings the page offers, best first."""
    chunked: bool = False


class Page:
    """A version made ready to be served: its validators settled, each coding of its body prepared once.

    Pages are swapped as a whole, so that the server's thread never sees half a version.
    """

    __slots__ = (
        "_answers",
        "_codings",
        "_head",
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
        self._answers: dict[str, tuple[bytes, Answer]] = {}
        validators = [("ETag", self.etag), ("Last-Modified", self.last_modified)]
        kept: tuple[tuple[str, str], ...] = tuple(
            (name, value) for name, value in validators if value is not None
        )
        policy = tuple(
            (k, v) for k, v in version.headers.items() if k.lower() in {"cache-control", "expires"}
        )
        self.not_modified = Answer(status=304, headers=kept + policy)
        self.not_modified_bytes = self.not_modified.encoded()
        typed = () if version.content_type is None else (("Content-Type", version.content_type),)
        varies = (("Vary", "Accept-Encoding"),) if version.codings else ()
        self._head = typed + kept + varies + tuple(version.headers.items())

    def is_unchanged_for(self, if_none_match: str | None, if_modified_since: str | None) -> bool:
        """Whether these conditions mean 304; the ETag goes before the date (RFC 9110 §13.2.2)."""
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
        ):  # not a date, or one with and one without a zone: the condition is ignored
            return False

    def choose(self, accept_encoding: str | None) -> str:
        """The best coding the client takes, or ``identity``."""
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

    def answer(self, coding: str) -> tuple[bytes, Answer]:
        """The full answer in this coding, as bytes and as parts."""
        ready = self._answers.get(coding)
        if ready is None:
            body, headers = self.body, self._head
            if coding != "identity":
                body, headers = self._codings[coding](body), (*headers, ("Content-Encoding", coding))
            chunked = self.version.chunked
            answer = Answer(status=self.version.status, headers=headers, body=body, chunked=chunked)
            ready = self._answers[coding] = (answer.encoded(), answer)
        return ready


def _bytes_of(body: bytes | Path | Callable[[], bytes]) -> bytes:
    if isinstance(body, bytes):
        return body
    return body.read_bytes() if isinstance(body, Path) else body()


def etag_of(body: bytes, wanted: Auto | str | None) -> str | None:
    if not isinstance(wanted, Auto):
        return wanted
    strong = f'"{blake2b(body, digest_size=12).hexdigest()}"'
    return "W/" + strong if wanted is WEAK else strong
