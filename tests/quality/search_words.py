"""Words of stored texts, drawn at random over scripts, and the articles that contain them by substring count.

The count shares no code with the product: it compares NFC and lower case, and tests the neighbours of a substring.
"""

from __future__ import annotations

import random
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import cycle
from typing import Final
from uuid import UUID

from tests.quality.search_store import StoredText

SCRIPTS: Final = {
    "LATIN": "Latin",
    "CYRILLIC": "Cyrillic",
    "GREEK": "Greek",
    "ARABIC": "Arabic",
    "HEBREW": "Hebrew",
    "DEVANAGARI": "Devanagari",
    "CJK": "Han and kana",
    "IDEOGRAPHIC": "Han and kana",
    "HIRAGANA": "Han and kana",
    "KATAKANA": "Han and kana",
    "KATAKANA-HIRAGANA": "Han and kana",
    "HANGUL": "Hangul",
    "THAI": "Thai",
}
"""Scripts by the first word of a Unicode character name."""
UNSPACED: Final = frozenset({"Han and kana", "Hangul", "Thai"})
"""Scripts in which users search for a part of a run of characters."""
LONGEST_PART: Final = 4
LONGEST_WORD: Final = 40
LEAST_WORD: Final = 2
OPERATORS: Final = frozenset({"or", "and", "not"})


def draw_words(texts: Sequence[StoredText], *, seed: int, number: int) -> list[str]:
    """Return ``number`` different words, in turn of each script that the texts have."""
    generator = random.Random(seed)
    runs_by_script: dict[str, set[str]] = {script: set() for script in SCRIPTS.values()}
    for stored in texts:
        for run, script in script_runs(comparable(stored)):
            if len(run) <= LONGEST_WORD:
                runs_by_script[script].add(run)
    pools = {script: sorted(runs) for script, runs in runs_by_script.items() if runs}
    drawn: dict[str, None] = {}
    attempts = 0
    for script in cycle(pools):
        attempts += 1
        if len(drawn) == number or attempts > 100 * number:
            return list(drawn)
        word = generator.choice(pools[script])
        if script in UNSPACED:
            word = _part(word, generator)
        elif len(word) < LEAST_WORD or word in OPERATORS:
            continue
        drawn[word] = None
    return list(drawn)


def articles_with(word: str, texts: Iterable[tuple[UUID, str]]) -> set[UUID]:
    """Return the articles whose comparable text contains ``word``: as a whole word, in unspaced scripts as a part."""
    unspaced = script_of(word[0]) in UNSPACED
    return {
        article_id
        for article_id, text in texts
        if (word in text if unspaced else _has_whole_word(text, word))
    }


def comparable(stored: StoredText) -> str:
    return unicodedata.normalize("NFC", f"{stored.title}\n{stored.text}").lower()


def script_runs(text: str) -> Iterator[tuple[str, str]]:
    """Yield each run of letters and marks in one script, with the script."""
    run, script = "", ""
    for character in f"{text} ":
        if run and _is_mark(character):
            run += character
            continue
        own = script_of(character)
        if run and own != script:
            yield run, script
            run = ""
        script = own
        if own:
            run += character


@lru_cache(maxsize=100_000)
def script_of(character: str) -> str:
    """Return the script of a letter; "" for other characters and other scripts."""
    name = unicodedata.name(character, "") if character.isalpha() else ""
    return SCRIPTS.get(name.partition(" ")[0], "")


def _part(run: str, generator: random.Random) -> str:
    """Return some characters of ``run``; no part begins with a mark or ends before one."""
    starts = [i for i, character in enumerate(run) if not _is_mark(character)]
    begin = generator.randrange(len(starts))
    end = begin + generator.randint(1, min(LONGEST_PART, len(starts) - begin))
    return run[starts[begin] : starts[end] if end < len(starts) else len(run)]


def _has_whole_word(text: str, word: str) -> bool:
    at = text.find(word)
    while at >= 0:
        end = at + len(word)
        if not (at and _joins(text[at - 1])) and not (end < len(text) and _joins(text[end])):
            return True
        at = text.find(word, at + 1)
    return False


def _joins(character: str) -> bool:
    """Return whether a word goes on with this neighbour."""
    return (
        character.isalnum()
        or character == "_"
        or _is_mark(character)
        or unicodedata.category(character) == "Cf"
    )


def _is_mark(character: str) -> bool:
    return unicodedata.category(character).startswith("M")
