"""robots.txt: what a host asks of programs that fetch its pages (RFC 9309). Pure, and in one pass.

::

    Page ─▶ rules and Crawl-delay of the groups that name us, else of ``*``
    4xx  ─▶ nothing is asked: everything may be fetched
    5xx, 429, nobody answers ─▶ nothing may be fetched for now

Only what is meant for us is kept, so that a file of half a megabyte for thousands of others costs nothing later. A
longer rule goes before a shorter one, and of two as long the one that allows.
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
"""The name that robots.txt may call us by, beside the one an operator's user agent begins with."""
MAX_BYTES: Final = 500 * 1024
"""As much of a file is read (RFC 9309 §2.5: not less)."""
BELIEVED: Final = timedelta(hours=24)
"""RFC 9309 §2.4: no longer."""
UNREACHABLE: Final = timedelta(hours=1)
"""Until a host that did not tell is asked again."""
LONGEST_DELAY: Final = timedelta(seconds=60)
"""More than this between two requests nobody needs; files that ask for hours are slips."""

_TOKEN: Final = re.compile(r"[A-Za-z_-]+")
_ESCAPE: Final = re.compile(r"%([0-9A-Fa-f]{2})")
_UNRESERVED: Final = re.compile(r"[A-Za-z0-9._~-]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One line: paths that begin like ``pattern`` may be fetched, or may not. ``*`` stands for anything, ``$`` at its
    end for the end of the path."""

    allowed: bool
    pattern: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Robots:
    """What one origin asks of us, until ``expires_at``."""

    expires_at: datetime
    reachable: bool = True
    """False: it could not be had, and nothing may be fetched for now."""
    status: int | None = None
    rules: tuple[Rule, ...] = ()
    crawl_delay: timedelta | None = None

    def allows(self, url: str) -> bool:
        """Whether ``url``, an address of this origin, may be fetched."""
        if not self.reachable:
            return False
        split = urlsplit(url)
        path = _one_spelling((split.path or "/") + (f"?{split.query}" if split.query else ""))
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
    """What robots.txt may call us, in lower case."""
    named = _TOKEN.match(user_agent)
    return frozenset({PRODUCT, named[0].lower()} if named else {PRODUCT})


def judge(answer: WebPage | Failed, *, names: Collection[str], now: datetime) -> Robots:
    """What an answer to ``GET /robots.txt`` means for us, who are called ``names``."""
    if isinstance(answer, WebPage):
        rules, delay = read_robots(answer.body, names=names)
        return Robots(expires_at=now + BELIEVED, status=answer.status, rules=rules, crawl_delay=delay)
    refused = answer.status is not None and 400 <= answer.status < 500 and answer.status != 429
    # More redirects than are followed say no more than a 404 does (RFC 9309 §2.3.1.2).
    if refused or answer.kind is FailureKind.REDIRECT:
        return Robots(expires_at=now + BELIEVED, status=answer.status)
    return Robots(expires_at=now + UNREACHABLE, status=answer.status, reachable=False)


def read_robots(body: bytes, *, names: Collection[str]) -> tuple[tuple[Rule, ...], timedelta | None]:
    """The rules for us and the delay we are asked to keep, of the groups that name us; else of ``*``."""
    if len(body) > MAX_BYTES:
        # Of the line that is cut the rest may be all that matters: "Disallow: /" is not "Disallow: /search".
        body = body[:MAX_BYTES].rpartition(b"\n")[0]
    text = body.decode("utf-8-sig", "replace")
    ours: list[Rule] = []
    everybodys: list[Rule] = []
    delays: dict[bool, timedelta] = {}
    named = in_our_group = in_everybodys = False
    naming = False
    for line in re.split(r"\r\n|\r|\n", text):
        key, colon, value = line.partition("#")[0].partition(":")
        key, value = key.strip().lower(), value.strip()
        if not colon or key not in {"user-agent", "allow", "disallow", "crawl-delay"}:
            continue
        if key == "user-agent":
            if not naming:
                in_our_group = in_everybodys = False
            naming = True
            token = _TOKEN.match(value)
            if token is not None and token[0].lower() in names:
                in_our_group = named = True
            in_everybodys = in_everybodys or value.split(maxsplit=1)[:1] == ["*"]
            continue
        naming = False
        if key == "crawl-delay":
            delay = _delay(value)
            for is_ours, inside in ((True, in_our_group), (False, in_everybodys)):
                if inside and delay is not None:
                    delays[is_ours] = max(delay, delays.get(is_ours, delay))
        elif value and (in_our_group or in_everybodys):
            rule = Rule(allowed=key == "allow", pattern=_one_spelling(value))
            if in_our_group:
                ours.append(rule)
            if in_everybodys:
                everybodys.append(rule)
    return tuple(ours if named else everybodys), delays.get(named)


def _delay(value: str) -> timedelta | None:
    try:
        seconds = float(value)
    except ValueError:
        return None
    if not isfinite(seconds) or seconds <= 0:
        return None
    return min(timedelta(seconds=min(seconds, 1e6)), LONGEST_DELAY)


def _matches(pattern: str, path: str) -> bool:
    ends = pattern.endswith("$")
    first, *others = pattern.removesuffix("$").split("*")
    if not path.startswith(first):
        return False
    at = len(first)
    if not others:
        return not ends or at == len(path)
    last = others.pop()
    for part in others:
        found = path.find(part, at)
        if found < 0:
            return False
        at = found + len(part)
    if ends:
        return len(path) - len(last) >= at and path.endswith(last)
    return path.find(last, at) >= 0


def _one_spelling(path: str) -> str:
    """Escapes in upper case, those undone that need not be, others made where a path has what is no ASCII (§2.2.2)."""

    def spelled(found: re.Match[str]) -> str:
        character = chr(int(found[1], 16))
        return character if _UNRESERVED.match(character) else f"%{found[1].upper()}"

    escaped = path if path.isascii() else quote(path, safe="/!$&'()*+,;=:@?%~#[]", errors="replace")
    return _ESCAPE.sub(spelled, escaped) if "%" in escaped else escaped
