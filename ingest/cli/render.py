"""Lines for people: what feeds said is shown without what a terminal would obey."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import click

from ingest.db.article_search import Fragment
from ingest.db.websub.subscriptions import SubscriptionView
from ingest.schedule.websub import SubscriptionState

KIND_COLOURS: Final = {
    "created": "green",
    "updated": "yellow",
    "merged": "cyan",
    "reclassified": "magenta",
    "retracted": "red",
    "gap": "red",
}
# C0 and C1 controls and what turns the direction of writing: a title must not move the cursor or hide a word.
_OBEYED: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]+")
SHOWN_PHRASES: Final = 4


def clean(text: str | None) -> str:
    """One line that a terminal only shows."""
    return _OBEYED.sub(" ", text or "").strip()


def when(at: datetime | None) -> str:
    """To the second, UTC."""
    return "never" if at is None else f"{at:%Y-%m-%d %H:%M:%S}Z"


def why(explanation: Mapping[str, Any] | None) -> str:
    """The phrases an explanation names, each once; ``everything`` where a rule needs none."""
    if explanation is None:
        return ""
    phrases = list(dict.fromkeys(str(place.get("phrase", "")) for place in explanation.get("matches", ())))
    if not phrases:
        return clean(str(explanation.get("rule", "")))
    more = f" +{len(phrases) - SHOWN_PHRASES}" if len(phrases) > SHOWN_PHRASES else ""
    return clean(" · ".join(phrases[:SHOWN_PHRASES])) + more


def reasons(explanation: Mapping[str, Any]) -> Iterable[str]:
    """An explanation in full: the part of the rule that held, then each place."""
    if rule := clean(str(explanation.get("rule", ""))):
        yield f"rule  {rule}"
    for place in explanation.get("matches", ()):
        yield at_place(place)


def at_place(place: Mapping[str, Any]) -> str:
    """The phrase of an explanation, where it is, and the words around it."""
    phrase, quote = clean(str(place.get("phrase", ""))), clean(str(place.get("quote", "")))
    return f"'{phrase}' in the {clean(str(place.get('field', '')))}: “…{highlighted(quote, phrase)}…”"


def highlighted(quote: str, phrase: str) -> str:
    """``quote`` with ``phrase`` set off, where it stands in it."""
    at = quote.lower().find(phrase.lower().rstrip("*")) if phrase else -1
    if at < 0 or len(quote.lower()) != len(quote):
        return quote
    end = at + len(phrase.rstrip("*"))
    return quote[:at] + click.style(quote[at:end], bold=True, fg="yellow") + quote[end:]


def snippet(fragments: Sequence[Fragment]) -> str:
    """A search's snippet, hits set off."""
    return "".join(
        click.style(_OBEYED.sub(" ", one.text), bold=True, fg="yellow")
        if one.hit
        else _OBEYED.sub(" ", one.text)
        for one in fragments
    ).strip()


def table(rows: Sequence[Sequence[str]], heads: Sequence[str] = ()) -> Iterable[str]:
    """Columns as wide as they need to be, under their heads where there are any."""
    lines = [heads, *rows] if heads else rows
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    if heads:
        yield click.style(
            "  ".join(h.ljust(w) for h, w in zip(heads, widths, strict=True)).rstrip(), bold=True
        )
    for row in rows:
        yield "  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip()


def in_a_row(times: int) -> str:
    return "once" if times == 1 else f"{times} times in a row"


def stands(hub: SubscriptionView) -> str:
    """How a subscription stands, in some words."""
    said = hub.state
    if hub.state == SubscriptionState.ACTIVE and hub.lease_until is not None:
        said += f" until {when(hub.lease_until)}"
        said += (
            ", trusted: polls are a backup"
            if hub.reliable
            else ", not relied on: polled as if there were none"
        )
    if hub.failures:
        said += f", failed {in_a_row(hub.failures)}"
    if hub.next_try_at is not None:
        said += f"; asked again {when(hub.next_try_at)}"
    if hub.detail:
        said += f" ({clean(hub.detail)})"
    return said
