"""TLS contexts with the exceptions of one feed, and diagnoses of failed handshakes."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from typing import Final

from ingest.types import TlsException

LEGACY_SERVER_CONNECT: Final = 0x4
"""``SSL_OP_LEGACY_SERVER_CONNECT``; the module ``ssl`` has the name from Python 3.12 on."""
ALL_CIPHERS: Final = "DEFAULT:@SECLEVEL=0"

_UNKNOWN_SIGNER: Final = (
    "no trusted authority signed the server's certificate, or the server omits an intermediate certificate",
    "--ca-file and the missing certificate",
)
_EXPIRED: Final = ("the server's certificate has expired", "--tls unverified")
_OTHER_NAME: Final = ("the server's certificate is for another name", "--tls unverified")
_SELF_SIGNED: Final = ("the server's certificate is self-signed", "--ca-file and that certificate")
_WEAK: Final = ("the server's keys or signatures are too weak", "--tls weak")
_TOO_OLD: Final = ("the server supports nothing newer than TLS 1.1", "--tls tls1.0")
# Codes of X509_verify_cert (x509_vfy.h).
_CERTIFICATES: Final[Mapping[int, tuple[str, str]]] = {
    2: _UNKNOWN_SIGNER,
    9: ("the server's certificate is not valid yet", "--tls unverified"),
    10: _EXPIRED,
    18: _SELF_SIGNED,
    19: _UNKNOWN_SIGNER,
    20: _UNKNOWN_SIGNER,
    21: _UNKNOWN_SIGNER,
    62: _OTHER_NAME,
    64: _OTHER_NAME,
    66: _WEAK,
    67: _WEAK,
    68: _WEAK,
}
_HANDSHAKES: Final[Mapping[str, tuple[str, str]]] = {
    "UNSAFE_LEGACY_RENEGOTIATION_DISABLED": (
        "the server does not support secure renegotiation (RFC 5746)",
        "--tls legacy-renegotiation",
    ),
    "UNSUPPORTED_PROTOCOL": _TOO_OLD,
    "TLSV1_ALERT_PROTOCOL_VERSION": _TOO_OLD,
    "DH_KEY_TOO_SMALL": _WEAK,
    "EE_KEY_TOO_SMALL": _WEAK,
    "CA_KEY_TOO_SMALL": _WEAK,
    "CA_MD_TOO_WEAK": _WEAK,
    "WRONG_SIGNATURE_TYPE": _WEAK,
    "SSLV3_ALERT_HANDSHAKE_FAILURE": ("the server accepts none of our ciphers", "--tls weak or --tls tls1.0"),
}


def tls_context(
    *, exceptions: frozenset[TlsException] = frozenset(), ca: str | None = None
) -> ssl.SSLContext:
    """Return the default TLS context with these exceptions; ``ca`` are additional trusted certificates in PEM."""
    context = ssl.create_default_context()
    if ca is not None:
        context.load_verify_locations(cadata=ca)
        # An intermediate certificate is trusted too: the operator chose it.
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    if TlsException.UNVERIFIED in exceptions:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if TlsException.RENEGOTIATION in exceptions:
        context.options |= LEGACY_SERVER_CONNECT
    if exceptions & {TlsException.OLD_VERSIONS, TlsException.WEAK}:
        context.set_ciphers(ALL_CIPHERS)
    if TlsException.OLD_VERSIONS in exceptions:
        context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    return context


def diagnosis(error: BaseException) -> str | None:
    """Explain a failed handshake and name the option that allows it for one feed; None for an unknown error."""
    if isinstance(error, ssl.SSLCertVerificationError):
        entry = _CERTIFICATES.get(error.verify_code)
        code = error.verify_message
    elif isinstance(error, ssl.SSLError):
        entry = _HANDSHAKES.get(error.reason or "")
        code = error.reason or ""
    else:
        return None
    if entry is None:
        return None
    cause, remedy = entry
    return f"{cause} ({code}); `ingest feeds set` with {remedy} allows it for this feed"
