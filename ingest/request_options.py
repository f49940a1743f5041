"""Parse, encode and mask an operator's request options (:class:`ingest.types.RequestOptions`). Pure.

Header values and proxy passwords are secrets. No message of this module contains one, and options are :func:`masked`
before they leave the registry.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterable, Mapping
from dataclasses import replace
from hashlib import sha256
from typing import Any, Final
from urllib.parse import urlsplit

from ingest.errors import Refused
from ingest.types import DEFAULT_REQUEST, MaskedOptions, RequestOptions, TlsException

HIDDEN: Final = "(hidden)"
MAX_HEADERS: Final = 20
MAX_NAME: Final = 100
MAX_VALUE: Final = 4096
MAX_USER_AGENT: Final = 500
MAX_CA_CHARACTERS: Final = 64 * 1024
OPEN_HEADERS: Final = frozenset({"accept", "accept-language", "from", "referer"})
"""Headers whose values are not secret."""
RESERVED: Final[Mapping[str, str]] = {
    "user-agent": "it has an option of its own",
    "accept-encoding": "we request the content codings that we can decode",
    "host": "the URL contains it",
    "content-length": "a poll has no body",
    "transfer-encoding": "a poll has no body",
    "content-type": "a poll has no body",
    "connection": "we manage connections",
    "keep-alive": "we manage connections",
    "upgrade": "we manage connections",
    "te": "we manage connections",
    "trailer": "we manage connections",
    "expect": "a poll has no body",
    "range": "a feed is fetched whole",
    "if-match": "validators come from the feed",
    "if-none-match": "validators come from the feed",
    "if-modified-since": "validators come from the feed",
    "if-unmodified-since": "validators come from the feed",
    "if-range": "validators come from the feed",
    "cookie": "no poll sends cookies",
    "cookie2": "no poll sends cookies",
}
"""Headers that an operator cannot set, with the reason."""
NOTHING_SHOWN: Final = MaskedOptions(user_agent=None, headers={}, proxy=None, tls=(), ca=())
_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE: Final = re.compile(r"[\x21-\x7e](?:[\t\x20-\x7e]*[\x21-\x7e])?")
_CERTIFICATE: Final = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)


def read_user_agent(thing: str, text: str) -> str:
    """Parse a user agent.

    Raises:
        Refused: the text cannot be a header value.
    """
    value = text.strip()
    if len(value) > MAX_USER_AGENT or not _VALUE.fullmatch(value):
        raise Refused(thing, text, f"one line of ASCII, at most {MAX_USER_AGENT} characters")
    return value


def read_header(thing: str, text: str) -> tuple[str, str]:
    """Parse ``Name: value``. An empty value removes the header.

    Raises:
        Refused: the text is not a header, or an operator cannot set this one.
    """
    name, colon, value = text.partition(":")
    name, value = name.strip(), value.strip()
    if not colon or not _TOKEN.fullmatch(name) or len(name) > MAX_NAME:
        # The text may be a secret without its name.
        raise Refused(thing, HIDDEN, "Name: value, the name in letters, digits and hyphens")
    lowered = name.lower()
    if lowered in RESERVED or lowered.startswith("proxy-"):
        raise Refused(
            thing, name, f"another header: {RESERVED.get(lowered, 'a proxy has an option of its own')}"
        )
    if value and (len(value) > MAX_VALUE or not _VALUE.fullmatch(value)):
        raise Refused(
            thing, f"{name}: {HIDDEN}", f"a value in one line of ASCII, at most {MAX_VALUE} characters"
        )
    return name, value


def read_proxy(thing: str, text: str) -> str:
    """Parse the address of an HTTP proxy.

    Raises:
        Refused: the text is not such an address.
    """
    accepted = "http://host:port or http://name:password@host:port of an HTTP proxy"
    try:
        split = urlsplit(text.strip())
        port = split.port
    except ValueError:
        raise Refused(thing, HIDDEN, accepted) from None
    if not text.isascii() or not text.isprintable() or " " in text.strip():
        raise Refused(thing, HIDDEN, accepted)
    if split.scheme != "http" or not split.hostname or port is None:
        raise Refused(thing, masked_proxy(text.strip()), accepted)
    if split.path.strip("/") or split.query or split.fragment:
        raise Refused(thing, masked_proxy(text.strip()), f"{accepted}, and nothing after it")
    return f"http://{split.netloc}"


def read_ca(thing: str, text: str) -> str:
    """Return the certificates in a PEM text, and nothing else of it.

    Raises:
        Refused: there are none, or one cannot be read.
    """
    accepted = f"certificates in PEM, at most {MAX_CA_CHARACTERS // 1024} KiB of them"
    certificates = "\n".join(_CERTIFICATE.findall(text))
    if not certificates:
        raise Refused(thing, "a text without a certificate", accepted)
    if len(certificates) > MAX_CA_CHARACTERS:
        raise Refused(thing, f"{len(certificates)} characters", accepted)
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=certificates)
    except (ssl.SSLError, ValueError) as error:
        raise Refused(thing, str(error), accepted) from None
    return certificates


def with_headers(
    options: RequestOptions, headers: Iterable[tuple[str, str]], *, thing: str
) -> RequestOptions:
    """Return the options with these headers set. A header with an empty value is removed.

    Raises:
        Refused: a header occurs twice, or there are too many.
    """
    kept = {name.lower(): (name, value) for name, value in options.headers}
    names: set[str] = set()
    for name, value in headers:
        if name.lower() in names:
            raise Refused(thing, name, "each header once")
        names.add(name.lower())
        kept.pop(name.lower(), None)
        if value:
            kept[name.lower()] = (name, value)
    if len(kept) > MAX_HEADERS:
        raise Refused(thing, f"{len(kept)} headers", f"at most {MAX_HEADERS}")
    return replace(options, headers=tuple(kept.values()))


def scoped_to(options: RequestOptions, url: str, *, was: str) -> RequestOptions:
    """Return the part of ``options``, set for a feed at ``was``, that applies to a feed at ``url``.

    Headers apply to one server, or to the same host with https instead of http. Certificates and TLS exceptions apply
    to one host. Redirects follow the same rule.
    """
    new, old = urlsplit(url), urlsplit(was)
    if new.hostname != old.hostname:
        return replace(options, headers=(), tls=frozenset(), ca=None)
    same_server = (new.scheme, new.port) == (old.scheme, old.port)
    upgraded = (old.scheme, new.scheme) == ("http", "https") and new.port is old.port is None
    return options if same_server or upgraded else replace(options, headers=())


def encode_options(options: RequestOptions) -> dict[str, Any] | None:
    """Encode options with their secrets for the registry; None: there are none."""
    values: dict[str, Any] = {
        "user_agent": options.user_agent,
        "headers": [list(header) for header in options.headers],
        "proxy": options.proxy,
        "tls": sorted(options.tls),
        "ca": options.ca,
    }
    return {name: value for name, value in values.items() if value} or None


def decode_options(stored: Mapping[str, Any] | None) -> RequestOptions:
    """Decode options from the registry."""
    if not stored:
        return DEFAULT_REQUEST
    return RequestOptions(
        user_agent=stored.get("user_agent"),
        headers=tuple((name, value) for name, value in stored.get("headers", ())),
        proxy=stored.get("proxy"),
        tls=frozenset(TlsException(value) for value in stored.get("tls", ())),
        ca=stored.get("ca"),
    )


def masked(options: RequestOptions) -> MaskedOptions | None:
    """Return the options without their secrets; None: there are none."""
    if options == DEFAULT_REQUEST:
        return None
    return MaskedOptions(
        user_agent=options.user_agent,
        headers={name: value if name.lower() in OPEN_HEADERS else HIDDEN for name, value in options.headers},
        proxy=None if options.proxy is None else masked_proxy(options.proxy),
        tls=tuple(sorted(each.value for each in options.tls)),
        ca=() if options.ca is None else fingerprints(options.ca),
    )


def masked_proxy(url: str) -> str:
    """Return a proxy's address without name and password."""
    before, at, after = re.split("[?#]", url)[0].rpartition("@")
    scheme = before.partition("//")[0] + "//" if "//" in before else ""
    return f"{scheme}{HIDDEN}@{after}" if at else after


def fingerprints(pem: str) -> tuple[str, ...]:
    """Return fingerprints of certificates as ``openssl x509 -fingerprint -sha256``, in lower case without colons."""
    certificates = _CERTIFICATE.findall(pem)
    return tuple(f"sha256:{sha256(ssl.PEM_cert_to_DER_cert(each)).hexdigest()}" for each in certificates)
