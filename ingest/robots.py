"""robots.txt: a host's rules for programs that fetch its pages (RFC 9309). Pure, and in one pass.

::

    200                    ─▶ rules and Crawl-delay of the groups that name us, else of ``*``
    4xx                    ─▶ no rules: everything may be fetched
    5xx, 429, unreachable  ─▶ nothing may be fetched for now

Only the rules for us are kept, so that a file of half a megabyte for thousands of crawlers costs nothing later. The
longest matching rule counts; of two equally long ones, the one that allows.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import isfinite
from typing import Final
from urllib.parse import quote, urlsplit

from ingest.types import Failed, FailureKind, WebPage

PRODUCT: Final = "news-ingest"
"""Our product token; the one that an operator's user agent begins with counts too."""
MAX_BYTES: Final = 500 * 1024
"""The part of a file that is read (RFC 9309 §2.5 requires at least this much)."""
CACHE_LIFETIME: Final = timedelta(hours=24)
"""The maximum of RFC 9309 §2.4."""
UNREACHABLE_LIFETIME: Final = timedelta(hours=1)
"""Time until an unreachable robots.txt is fetched again."""
MAX_CRAWL_DELAY: Final = timedelta(seconds=60)
"""Longer delays are capped: files with hours are mistakes."""

_TOKEN: Final = re.compile(r"[A-Za-z_-]+")
_ESCAPE: Final = re.compile(r"%([0-9A-Fa-f]{2})")
_UNRESERVED: Final = re.compile(r"[A-Za-z0-9._~-]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One line: allows or forbids paths that begin with ``pattern``.

    ``*`` matches any text, ``$`` at the end of the pattern the end of the path.
    """

    allowed: bool
    pattern: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Robots:
    """The rules of one origin for us, valid until ``expires_at``."""

    expires_at: datetime
    reachable: bool = True
    """False: robots.txt could not be fetched, so nothing may be fetched for now."""
    status: int | None = None
    rules: tuple[Rule, ...] = ()
    crawl_delay: timedelta | None = None

    def allows(self, url: str) -> bool:
        """Whether ``url``, an address of this origin, may be fetched."""
        if not self.reachable:
            return False
        split = urlsplit(url)
        path = _canonical_path((split.path or "/") + (f"?{split.query}" if split.query else ""))
        if path == "/robots.txt":
            return True
        best, allowed = -1, True
        for rule in self.rules:
            length = len(rule.pattern)
            if length < best or (length == best and (allowed or not rule.allowed)):
                continue
            if _matches(rule.pattern, path):
                best, allowed = length, rule.allowed
        return allowed


def product_tokens(user_agent: str) -> frozenset[str]:
    """Our product tokens, in lower case."""
    token = _TOKEN.match(user_agent)
    return frozenset({PRODUCT, token[0].lower()} if token else {PRODUCT})


def judge(response: WebPage | Failed, *, names: Collection[str], now: datetime) -> Robots:
    """The rules that follow from the response to ``GET /robots.txt``; ``names`` are our product tokens."""
    if isinstance(response, WebPage):
        rules, delay = read_robots(response.body, names=names)
        return Robots(expires_at=now + CACHE_LIFETIME, status=response.status, rules=rules, crawl_delay=delay)
    missing = response.status is not None and 400 <= response.status < 500 and response.status != 429
    # More redirects than are followed count as a 404 (RFC 9309 §2.3.1.2).
    if missing or response.kind is FailureKind.REDIRECT:
        return Robots(expires_at=now + CACHE_LIFETIME, status=response.status)
    return Robots(expires_at=now + UNREACHABLE_LIFETIME, status=response.status, reachable=False)


def read_robots(body: bytes, *, names: Collection[str]) -> tuple[tuple[Rule, ...], timedelta | None]:
    """Rules and crawl delay of the groups that name us; else those of ``*``."""
    if len(body) > MAX_BYTES:
        # A line that is cut is dropped: its rest may matter, as in "Disallow: /" of "Disallow: /search".
        body = body[:MAX_BYTES].rpartition(b"\n")[0]
    text = body.decode("utf-8-sig", "replace")
    ours: list[Rule] = []
    for_all: list[Rule] = []
    delays: dict[bool, timedelta] = {}
    named = in_our_group = in_general_group = False
    naming = False
    for line in re.split(r"\r\n|\r|\n", text):
        key, colon, value = line.partition("#")[0].partition(":")
        key, value = key.strip().lower(), value.strip()
        if not colon or key not in {"user-agent", "allow", "disallow", "crawl-delay"}:
            continue
        if key == "user-agent":
            if not naming:
                in_our_group = in_general_group = False
            naming = True
            token = _TOKEN.match(value)
            if token is not None and token[0].lower() in names:
                in_our_group = named = True
            in_general_group = in_general_group or value.split(maxsplit=1)[:1] == ["*"]
            continue
        naming = False
        if key == "crawl-delay":
            delay = _delay(value)
            for is_ours, inside in ((True, in_our_group), (False, in_general_group)):
                if inside and delay is not None:
                    delays[is_ours] = max(delay, delays.get(is_ours, delay))
        elif value and (in_our_group or in_general_group):
            rule = Rule(allowed=key == "allow", pattern=_canonical_path(value))
            if in_our_group:
                ours.append(rule)
            if in_general_group:
                for_all.append(rule)
    return tuple(ours if named else for_all), delays.get(named)


def _delay(value: str) -> timedelta | None:
    try:
        seconds = float(value)
    except ValueError:
        return None
    if not isfinite(seconds) or seconds <= 0:
        return None
    return min(timedelta(seconds=min(seconds, 1e6)), MAX_CRAWL_DELAY)


def _matches(pattern: str, path: str) -> bool:
    ends = pattern.endswith("$")
    first, *rest = pattern.removesuffix("$").split("*")
    if not path.startswith(first):
        return False
    at = len(first)
    if not rest:
        return not ends or at == len(path)
    last = rest.pop()
    for part in rest:
        start = path.find(part, at)
        if start < 0:
            return False
        at = start + len(part)
    if ends:
        return len(path) - len(last) >= at and path.endswith(last)
    return path.find(last, at) >= 0


def _canonical_path(path: str) -> str:
    """Percent-encode only where necessary, in upper case (RFC 9309 §2.2.2)."""

    def canonical_escape(escape: re.Match[str]) -> str:
        character = chr(int(escape[1], 16))
        return character if _UNRESERVED.match(character) else f"%{escape[1].upper()}"

    escaped = path if path.isascii() else quote(path, safe="/!$&'()*+,;=:@?%~#[]", errors="replace")
    return _ESCAPE.sub(canonical_escape, escaped) if "%" in escaped else escaped
