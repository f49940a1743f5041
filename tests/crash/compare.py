"""Published = stored = on the streams = told to the subscriber = on Kafka. Pure: it is given what was found."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import Final

from tests.crash.news import Published, Text, stream_kinds
from tests.crash.subscriber import Told


class Kind(StrEnum):
    """What can be wrong; each is a figure of its own."""

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
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRevision:
    """One row of ``revisions`` with its article."""

    url: str
    id: str
    number: int
    title: str
    text: str


MERGED_IS_CREATED: Final = {"merged": "created"}


def compare_store(published: Mapping[str, Published], stored: Sequence[StoredRevision]) -> list[Violation]:
    """Every text of every article is stored once, under its number, and nothing else is."""
    by_url: dict[str, list[StoredRevision]] = {}
    for row in stored:
        by_url.setdefault(row.url, []).append(row)
    found = [
        Violation(Kind.WRONG, f"stored, but never published under this address: {url}")
        for url in by_url.keys() - published.keys()
    ]
    for url, article in published.items():
        rows = sorted(by_url.get(url, []), key=lambda row: row.number)
        found += _compare_article(article, rows)
    return found


def _compare_article(article: Published, rows: Sequence[StoredRevision]) -> list[Violation]:
    url = article.url
    if len({row.id for row in rows}) > 1:
        return [Violation(Kind.REPEATED, f"{url} is stored as {len({row.id for row in rows})} articles")]
    wanted = [_said(text) for text in article.texts]
    have = [_said(Text(title=row.title, body=row.text)) for row in rows]
    if have == wanted and [row.number for row in rows] == list(range(1, len(wanted) + 1)):
        return []
    found = []
    for version, text in enumerate(wanted, 1):
        if text not in have:
            found.append(Violation(Kind.LOST, f"{url} version {version} is not stored: {text[0]!r}"))
    for text, count in Counter(have).items():
        if text not in wanted:
            found.append(
                Violation(Kind.WRONG, f"{url} has a text that was never published: {text[0]!r} {text[1]!r}")
            )
        elif count > 1:
            found.append(Violation(Kind.REPEATED, f"{url}: {text[0]!r} is stored {count} times"))
    if not found:
        found.append(
            Violation(Kind.OUT_OF_ORDER, f"{url}: its revisions are {[(r.number, r.title) for r in rows]}")
        )
    return found


def _said(text: Text) -> tuple[str, str]:
    return " ".join(text.title.split()), " ".join(text.body.split())


def compare_stream(
    where: str, topic: str, told: Sequence[Told], published: Iterable[Published], ids: Mapping[str, str]
) -> list[Violation]:
    """``told`` has the cursors 1, 2, 3 …, and of each article just the events it must have, in order.

    ``ids`` gives the article id of each address that is stored.
    """
    found = compare_cursors(where, told)
    by_article: dict[str, list[tuple[int, str]]] = {}
    for event in told:
        kind = MERGED_IS_CREATED.get(event.kind, event.kind)
        by_article.setdefault(event.article, []).append((event.revision, kind))
    for article in published:
        wanted = stream_kinds(article, topic)
        have = by_article.pop(ids.get(article.url, ""), [])
        if have == wanted:
            continue
        missing, extra = Counter(wanted) - Counter(have), Counter(have) - Counter(wanted)
        of = f"{where}, topic {topic}: {article.url}"
        for revision, kind in missing:
            found.append(Violation(Kind.LOST, f"{of}: no event {kind!r} of revision {revision}"))
        for (revision, kind), count in extra.items():
            found.append(
                Violation(Kind.REPEATED, f"{of}: {count} events too many {kind!r} of revision {revision}")
            )
        if not missing and not extra:
            found.append(Violation(Kind.OUT_OF_ORDER, f"{of}: {have}, expected {wanted}"))
    for article_id in by_article:
        found.append(
            Violation(Kind.WRONG, f"{where}, topic {topic}: events of an unknown article {article_id}")
        )
    return found


def compare_cursors(where: str, told: Sequence[Told]) -> list[Violation]:
    """The cursors are 1, 2, 3 … in this order."""
    found: list[Violation] = []
    last = 0
    for event in told:
        if event.cursor == last + 1:
            last = event.cursor
        elif event.cursor <= last:
            found.append(Violation(Kind.REPEATED, f"{where}: cursor {event.cursor} came after {last}"))
        else:
            found.append(Violation(Kind.GAP, f"{where}: after cursor {last} came {event.cursor}"))
            last = event.cursor
    return found


def compare_polls(
    leased: Mapping[int, int], recorded: Sequence[int], current: Iterable[int]
) -> list[Violation]:
    """Every lease that ended has its row; ``leased`` is feed by poll, ``current`` what is held now."""
    open_now = set(current)
    missing = leased.keys() - set(recorded) - open_now
    found = [
        Violation(Kind.UNRECORDED_POLL, f"poll {poll} of feed {leased[poll]} was leased and has no outcome")
        for poll in sorted(missing)
    ]
    for poll, count in Counter(recorded).items():
        if count > 1:
            found.append(Violation(Kind.REPEATED, f"poll {poll} has {count} outcomes"))
        if poll not in leased:
            found.append(Violation(Kind.WRONG, f"poll {poll} has an outcome and was never leased"))
    return found


def compare_intervals(path: str, times: Sequence[float], *, interval: float) -> list[Violation]:
    """A feed was never asked sooner than ``interval`` seconds after the last time."""
    return [
        Violation(
            Kind.POLLED_EARLY,
            f"{path} was asked {later - sooner:.3f} s after the last time, not {interval} s",
        )
        for sooner, later in pairwise(times)
        if later - sooner < interval
    ]
