"""How one feed is requested: an operator's request options and their masked form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final


class TlsException(StrEnum):
    """A relaxation of TLS that an operator allows for one feed. No exception applies to all feeds."""

    UNVERIFIED = "unverified"  # any certificate: expired, for another name, self-signed
    RENEGOTIATION = "legacy-renegotiation"  # a server without RFC 5746
    OLD_VERSIONS = "tls1.0"  # TLS 1.0 and 1.1 with their weak ciphers
    WEAK = "weak"  # short keys, SHA-1 signatures, old ciphers


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestOptions:
    """An operator's options for the requests of one feed (:mod:`ingest.request_options`). They contain secrets."""

    user_agent: str | None = None
    """Replaces the configured user agent."""
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    """Sent to the feed's own server only."""
    proxy: str | None = field(default=None, repr=False)
    """``http://[name:password@]host:port``."""
    tls: frozenset[TlsException] = frozenset()
    """Applied to the feed's own host only."""
    ca: str | None = field(default=None, repr=False)
    """Additional trusted certificates in PEM, for the feed's own host only."""


DEFAULT_REQUEST: Final = RequestOptions()
"""Default request options."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskedOptions:
    """Request options with their secrets hidden, for people and programs."""

    user_agent: str | None
    headers: Mapping[str, str]
    proxy: str | None
    tls: tuple[str, ...]
    ca: tuple[str, ...]
    """SHA-256 fingerprints of the certificates."""
