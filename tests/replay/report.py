"""Write the Markdown report: every verdict with its reason, its count and examples."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from tests.feedworld.recorded import Recording
from tests.replay.play import Played
from tests.replay.verdicts import EXAMPLES, EXPLAINED, FAILURES, Judgement, Verdict, in_order

EXAMPLE_CHARACTERS = 600
SHOWN_IN_SUMMARY = 5
SHOWN_FAILURES = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """The part of the report for one log."""

    log: str
    judgement: Judgement
    played: Played
    notes: Sequence[str]
    """Results of the other replays over this log, one line each."""


def report(recording: Recording, sections: Sequence[Section]) -> str:
    introduction = (
        f"{len(recording.polls)} recorded polls of {len(recording.feeds)} feeds were served over HTTP in the order "
        "of their time, polled, sent through the log, and stored; what is stored was compared with what feedparser "
        "reads in the same bytes."
    )
    lines = ["# Replay", "", introduction]
    for section in sections:
        lines += ["", f"## Log: {section.log}", *_polls(section.played), *_counts(section), *_named(section)]
    return "\n".join(lines) + "\n"


def summary(section: Section) -> list[str]:
    """Return the section as a few lines for the terminal."""
    lines = [f"{section.log}: {count} {name}" for name, count in in_order(section.judgement.counts)]
    for name in section.judgement.failures():
        examples = section.judgement.examples.get(name, [])
        lines += [f"  {name}: {example[:EXAMPLE_CHARACTERS]}" for example in examples[:SHOWN_IN_SUMMARY]]
    return [*lines, *(f"{section.log}: {note}" for note in section.notes)]


def _polls(played: Played) -> list[str]:
    ends = Counter(
        poll.result if poll.failure is None else f"{poll.result}: {poll.failure}"
        for poll in played.polls.values()
    )
    empty = sum(poll.result == "fetched" and poll.entries == 0 for poll in played.polls.values())
    return [
        "",
        "| polls ended as | count |",
        "|---|---:|",
        *(f"| {name} | {count} |" for name, count in ends.most_common()),
        f"| of the fetched: a feed without entries | {empty} |",
    ]


def _counts(section: Section) -> list[str]:
    kinds = dict.fromkeys((Verdict.STORED, Verdict.REVISED), "agreed") | dict.fromkeys(
        FAILURES, "**failure**"
    )
    rows = [
        f"| {name} | {count} | {kinds.get(name, 'explained')} |"
        for name, count in in_order(section.judgement.counts)
    ]
    removed_texts = section.judgement.removed_texts
    if removed_texts:
        rows_out = [
            f"| {_inline(text).replace('|', '¦')} | {count} |"
            for text, count in removed_texts.most_common(EXAMPLES)
        ]
        out = ["", "Taken out of texts as boilerplate:", "", "| text | entries |", "|---|---:|", *rows_out]
    else:
        out = []
    return [
        *out,
        "",
        "| comparison | count | |",
        "|---|---:|---|",
        *rows,
        *(f"\n{note}" for note in section.notes),
    ]


def _named(section: Section) -> list[str]:
    lines: list[str] = []
    for name, count in in_order(section.judgement.counts):
        examples = section.judgement.examples.get(name, [])
        if name not in EXPLAINED and name not in FAILURES:
            continue
        lines += ["", f"### {name} ({count})", ""]
        if name in EXPLAINED:
            lines += [EXPLAINED[name], ""]
        shown = examples[: SHOWN_FAILURES if name in FAILURES else EXAMPLES]
        lines += [f"- `{_inline(example)}`" for example in shown]
    return lines


def _inline(text: str) -> str:
    return text[:EXAMPLE_CHARACTERS].replace("`", "'").replace("\n", " ")
