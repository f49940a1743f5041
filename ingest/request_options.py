"""What an operator has one feed asked with: reading, storing and showing :class:`ingest.types.RequestOptions`. Pure.

Header values, a proxy's password and the like are secrets: no message from here repeats one, and what is shown
to people or programs is :func:`masked` before it leaves the registry.
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
"""No secrets: their values are shown."""
OURS: Final[Mapping[str, str]] = {
    "user-agent": "it has an option of its own",
    "accept-encoding": "we ask for the codings that we can undo",
    "host": "the address says it",
    "content-length": "a poll has no body",
    "transfer-encoding": "a poll has no body",
    "content-type": "a poll has no body",
    "connection": "connections are ours to keep",
    "keep-alive": "connections are ours to keep",
    "upgrade": "connections are ours to keep",
    "te": "connections are ours to keep",
    "trailer": "connections are ours to keep",
    "expect": "a poll has no body",
    "range": "a feed is read whole",
    "if-match": "validators are the feed's own",
    "if-none-match": "validators are the feed's own",
    "if-modified-since": "validators are the feed's own",
    "if-unmodified-since": "validators are the feed's own",
    "if-range": "validators are the feed's own",
    "cookie": "no poll sends cookies",
    "cookie2": "no poll sends cookies",
}
"""Headers that nobody sets by hand, and why."""
NOTHING_SHOWN: Final = MaskedOptions(user_agent=None, headers={}, proxy=None, tls=(), ca=())
_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE: Final = re.compile(r"[\x21-\x7e](?:[\t\x20-\x7e]*[\x21-\x7e])?")
_CERTIFICATE: Final = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)


def read_user_agent(thing: str, text: str) -> str:
    """
    Raises:
        Refused: it cannot be a header.
    """
    value = text.strip()
    if len(value) > MAX_USER_AGENT or not _VALUE.fullmatch(value):
        raise Refused(thing, text, f"one line of ASCII, at most {MAX_USER_AGENT} characters")
    return value


def read_header(thing: str, text: str) -> tuple[str, str]:
    """``Name: value``; an empty value stands for no such header.

    Raises:
        Refused: it is none, or one that is not for an operator to set.
    """
    name, colon, value = text.partition(":")
    name, value = name.strip(), value.strip()
    if not colon or not _TOKEN.fullmatch(name) or len(name) > MAX_NAME:
        # It may be a secret that lost its name.
        raise Refused(thing, HIDDEN, "Name: value, the name in letters, digits and hyphens")
    lowered = name.lower()
    if lowered in OURS or lowered.startswith("proxy-"):
        raise Refused(thing, name, f"another header: {OURS.get(lowered, 'a proxy has an option of its own')}")
    if value and (len(value) > MAX_VALUE or not _VALUE.fullmatch(value)):
        raise Refused(
            thing, f"{name}: {HIDDEN}", f"a value in one line of ASCII, at most {MAX_VALUE} characters"
        )
    return name, value


def read_proxy(thing: str, text: str) -> str:
    """
    Raises:
        Refused: it is no address of an HTTP proxy.
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
    """Certificates in PEM, as they are stored: nothing but them.

    Raises:
        Refused: there are none, or one cannot be read.
    """
    accepted = f"certificates in PEM, at most {MAX_CA_CHARACTERS // 1024} KiB of them"
    found = "\n".join(_CERTIFICATE.findall(text))
    if not found:
        raise Refused(thing, "a text without a certificate", accepted)
    if len(found) > MAX_CA_CHARACTERS:
        raise Refused(thing, f"{len(found)} characters", accepted)
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=found)
    except (ssl.SSLError, ValueError) as error:
        raise Refused(thing, str(error), accepted) from None
    return found


def with_headers(
    options: RequestOptions, headers: Iterable[tuple[str, str]], *, thing: str
) -> RequestOptions:
    """The options with these headers set; one with an empty value is taken away.

    Raises:
        Refused: one is given twice, or there are too many.
    """
    kept = {name.lower(): (name, value) for name, value in options.headers}
    given: set[str] = set()
    for name, value in headers:
        if name.lower() in given:
            raise Refused(thing, name, "each header once")
        given.add(name.lower())
        kept.pop(name.lower(), None)
        if value:
            kept[name.lower()] = (name, value)
    if len(kept) > MAX_HEADERS:
        raise Refused(thing, f"{len(kept)} headers", f"at most {MAX_HEADERS}")
    return replace(options, headers=tuple(kept.values()))


def scoped_to(options: RequestOptions, url: str, *, was: str) -> RequestOptions:
    """What of ``options``, said of a feed at ``was``, may be said of one at ``url``: headers are for one server, or its
    encrypted twin; certificates and exceptions from TLS for one host. A fetch keeps to the same on the way."""
    here, there = urlsplit(url), urlsplit(was)
    if here.hostname != there.hostname:
        return replace(options, headers=(), tls=frozenset(), ca=None)
    server = (here.scheme, here.port) == (there.scheme, there.port)
    twin = (there.scheme, here.scheme) == ("http", "https") and here.port is there.port is None
    return options if server or twin else replace(options, headers=())


def encode_options(options: RequestOptions) -> dict[str, Any] | None:
    """As the registry holds them, secrets and all; None where there are none."""
    said: dict[str, Any] = {
        "user_agent": options.user_agent,
        "headers": [list(header) for header in options.headers],
        "proxy": options.proxy,
        "tls": sorted(options.tls),
        "ca": options.ca,
    }
    return {name: value for name, value in said.items() if value} or None


def decode_options(stored: Mapping[str, Any] | None) -> RequestOptions:
    """What :func:`spell_options` spelled."""
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
    """The options without their secrets; None where there are none."""
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
    """A proxy's address without the name and password in it."""
    before, at, after = re.split("[?#]", url)[0].rpartition("@")
    scheme = before.partition("//")[0] + "//" if "//" in before else ""
    return f"{scheme}{HIDDEN}@{after}" if at else after


def fingerprints(pem: str) -> tuple[str, ...]:
    """Of each certificate, as ``openssl x509 -fingerprint -sha256`` tells it, in lower case without colons."""
    found = _CERTIFICATE.findall(pem)
    return tuple(f"sha256:{sha256(ssl.PEM_cert_to_DER_cert(each)).hexdigest()}" for each in found)
