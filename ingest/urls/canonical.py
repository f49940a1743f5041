"""The canonical address of an article: the same for every address under which the article is published."""

from __future__ import annotations

import re
from typing import Final

from ingest.urls.spelling import MAX_HOST_CHARACTERS, MAX_URL_CHARACTERS, port_suffix, split_url
from ingest.urls.tracking import without_tracking
from ingest.urls.unwrapping import MAX_WRAPPERS, own_address, wrapped_url

CANONICAL_VERSION: Final = 2
"""Version of the rules. Increase it with every change that gives an address another canonical form.

``ingest migrate`` then finds the articles that are stored under their former form (docs/decisions/identity.md)."""

HTTPS_PORT: Final = 443
# An address in canonical spelling: nothing in it can change its host.
_PLAIN: Final = re.compile(
    r"https?://([a-z0-9_-]+(?:\.[a-z0-9_-]+)*)(/[A-Za-z0-9/._~!$&'()*+,;=:@-]*)(?:\?([A-Za-z0-9/._~!$&'()*+,;=:@?-]*))?"
)


def canonical(url: str, *, base: str | None = None) -> str | None:
    """The canonical spelling of an article's address, or None where ``url`` is no http(s) address.

    ``http`` becomes ``https``: both are the same article, and feeds switch from one to the other overnight
    (docs/polling.md, case 55). Fragments are removed, except ``#!…``, which names pages on some sites.
    """
    plain = _PLAIN.fullmatch(url)
    if plain is not None and _is_canonical(url, plain):
        host, path, query = plain.groups()
        return _compose(host, "", path, query or "", "", depth=0)
    return _canonical(url, base=base, depth=0)


def _is_canonical(url: str, plain: re.Match[str]) -> bool:
    """Whether :func:`split_url` would leave the parts of an address that looks plain unchanged."""
    return (
        len(url) <= MAX_URL_CHARACTERS
        and len(plain[1]) <= MAX_HOST_CHARACTERS
        and "/." not in plain[2]
        and "&amp;" not in url
    )


def _canonical(url: str, *, base: str | None, depth: int) -> str | None:
    parts = split_url(url, base=base)
    if parts is None:
        return None
    _, host, port, path, query, fragment = parts
    if port == HTTPS_PORT:  # http with the port of https: the canonical address has https
        port = None
    return _compose(host, port_suffix(port), path, query, fragment, depth=depth)


def _compose(host: str, port: str, path: str, query: str, fragment: str, *, depth: int) -> str:
    target = None if port else wrapped_url(host, path, query)
    if target is not None and depth < MAX_WRAPPERS:
        unwrapped = _canonical(target, base=None, depth=depth + 1)
        if unwrapped is not None:
            return unwrapped
    if query:
        query = without_tracking(host, query)
    if not port:
        host, path, query = own_address(host, path, query)
    address = f"https://{host}{port}{path}"
    if query:
        address += f"?{query}"
    return f"{address}#{fragment}" if fragment.startswith("!") and len(fragment) > 1 else address
