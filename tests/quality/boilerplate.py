"""Boilerplate around a story: how many lines of it are removed, and whether sentences of the story are damaged.

``boilerplate_lines.tsv`` has hand-made lines, each marked as boilerplate or as a sentence of a story that resembles it.
Each line stands in a small article of its language (``filler.toml``), at its usual position. A line with ``⟦…⟧``
is boilerplate between these marks only. A hash of the line assigns it to the *tuning* half, which rules may be written
for, or to the *final* half. The sample article of the corpus and the outlets of the demo are measured beside them.
"""

from __future__ import annotations

import csv
import re
import sys
import tomllib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from html import escape
from pathlib import Path
from typing import Final

from ingest.demo.story import read_story
from ingest.normalise import draft_entries
from ingest.types import Entry, ParsedFeed
from tests.bench.figures import Figures, corpus_file

FOLDER: Final = Path(__file__).parent
LINES: Final = FOLDER / "boilerplate_lines.tsv"
FILLER: Final = FOLDER / "filler.toml"
HALVES: Final = ("tuning", "final")
MIN_REMOVED: Final = 0.95
SAMPLE_TAIL: Final = 6
"""Lines of boilerplate at the end of the sample article; its first line names the first publisher."""
_MARKED: Final = re.compile(r"⟦(.*?)⟧")
_ASIDE: Final = re.compile(r"\(Related: [^()]*\)")


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkedLine:
    """One line of an article, and the parts of it that are boilerplate."""

    text: str
    boilerplate: tuple[str, ...] = ()

    @property
    def story(self) -> str:
        """The line without its boilerplate."""
        story = self.text
        for part in self.boilerplate:
            story = story.replace(part, "", 1)
        return " ".join(story.split())


@dataclass(frozen=True, slots=True, kw_only=True)
class HandMade:
    """One row of ``boilerplate_lines.tsv``."""

    language: str
    position: str
    line: MarkedLine

    @property
    def half(self) -> str:
        return HALVES[blake2b(self.line.text.encode(), digest_size=1).digest()[0] % 2]


@dataclass(slots=True, kw_only=True)
class Tally:
    """Counts over lines, and the lines that were treated wrongly."""

    boilerplate: int = 0
    removed: int = 0
    story: int = 0
    kept: list[str]
    damaged: list[str]

    @property
    def removed_share(self) -> float:
        return self.removed / max(1, self.boilerplate)


def read_lines() -> list[HandMade]:
    rows = []
    with LINES.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE):
            text = row["line"].replace("⟦", "").replace("⟧", "")
            marked = tuple(_MARKED.findall(row["line"]))
            if row["kind"] == "boilerplate" and not marked:
                marked = (text,)
            line = MarkedLine(text=text, boilerplate=marked)
            rows.append(HandMade(language=row["language"], position=row["position"], line=line))
    return rows


def surround(row: HandMade, filler: Mapping[str, Sequence[str]]) -> list[MarkedLine]:
    """The article of a hand-made line."""
    story = [MarkedLine(text=text) for text in filler["paragraphs"]]
    at = {"start": 0, "middle": len(story) // 2, "end": len(story)}[row.position]
    return [*story[:at], row.line, *story[at:]]


def cleaned_text(title: str, lines: Sequence[str], *, language: str) -> str:
    """The stored text of an article with these paragraphs."""
    html = "".join(f"<p>{escape(line)}</p>" for line in lines)
    link = "https://outlet.example/article-1"
    entry = Entry(guid=link, link=link, title=title, summary=None, content=html, language=language)
    parsed = ParsedFeed(title="Outlet", link="https://outlet.example/", language=language, entries=(entry,))
    return draft_entries(parsed, feed_url="https://outlet.example/feed").drafts[0].text


def judge(tally: Tally, lines: Sequence[MarkedLine], cleaned: str) -> None:
    """Count the boilerplate that ``cleaned`` lacks, and the story lines that it has not got whole."""
    left = Counter(cleaned.split("\n"))
    for line in lines:
        for part in line.boilerplate:
            tally.boilerplate += 1
            # A rest of a line, such as its last word, is not removed boilerplate.
            rest = not line.story and any(each in line.text for each in left)
            if left[line.text] or rest or (line.story and part in cleaned):
                tally.kept.append(part)
            else:
                tally.removed += 1
        if line.story:
            tally.story += 1
            # A paragraph may keep its boilerplate; its own words must stand there in full.
            if not left[line.text] and not left[line.story] and line.story not in cleaned:
                tally.damaged.append(line.text)


def judge_hand_made(rows: Iterable[HandMade]) -> Tally:
    filler = tomllib.loads(FILLER.read_text("utf-8"))
    tally = Tally(kept=[], damaged=[])
    for row in rows:
        surroundings = filler[row.language]
        lines = surround(row, surroundings)
        cleaned = cleaned_text(surroundings["title"], [line.text for line in lines], language=row.language)
        judge(tally, lines, cleaned)
    return tally


def judge_sample(corpus: Path) -> Tally:
    title, _, body = corpus_file(corpus, "sample-article.txt").read_text("utf-8").partition("\n")
    paragraphs = [" ".join(line.split()) for line in body.split("\n") if line.strip()]
    lines = []
    for number, text in enumerate(paragraphs):
        whole = number == 0 or number >= len(paragraphs) - SAMPLE_TAIL
        lines.append(MarkedLine(text=text, boilerplate=(text,) if whole else tuple(_ASIDE.findall(text))))
    tally = Tally(kept=[], damaged=[])
    judge(tally, lines, cleaned_text(title, paragraphs, language="en"))
    return tally


def judge_demo() -> Tally:
    """Measure the copies that an outlet of the demo prints, with its own lines around them."""
    outlets = read_story()
    printed = [each for outlet in outlets for edition in outlet.editions for each in edition.printed]
    originals = {f"{each.outlet}/{each.slug}": each for each in printed}
    languages = {outlet.slug: outlet.language for outlet in outlets}
    versions: dict[str, set[str]] = {}
    for each in printed:
        versions.setdefault(f"{each.outlet}/{each.slug}", set()).update(each.paragraphs)
    tally = Tally(kept=[], damaged=[])
    for copy in {(each.outlet, each.slug): each for each in printed if each.copy_of}.values():
        story = versions[f"{copy.copy_of}"] if copy.copy_of in originals else set()
        lines = [
            MarkedLine(text=text, boilerplate=() if text in story else (text,)) for text in copy.paragraphs
        ]
        judge(tally, lines, cleaned_text(copy.title, copy.paragraphs, language=languages[copy.outlet]))
    return tally


def measure(corpus: Path, figures: Figures, *, show: int) -> None:
    """Add the figures of both halves, by language, of the sample article, and of the demo."""
    rows = read_lines()
    figures.add("boilerplate_hand_made_lines", len(rows), "lines")
    for half in HALVES:
        tally = judge_hand_made(row for row in rows if row.half == half)
        _add(figures, f"boilerplate_{half}", tally, show=show)
    for language in sorted({row.language for row in rows}):
        tally = judge_hand_made(row for row in rows if row.language == language)
        figures.add(f"boilerplate_removed_{language}", tally.removed_share, f"ratio_of_{tally.boilerplate}")
    _add(figures, "boilerplate_sample", judge_sample(corpus), show=show, min_removed=MIN_REMOVED)
    _add(figures, "boilerplate_demo", judge_demo(), show=show, min_removed=MIN_REMOVED)


def _add(figures: Figures, name: str, tally: Tally, *, show: int, min_removed: float | None = None) -> None:
    share = tally.removed_share
    figures.add(f"{name}_removed", share, f"ratio_of_{tally.boilerplate}", floor=min_removed)
    figures.add(
        f"{name}_story_damaged", len(tally.damaged), f"lines_of_{tally.story}", floor=0, lower_is_better=True
    )
    for line in tally.damaged[:show]:
        print(f"{name}: story damaged: {line}", file=sys.stderr)
    for line in tally.kept[:show]:
        print(f"{name}: boilerplate kept: {line}", file=sys.stderr)
