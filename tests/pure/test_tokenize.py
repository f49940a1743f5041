"""The fast tokenizer finds the same words as the regular expression, or returns None."""

from __future__ import annotations

import random
import re
import unicodedata

import pytest

from ingest.text import TYPOGRAPHY
from ingest.tokenize import ascii_tokens

ASCII = "".join(map(chr, range(128)))


@pytest.mark.parametrize("seed", range(50))
def test_the_short_way_finds_the_words_that_the_long_way_finds(seed: int) -> None:
    chosen = random.Random(seed)
    text = "".join(chosen.choices(ASCII + TYPOGRAPHY, k=400))
    assert ascii_tokens(text) == re.findall(r"[^\W_]+", text.casefold())
    # As a story's words are found.
    assert ascii_tokens(text) == re.findall(r"[^\W_]+", unicodedata.normalize("NFKC", text).casefold())


@pytest.mark.parametrize("text", ["Straße", "日本", "Трамп", "e\u0301", "x²", "ﬁn", "™"])
def test_a_text_with_any_other_character_has_no_short_way(text: str) -> None:
    assert ascii_tokens(f"plain {text}") is None
