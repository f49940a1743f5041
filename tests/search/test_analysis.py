"""Terms: the same by the quick way for common texts and by the careful one, at a bounded cost."""

from __future__ import annotations

import string

from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.search import index_document
from ingest.search.analysis import Terms, read_chunk
from tests.speed import cpu_limit

WORDS = "Korea’s e-mail U.S. U.S.A., C++ C# 1,000 don't don`t 10:30 a.b.c F-16s (word) “quoted”—dash end."
ASCII = string.ascii_letters + string.digits + " '`-.,+#:/&()\"’“—"
TEXTS = st.one_of(
    st.text(alphabet=ASCII, max_size=40), st.lists(st.sampled_from(WORDS.split()), max_size=12).map(" ".join)
)


def careful_terms(text: str) -> Terms:
    terms = Terms()
    position = 1
    for chunk in text.split():
        position = terms.add_chunk(chunk, position)
    return terms


def ordered(terms: dict[str, list[int]]) -> dict[str, list[int]]:
    return {term: sorted(set(positions)) for term, positions in terms.items()}


@given(TEXTS)
@settings(max_examples=500, deadline=None)
def test_the_quick_way_and_the_careful_one_have_the_same_terms(text: str) -> None:
    quick = Terms()
    quick.add(text, 1)
    careful = careful_terms(text)
    assert ordered(quick.words) == ordered(careful.words)
    assert ordered(quick.symbols) == ordered(careful.symbols)
    assert quick.grams == careful.grams == {}


def test_a_chunk_has_its_terms_at_their_positions() -> None:
    chunk = read_chunk("AI-기반-e-mail")
    assert chunk.width == 5
    assert chunk.words == (("ai", 0), ("e", 3), ("mail", 4), ("email", 3))
    assert chunk.grams == (("기반", 1), ("반", 2))


def test_an_article_takes_little_time() -> None:
    samples = ("troops", "сообщил", "U.S.", "e-mail’s", "the", "of")
    words = [f"{word}{number}" for number in range(40) for word in samples]
    text = " ".join(words * 5) + "平壌で会談。" * 50
    with cpu_limit(2):
        for number in range(100):
            index_document(title="Title", text=f"{text} {number}", authors=(), publisher=None, language="en")
