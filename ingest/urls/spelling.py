"""The spelling of addresses: equivalent ones (RFC 3986 §6.2) are one, and frequent errors of feeds are repaired."""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import Final
from urllib.parse import quote, urljoin, urlsplit

from ingest.errors import Refused

MAX_URL_CHARACTERS: Final = 8_192
"""Longer addresses are refused. The longest of 64 thousand real feed addresses has 361 characters."""
MAX_FEED_URL_CHARACTERS: Final = 2_048
MAX_HOST_CHARACTERS: Final = 253

_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_UNRESERVED: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_ESCAPE: Final = re.compile(r"%([0-9A-Fa-f]{2})?")
_CLEAN: Final = re.compile(r"[A-Za-z0-9/._~!$&'()*+,;=:@?-]*")
_HOST: Final = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\]")
_ENDS_ADDRESS: Final = (*"0123456789", "]")
"""Ends of IP addresses, IPv6 ones in brackets: a host with a different end, and without a colon, is a name."""
_DOUBLE_SCHEME: Final = re.compile(r"^https?:/{0,2}(?=https?:/)", re.IGNORECASE)
_FEED_SCHEME: Final = re.compile(r"^feed:(//)?(?=https?:|[^/])", re.IGNORECASE)
_BARE: Final = re.compile(r"[^\s/@:?#]+\.[^\s/@:?#]+(:\d+)?([/?#]|$)")
# An address in canonical spelling: nothing in it can change its host.
_PLAIN_HOST: Final = re.compile(r"https?://([a-z0-9_-]+(?:\.[a-z0-9_-]+)*)(?:[/?#]|\Z)")
_AUTHORITY: Final = re.compile(r"^([a-z]+:)*//", re.IGNORECASE)
_CREDENTIALS: Final = re.compile(r"^(\s*(?:[a-z]+:)*(?://)?)[^/?#@]*:[^/?#]*@", re.IGNORECASE)
_LOST: Final = dict.fromkeys([*range(32), 127, 0x200B, 0x200E, 0x200F, 0x2028, 0x2029, 0xFEFF])


def host_of(url: str) -> str:
    """The host of an address for display and statistics: lower case, no port, no ``www.``; else empty."""
    plain = _PLAIN_HOST.match(url)
    if plain is not None and len(plain[1]) <= MAX_HOST_CHARACTERS and len(url) <= MAX_URL_CHARACTERS:
        return plain[1].removeprefix("www.")
    parts = split_url(url, base=None)
    return "" if parts is None else parts[1].removeprefix("www.")


def host_in(url: str) -> str:
    """The host of an http(s) address for rate limits: lower case, IPv6 addresses in brackets; else empty."""
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        return ""
    return f"[{host}]" if ":" in host else host


def origin_of(url: str) -> str:
    """Scheme, host and port of an http(s) address, as :func:`feed_url` spells them."""
    split = urlsplit(url)
    return f"{split.scheme}://{split.netloc}"


def is_loopback(host: str) -> bool:
    """Whether ``host``, a name or an IP address, with or without brackets, is spelled as this machine."""
    if not host.endswith(_ENDS_ADDRESS) and ":" not in host:
        return host == "localhost"
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def is_home(url: str) -> bool:
    """Whether a canonical address is a site's front page, which identifies no article."""
    slash = url.find("/", len("https://"))
    if 0 < slash < len(url) - 1 and url[slash + 1] not in "?#":
        return False
    return urlsplit(url)[2:] in (("/", "", ""), ("", "", ""))


def absolute(url: str, *, base: str | None) -> str | None:
    """An http(s) or mailto address, made absolute but otherwise unchanged; None for other schemes and overlong ones."""
    text = url.strip().translate(_LOST)
    try:
        joined = urljoin(base, text) if base else text
    except ValueError:
        return None
    if joined.startswith("//"):
        joined = f"https:{joined}"
    if len(joined) > MAX_URL_CHARACTERS:
        return None
    return joined if joined[:8].lower().startswith(("http://", "https://", "mailto:")) else None


def feed_url(text: str) -> str:
    """A feed's address in the registry's spelling; unlike :func:`canonical`, with its scheme and all parameters.

    Raises:
        Refused: not an http(s) address, too long, or with a user name.
    """
    address = text.strip()
    accepted = "an address such as https://example.org/feed.xml"
    parts = split_url(f"https://{address}" if _BARE.match(address) else address, base=None)
    shown = _CREDENTIALS.sub(r"\1(hidden)@", text, count=1)
    if parts is None:
        raise Refused("feed URL", shown, accepted)
    if "@" in _AUTHORITY.sub("", address, count=1).split("/", 1)[0]:
        raise Refused("feed URL", shown, f"{accepted}, without a user name or password")
    scheme_name, host, port, path, query, _ = parts
    result = f"{scheme_name}://{host}{port_suffix(port)}{path}" + (f"?{query}" if query else "")
    if len(result) > MAX_FEED_URL_CHARACTERS:
        raise Refused("feed URL", shown, f"at most {MAX_FEED_URL_CHARACTERS} characters")
    return result


def split_url(url: str, *, base: str | None = None) -> tuple[str, str, int | None, str, str, str] | None:
    """Scheme, host, port (None: the default), path, query and fragment, each in its canonical spelling."""
    text = url.strip().translate(_LOST).strip()
    if not text or len(text) > MAX_URL_CHARACTERS:
        return None
    text = _DOUBLE_SCHEME.sub("", _FEED_SCHEME.sub("", text))
    try:
        if base is not None and not text.lower().startswith(("http://", "https://")):
            text = urljoin(base, text)
        elif text.startswith("//"):
            text = f"https:{text}"
        elif _BARE.match(text) and url.lower().lstrip().startswith("feed:"):
            text = f"https://{text}"
        split = urlsplit(text)
        port = split.port
    except ValueError:
        return None
    scheme = split.scheme.lower()
    host = _host(split.hostname)
    if scheme not in _DEFAULT_PORTS or host is None:
        return None
    return (
        scheme,
        host,
        None if port in (None, _DEFAULT_PORTS[scheme]) else port,
        _path(split.path),
        _escaped(split.query.replace("&amp;", "&"), safe="/?"),
        _escaped(split.fragment, safe="/?!"),
    )


def _host(name: str | None) -> str | None:
    # IDNA takes quadratic time over a name: 8,000 characters cost 16 s (measured).
    if not name or len(name) > MAX_HOST_CHARACTERS:
        return None
    if ":" in name:
        name = f"[{name}]"
    elif not name.isascii():
        try:
            name = name.encode("idna").decode()
        except UnicodeError:
            return None
    name = name.lower().rstrip(".")
    return name if _HOST.fullmatch(name) and len(name) <= MAX_HOST_CHARACTERS else None


def port_suffix(port: int | None) -> str:
    return "" if port is None else f":{port}"


def _path(path: str) -> str:
    path = _escaped(path.replace("\\", "/"), safe="/")  # first, because %2E is a dot
    if "/." in path:
        path = _without_dots(path)
    return path if path.startswith("/") else f"/{path}"


def _without_dots(path: str) -> str:
    """RFC 3986 §5.2.4."""
    kept: list[str] = []
    segments = path.split("/")
    for segment in segments:
        if segment == "..":
            if len(kept) > 1:
                kept.pop()
        elif segment != ".":
            kept.append(segment)
    if segments[-1] in (".", ".."):
        kept.append("")
    return "/".join(kept)


def _escaped(text: str, *, safe: str) -> str:
    """Percent-encode only where necessary (RFC 3986 §6.2.2.2); a lone ``%`` becomes ``%25``."""
    if _CLEAN.fullmatch(text):
        return text
    text = _ESCAPE.sub(_canonical_escape, text)
    return quote(text, safe=f"{safe}!$&'()*+,;=:@%", errors="replace")


def _canonical_escape(escape: re.Match[str]) -> str:
    if escape[1] is None:
        return "%25"
    character = chr(int(escape[1], 16))
    return character if character in _UNRESERVED else f"%{escape[1].upper()}"
