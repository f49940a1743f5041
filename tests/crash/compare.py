"""Compare five views of the same news: published, stored, on the streams, received by the subscriber, on Kafka.

The functions are pure: they take rows and events, and return violations.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import Final

from tests.crash.news import Published, Text, stream_kinds
from tests.crash.subscriber import ReceivedEvent


class Kind(StrEnum):
    """Kinds of violation; each is a figure of its own in the report."""

    LOST = "lost"
    REPEATED = "repeated"
    OUT_OF_ORDER = "out_of_order"
    GAP = "gaps"
    WRONG = "wrong"
    UNRECORDED_POLL = "unrecorded_polls"
    QUARANTINED = "quarantined"
    UNEXPECTED_EXIT = "unexpected_exits"
    LEFT_RUNNING = "left_running"
    NOT_REACHED = "not_reached"
    POLLED_EARLY = "polled_early"
    PARTITION_UNUSED = "partitions_unused"
    STUCK = "stuck"


@dataclass(frozen=True, slots=True)
class Violation:
    kind: Kind
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRevision:
    """A row of ``revisions`` with its article."""

    url: str
    id: str
    number: int
    title: str
    text: str


MERGED_IS_CREATED: Final = {"merged": "created"}


def compare_store(published: Mapping[str, Published], stored: Sequence[StoredRevision]) -> list[Violation]:
    """Check that every text of every article is stored once, under its number, and that nothing else is stored."""
    by_url: dict[str, list[StoredRevision]] = {}
    for row in stored:
        by_url.setdefault(row.url, []).append(row)
    violations = [
        Violation(Kind.WRONG, f"stored, but never published under this address: {url}")
        for url in by_url.keys() - published.keys()
    ]
    for url, article in published.items():
        rows = sorted(by_url.get(url, []), key=lambda row: row.number)
        violations += _compare_article(article, rows)
    return violations


def _compare_article(article: Published, rows: Sequence[StoredRevision]) -> list[Violation]:
    url = article.url
    if len({row.id for row in rows}) > 1:
        return [Violation(Kind.REPEATED, f"{url} is stored as {len({row.id for row in rows})} articles")]
    expected = [_normalised(text) for text in article.texts]
    actual = [_normalised(Text(title=row.title, body=row.text)) for row in rows]
    if actual == expected and [row.number for row in rows] == list(range(1, len(expected) + 1)):
        return []
    violations = []
    for version, text in enumerate(expected, 1):
        if text not in actual:
            violations.append(Violation(Kind.LOST, f"{url} version {version} is not stored: {text[0]!r}"))
    for text, count in Counter(actual).items():
        if text not in expected:
            violations.append(
                Violation(Kind.WRONG, f"{url} has a text that was never published: {text[0]!r} {text[1]!r}")
            )
        elif count > 1:
            violations.append(Violation(Kind.REPEATED, f"{url}: {text[0]!r} is stored {count} times"))
    if not violations:
        violations.append(
            Violation(Kind.OUT_OF_ORDER, f"{url}: its revisions are {[(r.number, r.title) for r in rows]}")
        )
    return violations


def _normalised(text: Text) -> tuple[str, str]:
    return " ".join(text.title.split()), " ".join(text.body.split())


def compare_stream(
    where: str,
    topic: str,
    events: Sequence[ReceivedEvent],
    published: Iterable[Published],
    article_ids: Mapping[str, str],
) -> list[Violation]:
    """Check that ``events`` has the cursors 1, 2, 3 …, and the expected events of each article in order.

    ``article_ids`` maps the URL of each stored article to its id.
    """
    violations = compare_cursors(where, events)
    by_article: dict[str, list[tuple[int, str]]] = {}
    for event in events:
        kind = MERGED_IS_CREATED.get(event.kind, event.kind)
        by_article.setdefault(event.article, []).append((event.revision, kind))
    for article in published:
        expected = stream_kinds(article, topic)
        actual = by_article.pop(article_ids.get(article.url, ""), [])
        if actual == expected:
            continue
        missing, extra = Counter(expected) - Counter(actual), Counter(actual) - Counter(expected)
        context = f"{where}, topic {topic}: {article.url}"
        for revision, kind in missing:
            violations.append(Violation(Kind.LOST, f"{context}: no event {kind!r} of revision {revision}"))
        for (revision, kind), count in extra.items():
            violations.append(
                Violation(
                    Kind.REPEATED, f"{context}: {count} events too many {kind!r} of revision {revision}"
                )
            )
        if not missing and not extra:
            violations.append(Violation(Kind.OUT_OF_ORDER, f"{context}: {actual}, expected {expected}"))
    for article_id in by_article:
        violations.append(
            Violation(Kind.WRONG, f"{where}, topic {topic}: events of an unknown article {article_id}")
        )
    return violations


def compare_cursors(where: str, events: Sequence[ReceivedEvent]) -> list[Violation]:
    """Check that the cursors are 1, 2, 3 … in this order."""
    violations: list[Violation] = []
    last = 0
    for event in events:
        if event.cursor == last + 1:
            last = event.cursor
        elif event.cursor <= last:
            violations.append(Violation(Kind.REPEATED, f"{where}: cursor {event.cursor} came after {last}"))
        else:
            violations.append(Violation(Kind.GAP, f"{where}: after cursor {last} came {event.cursor}"))
            last = event.cursor
    return violations


def compare_polls(
    leased: Mapping[int, int], recorded: Sequence[int], current: Iterable[int]
) -> list[Violation]:
    """Check that every lease that ended has an outcome.

    ``leased`` maps poll to feed; ``current`` are the polls whose lease is still held.
    """
    open_now = set(current)
    missing = leased.keys() - set(recorded) - open_now
    violations = [
        Violation(Kind.UNRECORDED_POLL, f"poll {poll} of feed {leased[poll]} was leased and has no outcome")
        for poll in sorted(missing)
    ]
    for poll, count in Counter(recorded).items():
        if count > 1:
            violations.append(Violation(Kind.REPEATED, f"poll {poll} has {count} outcomes"))
        if poll not in leased:
            violations.append(Violation(Kind.WRONG, f"poll {poll} has an outcome and was never leased"))
    return violations


def compare_intervals(path: str, times: Sequence[float], *, interval: float) -> list[Violation]:
    """Check that no feed was requested sooner than ``interval`` seconds after its previous request."""
    return [
        Violation(
            Kind.POLLED_EARLY,
            f"{path} was asked {later - sooner:.3f} s after the last time, not {interval} s",
        )
        for sooner, later in pairwise(times)
        if later - sooner < interval
    ]
