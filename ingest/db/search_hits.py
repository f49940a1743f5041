"""Find the newest articles that match a search, within a time budget, and know how far back they are complete.

::

    newest 256 articles ─▶ compare their vectors                       common words end here
          │
          ▼ older articles
    segments, newest first, in growing groups ─▶ inverted index        rare and absent words
          │
          ▼ budget exhausted
    the hits so far, complete since a time

Every step is bounded by a window or by the size of its segments, so no estimate of the planner decides how much is
read. The first group of segments is read whatever the budget is: a database of that size gives exact results always.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from ingest.db.read_transaction import TimedOut
from ingest.db.search_plans import Candidate, Plans, newest_first
from ingest.db.search_segments import SEGMENT_BYTES, Segment
from ingest.query import ArticleQuery, PageCursor

WINDOWS: Final = (256,)
"""Numbers of newest articles whose vectors are compared before the inverted index is read. Reading a vector costs about
as much as ten entries of the inverted index."""
LIST_WINDOWS: Final = (1_000, 4_000, 16_000, 64_000)
"""Numbers of articles that a list with several filters reads at a time; the last number repeats."""
FIRST_GROUP: Final = SEGMENT_BYTES * 5 // 4
"""Bytes of the segments that are looked up first: a full one and the small ones beside it."""
GROUP_GROWTH: Final = 4
"""Each group of segments is larger than the one before by this factor."""
CANDIDATES: Final = 2_000
"""Candidates of a phrase that one statement returns."""
CHUNK: Final = 256
"""Candidates of a phrase whose vectors one statement compares."""
_LOWEST_ID: Final = UUID(int=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hits:
    """Matching articles, newest first, and the position at which the search continues."""

    candidates: tuple[Candidate, ...]
    end: PageCursor | None
    """Every match before this position is among the candidates; None: every match is."""
    cut: bool = False
    """Whether the budget ended the search before ``count`` articles matched."""
    timed_out: bool = False
    """Whether a statement reached its time limit, which ends the transaction."""


def list_articles(
    plans: Plans, *, after: PageCursor | None, count: int, exhausted: Callable[[], bool], filters: int
) -> Hits:
    """Return the newest ``count`` articles that pass all filters."""
    kept: list[Candidate] = []
    # With one filter every walked article passes it.
    windows = iter((count + 1,)) if filters < 2 else _repeat_last(LIST_WINDOWS)
    for window in windows:
        walked = plans.walk(after=after, window=window)
        kept += walked.candidates
        if len(kept) > count:
            return _full(kept, count)
        if walked.end is None:
            return Hits(candidates=tuple(kept), end=None)
        after = walked.end
        if exhausted():
            break
    return Hits(candidates=tuple(kept), end=after, cut=True)


def search_articles(
    plans: Plans,
    segments: Sequence[Segment],
    query: ArticleQuery,
    *,
    after: PageCursor | None,
    count: int,
    enough: int,
    exhausted: Callable[[], bool],
) -> Hits:
    """Return the newest ``count`` articles whose vectors match and that pass all filters.

    Args:
        enough: the number of hits among the newest articles at which the inverted index is not read.
        exhausted: whether the time budget is used up.

    Raises:
        TimedOut: a statement over the newest articles took too long; nothing is known.
    """
    hits: list[Candidate] = []
    end = after
    for window in WINDOWS:
        walked = plans.walk(after=end, window=window)
        hits += plans.matching(walked.candidates)
        if len(hits) > count:
            return _full(hits, count)
        if walked.end is None:
            return Hits(candidates=tuple(hits), end=None)
        end = walked.end
    assert end is not None, "every window has an end"
    if len(hits) >= enough:
        return Hits(candidates=tuple(hits), end=end, cut=True)
    look_up = _look_up_phrases if plans.has_positions else _look_up
    return look_up(plans, _overlapping(segments, query, end), hits, end, count, exhausted)


def _look_up(
    plans: Plans,
    segments: Sequence[Segment],
    hits: list[Candidate],
    after: PageCursor,
    count: int,
    exhausted: Callable[[], bool],
) -> Hits:
    """Continue ``hits`` from the inverted index of segments, which are in the order of their periods."""
    below: list[Candidate] = []
    complete = list(hits)
    end = after
    size, first, timed_out = FIRST_GROUP, 0, False
    while first < len(segments):
        try:
            below += plans.look_up(segments[first : first + size], after=after, count=count + 1)
        except TimedOut:
            timed_out = True
            break
        first, size = first + size, 2 * size
        if first >= len(segments):
            return _last(hits, newest_first(below), count)
        # Segments that were not read hold only articles from before this time.
        end = PageCursor(sort_at=segments[first].sort_until, id=_LOWEST_ID)
        complete = [*hits, *(each for each in newest_first(below) if each.sort_at >= end.sort_at)]
        if len(complete) > count:
            return _full(complete, count)
        if exhausted():
            break
    else:
        return Hits(candidates=tuple(hits), end=None)
    return Hits(candidates=tuple(complete), end=end, cut=True, timed_out=timed_out)


def _look_up_phrases(
    plans: Plans,
    segments: Sequence[Segment],
    hits: list[Candidate],
    after: PageCursor,
    count: int,
    exhausted: Callable[[], bool],
) -> Hits:
    """Continue ``hits`` from candidates of the inverted index, whose vectors are compared newest first.

    Groups end between periods, so every article behind a group is older than those in it.
    """
    complete = list(hits)
    end = after
    try:
        for group, _ in _groups(segments):
            while True:
                if end != after and exhausted():
                    return Hits(candidates=tuple(complete), end=end, cut=True)
                candidates = plans.look_up(group, after=end, count=CANDIDATES)
                # Where a segment has more candidates than that, only the newest of all segments are complete.
                compared = candidates[:CANDIDATES]
                for first in range(0, len(compared), CHUNK):
                    if end != after and exhausted():
                        return Hits(candidates=tuple(complete), end=end, cut=True)
                    chunk = compared[first : first + CHUNK]
                    complete += plans.matching(chunk)
                    end = chunk[-1].position
                    if len(complete) > count:
                        return _full(complete, count)
                if len(candidates) < CANDIDATES:
                    break
    except TimedOut:
        return Hits(candidates=tuple(complete), end=end, cut=True, timed_out=True)
    return Hits(candidates=tuple(complete), end=None)


def _overlapping(segments: Sequence[Segment], query: ArticleQuery, after: PageCursor) -> list[Segment]:
    """Return the segments that may hold articles behind ``after`` and within the dates, newest period first."""
    return [
        segment
        for segment in segments
        if segment.sort_from <= after.sort_at
        and (query.since is None or segment.sort_until > query.since)
        and (query.until is None or segment.sort_from < query.until)
    ]


def _groups(segments: Sequence[Segment]) -> Iterator[tuple[Sequence[Segment], Segment | None]]:
    """Yield growing groups of whole periods, each with the first segment behind it."""
    first, size, limit = 0, 0, FIRST_GROUP
    for number, segment in enumerate(segments, 1):
        size += segment.size
        following = segments[number] if number < len(segments) else None
        ends = following is None or following.sort_until != segment.sort_until
        if ends and (size >= limit or following is None):
            yield segments[first:number], following
            first, size, limit = number, 0, limit * GROUP_GROWTH


def _last(hits: Sequence[Candidate], below: Sequence[Candidate], count: int) -> Hits:
    candidates = [*hits, *below]
    return (
        _full(candidates, count) if len(candidates) > count else Hits(candidates=tuple(candidates), end=None)
    )


def _full(candidates: Sequence[Candidate], count: int) -> Hits:
    return Hits(candidates=tuple(candidates[:count]), end=candidates[count - 1].position)


def _repeat_last(windows: Sequence[int]) -> Iterator[int]:
    yield from windows
    while True:
        yield windows[-1]
