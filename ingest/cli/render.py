"""Text for people; control characters in remote text are removed before a terminal can obey them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import click

from ingest.db.websub.subscriptions import SubscriptionView
from ingest.schedule.websub import SubscriptionState
from ingest.search import Fragment

KIND_COLOURS: Final = {
    "created": "green",
    "updated": "yellow",
    "merged": "cyan",
    "reclassified": "magenta",
    "retracted": "red",
    "gap": "red",
}
# C0 and C1 controls, and characters that change the direction of text: a title must not move the cursor or hide a word.
_CONTROLS: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]+")
MAX_PHRASES: Final = 4


def clean(text: str | None) -> str:
    """Return ``text`` as one line without control characters."""
    return _CONTROLS.sub(" ", text or "").strip()


def timestamp(at: datetime | None) -> str:
    """Return a time in UTC to the second; ``never`` for None."""
    return "never" if at is None else f"{at:%Y-%m-%d %H:%M:%S}Z"


def match_summary(explanation: Mapping[str, Any] | None) -> str:
    """Return the distinct phrases of an explanation, or the rule where it needs no phrase."""
    if explanation is None:
        return ""
    phrases = list(dict.fromkeys(str(hit.get("phrase", "")) for hit in explanation.get("matches", ())))
    if not phrases:
        return clean(str(explanation.get("rule", "")))
    more = f" +{len(phrases) - MAX_PHRASES}" if len(phrases) > MAX_PHRASES else ""
    return clean(" · ".join(phrases[:MAX_PHRASES])) + more


def match_details(explanation: Mapping[str, Any]) -> Iterable[str]:
    """Yield the part of the rule that matched, then each phrase with its place."""
    if rule := clean(str(explanation.get("rule", ""))):
        yield f"rule  {rule}"
    for hit in explanation.get("matches", ()):
        yield phrase_text(hit)


def phrase_text(hit: Mapping[str, Any]) -> str:
    """Return a matched phrase, its field, and the words around it."""
    phrase, quote = clean(str(hit.get("phrase", ""))), clean(str(hit.get("quote", "")))
    return f"'{phrase}' in the {clean(str(hit.get('field', '')))}: “…{highlighted(quote, phrase)}…”"


def highlighted(quote: str, phrase: str) -> str:
    """Return ``quote`` with the first occurrence of ``phrase`` highlighted."""
    start = quote.lower().find(phrase.lower().rstrip("*")) if phrase else -1
    if start < 0 or len(quote.lower()) != len(quote):
        return quote
    end = start + len(phrase.rstrip("*"))
    return quote[:start] + click.style(quote[start:end], bold=True, fg="yellow") + quote[end:]


def snippet(fragments: Sequence[Fragment]) -> str:
    """Return the snippet of a search result with its hits highlighted."""
    return "".join(
        click.style(_CONTROLS.sub(" ", fragment.text), bold=True, fg="yellow")
        if fragment.hit
        else _CONTROLS.sub(" ", fragment.text)
        for fragment in fragments
    ).strip()


def event_line(cursor: int, at: object, kind: str, colour: str | None) -> str:
    """Return the first columns of an event: cursor, time and kind."""
    time = str(at or "")[:19].replace("T", " ")
    return f"{click.style(str(cursor).rjust(6), dim=True)}  {time}Z  {click.style(kind.ljust(12), fg=colour)}"


def table(rows: Sequence[Sequence[str]], heads: Sequence[str] = ()) -> Iterator[str]:
    """Yield rows in aligned columns, below their heads if there are any."""
    lines = [heads, *rows] if heads else rows
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    if heads:
        cells = (head.ljust(width) for head, width in zip(heads, widths, strict=True))
        yield click.style("  ".join(cells).rstrip(), bold=True)
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def consecutive(times: int) -> str:
    """Return a number of consecutive failures in words."""
    return "once" if times == 1 else f"{times} times in a row"


def subscription_text(subscription: SubscriptionView) -> str:
    """Return state, lease, trust and next request of a WebSub subscription as one line."""
    text = subscription.state
    if subscription.state == SubscriptionState.ACTIVE and subscription.lease_until is not None:
        text += f" until {timestamp(subscription.lease_until)}"
        text += (
            ", trusted: polls are a backup"
            if subscription.reliable
            else ", not trusted: polled as without a hub"
        )
    if subscription.failures:
        text += f", failed {consecutive(subscription.failures)}"
    if subscription.next_try_at is not None:
        text += f"; next request {timestamp(subscription.next_try_at)}"
    if subscription.detail:
        text += f" ({clean(subscription.detail)})"
    return text
