"""Dates of entries: each form of the corpus is read or unknown, and none is wrong by hours.

Every ``pubDate``, ``published``, ``updated``, ``dc:date``, ``issued`` and ``modified`` of the recorded polls, the wild
feeds and the conformance suites goes through the parser in a document of its own, and is compared with an independent
reading (:mod:`tests.quality.date_oracle`). Dates are grouped by form: digits, weekdays and English months are masked,
zones stay. ``date_forms.tsv`` adds forms that the corpus lacks, with the expected time in UTC or ``unknown``.
"""

from __future__ import annotations

import csv
import html
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Final

from ingest.parse import OLDEST, parse_feed
from ingest.types import Failed
from tests.bench.figures import Figures, corpus_file, read_tar_zst
from tests.quality.date_oracle import Certainty, expected
from tests.quality.recorded import POLLS, poll_time

FORMS: Final = Path(__file__).parent / "date_forms.tsv"
ARCHIVES: Final = (POLLS, "wild-feeds.tar.zst", "conformance.tar.zst")
TOLERANCE: Final = timedelta(minutes=1)
EARLY: Final = timedelta(hours=2)
"""A date this much later than the poll that fetched it is suspicious."""
BATCH: Final = 500
SLOW_SAMPLES: Final = 5
"""Dates of each form that are also read without the fast path."""
_ELEMENTS: Final = {
    "pubdate": "pubDate",
    "published": "published",
    "updated": "updated",
    "date": "dc:date",
    "issued": "issued",
    "modified": "modified",
}
_DATE: Final = re.compile(
    rb"<(?:[A-Za-z][\w.-]*:)?(pubDate|published|updated|date|issued|modified)(?:\s[^<>]*)?>"
    rb"\s*(?:<!\[CDATA\[)?([^<\]]{1,200}?)(?:\]\]>)?\s*</",
    re.IGNORECASE,
)
_DECLARED: Final = re.compile(rb"""^\s*<\?xml[^>]{0,200}?encoding\s*=\s*["']([\w.:-]+)""")
_WEEKDAY: Final = re.compile(r"\b(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)\b")
_MONTH: Final = re.compile(r"\b(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)\b")


@dataclass(frozen=True, slots=True, kw_only=True)
class RawDate:
    """One date as a feed declares it."""

    element: str
    text: str

    @property
    def form(self) -> str:
        masked = _MONTH.sub("Mmm", _WEEKDAY.sub("Ddd", self.text))
        return f"{self.element} {re.sub(r'[0-9]', '9', masked)}"


@dataclass(slots=True, kw_only=True)
class FormTally:
    """Verdicts on the distinct dates of one form."""

    verdicts: Counter[str]
    example: str = ""
    wrong: str = ""


def corpus_dates(corpus: Path) -> dict[RawDate, datetime | None]:
    """Return each distinct date of the corpus, with the time of the first recorded poll that has it."""
    dates: dict[RawDate, datetime | None] = {}
    for archive in ARCHIVES:
        for name, body in read_tar_zst(corpus_file(corpus, archive)):
            at = poll_time(name)
            for element, value in _DATE.findall(body):
                text = html.unescape(_decoded(value, body)).strip()
                raw = RawDate(element=_ELEMENTS[element.decode().lower()], text=text)
                earlier = dates.get(raw)
                if raw not in dates or (at is not None and (earlier is None or at < earlier)):
                    dates[raw] = at
    return dates


def _decoded(value: bytes, body: bytes) -> str:
    declared = _DECLARED.match(body)
    for encoding in ("utf-8", declared[1].decode() if declared else "cp1252"):
        try:
            return value.decode(encoding)
        except (UnicodeDecodeError, LookupError):
            continue
    return value.decode("utf-8", "replace")


def read_through_product(
    dates: Iterable[RawDate], *, use_fastpath: bool = True
) -> Iterator[tuple[RawDate, datetime | None]]:
    """Yield each date with the time that the product reads, from one document for each few hundred."""
    by_element: defaultdict[str, list[RawDate]] = defaultdict(list)
    for raw in dates:
        by_element[raw.element].append(raw)
    for element, group in by_element.items():
        remaining = iter(group)
        while batch := list(islice(remaining, BATCH)):
            parsed = parse_feed(
                _document(element, batch), url="https://dates.example/feed", use_fastpath=use_fastpath
            )
            if isinstance(parsed, Failed) or len(parsed.entries) != len(batch):
                raise RuntimeError(f"a document of {len(batch)} dates in {element} was not parsed whole")
            for raw, entry in zip(batch, parsed.entries, strict=True):
                yield raw, entry.published or entry.updated


def _document(element: str, batch: Sequence[RawDate]) -> bytes:
    atom = element in {"published", "updated", "issued", "modified"}
    entry, identifier = ("entry", "id") if atom else ("item", "guid")
    entries = "".join(
        f"<{entry}><title>Title</title><{identifier}>urn:date:{number}</{identifier}>"
        f"<{element}>{html.escape(raw.text)}</{element}></{entry}>"
        for number, raw in enumerate(batch)
    )
    document = (
        f'<feed xmlns="http://www.w3.org/2005/Atom"><title>Dates</title>{entries}</feed>'
        if atom
        else f'<rss version="2.0" xmlns:dc="http://purl.org/dc/elements/1.1/"><channel><title>Dates</title>'
        f"{entries}</channel></rss>"
    )
    return f'<?xml version="1.0" encoding="utf-8"?>{document}'.encode("utf-8", "replace")


def judge(text: str, date: datetime | None) -> str:
    """Return ``right``, ``wrong``, ``unread`` or ``undecided`` for the product's reading of a date."""
    meaning = expected(text)
    if date is None:
        return "unread"
    if meaning.certainty is Certainty.UNDECIDED:
        return "undecided"
    if meaning.date is None or abs(date - meaning.date) > TOLERANCE:
        return "wrong"
    return "right"


def is_readable(text: str) -> bool:
    """Whether the oracle reads a date that is recent enough to be plausible in a feed."""
    meaning = expected(text)
    return meaning.date is not None and meaning.date >= OLDEST


def measure(corpus: Path, figures: Figures, *, show: int) -> None:
    """Add the dates of the corpus by verdict, a table of their forms, and the hand-made forms."""
    dates = corpus_dates(corpus)
    forms: defaultdict[str, FormTally] = defaultdict(lambda: FormTally(verdicts=Counter()))
    later: Counter[str] = Counter()
    samples: defaultdict[str, list[RawDate]] = defaultdict(list)
    fast: dict[RawDate, datetime | None] = {}
    for raw, date in read_through_product(dates):
        tally, verdict, polled = forms[raw.form], judge(raw.text, date), dates[raw]
        tally.verdicts[verdict] += 1
        tally.example = tally.example or raw.text
        tally.verdicts["unread_readable"] += date is None and is_readable(raw.text)
        if verdict == "wrong":
            tally.wrong = f"{raw.text} is read as {date}, expected {expected(raw.text).date}"
        if date is not None and polled is not None and date > polled + EARLY:
            later[raw.form] += 1
        if len(samples[raw.form]) < SLOW_SAMPLES:
            samples[raw.form].append(raw)
            fast[raw] = date
    total = sum((tally.verdicts for tally in forms.values()), Counter[str]())
    slow = read_through_product((raw for group in samples.values() for raw in group), use_fastpath=False)
    differing = [raw for raw, date in slow if fast[raw] != date]
    figures.add("dates_distinct", len(dates), "dates")
    figures.add("dates_forms", len(forms), "forms")
    figures.add("dates_right", total["right"] / max(1, len(dates)), "ratio")
    figures.add("dates_unread", total["unread"], "dates")
    figures.add("dates_unread_readable", total["unread_readable"], "dates", goal=0, lower_is_better=True)
    figures.add("dates_undecided", total["undecided"], "dates")
    figures.add("dates_wrong", total["wrong"], "dates", floor=0, lower_is_better=True)
    figures.add("dates_later_than_poll", sum(later.values()), "dates")
    figures.add("dates_paths_differ", len(differing), "dates", floor=0, lower_is_better=True)
    _measure_hand_made(figures, show=show)
    if show:
        _print_table(forms, later, show=show)
        for raw in differing[:show]:
            print(f"the fast path reads another date: {raw.form}: {raw.text}", file=sys.stderr)


def _measure_hand_made(figures: Figures, *, show: int) -> None:
    with FORMS.open(encoding="utf-8", newline="") as file:
        rows = [(row["date"], row["expected"]) for row in csv.DictReader(file, delimiter="\t")]
    right = wrong = 0
    for element in ("pubDate", "updated"):
        raws = [RawDate(element=element, text=text) for text, _ in rows]
        for (text, meaning), (_, date) in zip(rows, read_through_product(raws), strict=True):
            utc = None if meaning == "unknown" else datetime.fromisoformat(meaning).replace(tzinfo=UTC)
            is_right = date == utc or (date is not None and utc is not None and abs(date - utc) <= TOLERANCE)
            right += is_right
            wrong += not is_right and date is not None
            if not is_right and show:
                print(f"dates: {element} {text!r} is read as {date}, expected {meaning}", file=sys.stderr)
    figures.add("dates_hand_made_right", right / (2 * len(rows)), f"ratio_of_{2 * len(rows)}", goal=1)
    figures.add("dates_hand_made_wrong", wrong, "dates", floor=0, lower_is_better=True)


def _print_table(forms: dict[str, FormTally], later: Counter[str], *, show: int) -> None:
    def concern(item: tuple[str, FormTally]) -> tuple[int, ...]:
        verdicts = item[1].verdicts
        return (-verdicts["wrong"], -verdicts["undecided"], -verdicts["unread"], -verdicts.total())

    print("dates: right wrong unread undecided later_than_poll form (example)", file=sys.stderr)
    for form, tally in sorted(forms.items(), key=concern)[:show]:
        verdicts = tally.verdicts
        counts = " ".join(str(verdicts[name]) for name in ("right", "wrong", "unread", "undecided"))
        print(f"dates: {counts} {later[form]} {form} ({tally.wrong or tally.example})", file=sys.stderr)
