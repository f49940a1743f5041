"""Verdicts of the replay: agreed, explained by name, or a failure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final


class Verdict(StrEnum):
    """Results of one comparison."""

    # agreed
    STORED = "stored"
    REVISED = "stored as a revision"
    # explained: see EXPLAINED
    ANOTHER_KEY = "same article under another key"
    ANOTHER_FEED = "same article in another feed"
    WENT_BACK = "returned to an earlier text"
    MARKUP = "only white space or markup changed"
    SUMMARY_ONLY = "only the summary changed, beside an unchanged full text"
    BOILERPLATE = "only boilerplate changed"
    CONTENT = "only the full text changed, which the expectation ignores"
    AUTHORS = "only the authors changed, which the expectation ignores"
    CAPTION = "the caption of the picture stands for the missing text"
    TWICE_IN_DOCUMENT = "several entries of one document have this key"
    CUT = "the document was cut within this entry"
    ONE_ADDRESS = "one URL for several articles of a document"
    # failures
    LOST = "lost"
    REPEATED = "stored twice"
    WRONG_TEXT = "stored with another text"
    POLL = "the result of a poll contradicts its document"
    QUARANTINED = "in quarantine"
    STREAM = "the stream lacks or repeats a revision"
    UNEXPLAINED = "unexplained"


EXPLAINED: Final[Mapping[Verdict, str]] = {
    Verdict.ANOTHER_KEY: "The entry has a new key, but its canonical URL belongs to an article that the feed "
    "published under another key before. It is the same article, so the text is stored there.",
    Verdict.ANOTHER_FEED: "The entry has a new key, but another feed published the article first. The text is "
    "stored there.",
    Verdict.WENT_BACK: "The publisher shows an earlier text of the article again. That revision is stored already, "
    "so it becomes current again, and the sighting records the effect `reverted`.",
    Verdict.MARKUP: "Title and text have the same words in the same order; tags, entities or white space differ. "
    "The expectation compares the strings literally.",
    Verdict.SUMMARY_ONLY: "The feed has a full text beside the summary. The full text is stored; it is unchanged, "
    "and contains both summaries.",
    Verdict.BOILERPLATE: "All of the stored text is in the entry before and after, and the title is the same. Only "
    "text around the story changed (subscription notes, 'read more').",
    Verdict.CONTENT: "Title and summary are the same, so no revision was expected. The full text changed, so a "
    "revision is stored: more than was expected.",
    Verdict.AUTHORS: "Title and text are the same, so no revision was expected. The authors changed, so a revision "
    "is stored: more than was expected.",
    Verdict.CAPTION: "The entry has a title and a link only, beside the caption of its picture. The caption is "
    "stored as its text, so that searches find something. The expectation ignores captions.",
    Verdict.TWICE_IN_DOCUMENT: "One document has the key several times, with different texts. The expectation "
    "counts each as a change of the previous one; the service takes one of them as the current text.",
    Verdict.CUT: "The document ends within this entry. The incomplete text is not stored; the complete one is, from "
    "an earlier or later poll.",
    Verdict.ONE_ADDRESS: "Several entries of one document, under different keys, have one URL (a live page, a video "
    "channel). The URL is no identity then, and each entry is an article of its own.",
}
FAILURES: Final = frozenset(
    {
        Verdict.LOST,
        Verdict.REPEATED,
        Verdict.WRONG_TEXT,
        Verdict.POLL,
        Verdict.QUARANTINED,
        Verdict.STREAM,
        Verdict.UNEXPLAINED,
    }
)
EXAMPLES: Final = 50


@dataclass(slots=True)
class Judgement:
    """Counts by verdict, with a few examples of each disagreement."""

    counts: Counter[Verdict] = field(default_factory=Counter)
    examples: dict[Verdict, list[str]] = field(default_factory=dict)
    removed_texts: Counter[str] = field(default_factory=Counter)
    """Text that the service removed as boilerplate, with the number of entries that had it."""

    def add(self, verdict: Verdict, example: str = "") -> None:
        self.counts[verdict] += 1
        if example and (verdict in FAILURES or len(self.examples.get(verdict, ())) < EXAMPLES):
            self.examples.setdefault(verdict, []).append(example)

    def failures(self) -> dict[Verdict, int]:
        return {
            verdict: self.counts[verdict]
            for verdict in Verdict
            if verdict in FAILURES and self.counts[verdict]
        }


def in_order(counts: Mapping[Verdict, int]) -> Iterator[tuple[Verdict, int]]:
    for verdict in Verdict:
        if counts.get(verdict):
            yield verdict, counts[verdict]
