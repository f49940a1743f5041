"""Addresses: the canonical one of an article, and the rules for the registry.

::

    address ─spelling─▶ parts ─unwrapping─▶ the article's own address ─tracking─▶ without parameters that count readers

    spelling    equivalent spellings are one; feeds' addresses for the registry; hosts
    unwrapping  addresses that contain the article's own (archives, link counters, AMP caches), AMP and mobile pages
    tracking    parameters that count readers, by lists that are made anew by ./run tracking-rules
    canonical   the three together

:func:`canonical` gives articles their identity, so it only removes differences that certainly do not matter. Everything
else stays, in its order: ``objectid`` of the New Zealand Herald and ``v`` of YouTube *are* the article.
"""

from __future__ import annotations

from ingest.urls.canonical import CANONICAL_VERSION, canonical
from ingest.urls.spelling import (
    MAX_FEED_URL_CHARACTERS,
    MAX_HOST_CHARACTERS,
    MAX_URL_CHARACTERS,
    absolute,
    feed_url,
    host_in,
    host_of,
    is_home,
    is_loopback,
    origin_of,
)

__all__ = [
    "CANONICAL_VERSION",
    "MAX_FEED_URL_CHARACTERS",
    "MAX_HOST_CHARACTERS",
    "MAX_URL_CHARACTERS",
    "absolute",
    "canonical",
    "feed_url",
    "host_in",
    "host_of",
    "is_home",
    "is_loopback",
    "origin_of",
]
