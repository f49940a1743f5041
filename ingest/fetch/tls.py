"""TLS: the exceptions that one feed may have, and what is wrong with a server that needs one."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from typing import Final

from ingest.types import TlsException

LEGACY_SERVER_CONNECT: Final = 0x4
"""``SSL_OP_LEGACY_SERVER_CONNECT``, which the module ``ssl`` names from Python 3.12 on."""
ALL_CIPHERS: Final = "DEFAULT:@SECLEVEL=0"

_UNKNOWN_SIGNER: Final = (
    "nobody that this machine trusts signed its certificate, or it leaves out one between the two",
    "--ca-file with the certificate that is missing",
)
_EXPIRED: Final = ("its certificate is past its time", "--tls unverified")
_OTHER_NAME: Final = ("its certificate is one of another name", "--tls unverified")
_SELF_SIGNED: Final = ("its certificate is signed by itself", "--ca-file with that certificate")
_WEAK: Final = ("its keys or signatures are too weak", "--tls weak")
_TOO_OLD: Final = ("it speaks nothing newer than TLS 1.1", "--tls tls1.0")
# Codes of X509_verify_cert (x509_vfy.h).
_CERTIFICATES: Final[Mapping[int, tuple[str, str]]] = {
    2: _UNKNOWN_SIGNER,
    9: ("its certificate is not good yet", "--tls unverified"),
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
        "it does not know secure renegotiation (RFC 5746)",
        "--tls legacy-renegotiation",
    ),
    "UNSUPPORTED_PROTOCOL": _TOO_OLD,
    "TLSV1_ALERT_PROTOCOL_VERSION": _TOO_OLD,
    "DH_KEY_TOO_SMALL": _WEAK,
    "EE_KEY_TOO_SMALL": _WEAK,
    "CA_KEY_TOO_SMALL": _WEAK,
    "CA_MD_TOO_WEAK": _WEAK,
    "WRONG_SIGNATURE_TYPE": _WEAK,
    "SSLV3_ALERT_HANDSHAKE_FAILURE": ("it takes none of our ciphers", "--tls weak or --tls tls1.0"),
}


def tls_context(
    *, exceptions: frozenset[TlsException] = frozenset(), ca: str | None = None
) -> ssl.SSLContext:
    """TLS as everywhere but for these exceptions; ``ca``: certificates in PEM that are trusted as well."""
    context = ssl.create_default_context()
    if ca is not None:
        context.load_verify_locations(cadata=ca)
        # One that is not a root is trusted as well: the operator chose it.
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
    """What is wrong with a server by this error of a handshake, and what would let it pass for one feed; None: not
    known."""
    if isinstance(error, ssl.SSLCertVerificationError):
        found = _CERTIFICATES.get(error.verify_code)
        said = error.verify_message
    elif isinstance(error, ssl.SSLError):
        found = _HANDSHAKES.get(error.reason or "")
        said = error.reason or ""
    else:
        return None
    if found is None:
        return None
    what, remedy = found
    return f"{what} ({said}); `ingest feeds set` with {remedy} lets it pass for this feed"
