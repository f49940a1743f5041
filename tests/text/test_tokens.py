"""Tokens: equal for equivalent spellings, cut at the right places, the same on the quick way and the careful one."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.text import fold, read_runs, token_offsets, tokenize
from tests.speed import cpu_limit

SCRIPTS = (
    "North Korea’s “historic” offer—signed… U.S., C++ 1,000 C#; O'Neill don't naïve Straße İstanbul ﬁ ½ ㎏ "
    "Вестник «Вестник» Королёв п’ять ايران إيران مُحَمَّد محـمد עִבְרִית मास्को हिन्दी தமிழ் ประเทศไทย ท่าเรือ ភាសាខ្មែរ မြန်မာ "
    "平壌で会談。「平壌」ｶﾞｽ パリ 中国—俄罗斯 朝鮮半島 북ㆍ러 북·러 정상회담에서 Việt Nam Ｒｕｓｓｉａ １２３ "
    "\x01\x02\x03\u00ad\u200b\u200c\u200d\u200e\u2060\u2063\ufeff\u034f\ufe0f\u0301\u0327\u3099\u1112\u1161\u11ab\u09be\u0dcf"
)
TEXTS = st.one_of(
    st.text(alphabet=st.sampled_from(SCRIPTS), max_size=60),
    st.text(max_size=40),
    st.lists(st.sampled_from(SCRIPTS.split()), max_size=12).map(" ".join),
)

EXAMPLES = [
    ("North Korea’s troops", ["north", "korea", "s", "troops"]),
    ("offer—signed “historic” «Вестник»…", ["offer", "signed", "historic", "вестник"]),
    ("the U.S. and the U.S.A., e.g. U.S", ["the", "u.s.", "and", "the", "u.s.a.", "e.g.", "u.s."]),
    ("C++ and C# but a+b #tag A# major", ["c++", "and", "c#", "but", "a", "b", "tag", "a#", "major"]),
    ("J.K. Rowling, v. 2, end.A new", ["j.k.", "rowling", "v", "2", "end", "a", "new"]),
    ("북ㆍ러 정상회담", ["북", "러", "정상회담"]),
    ("「平壌」で、会談。", ["平", "壌", "で", "会", "談"]),
    ("ﬁ Ｒｕｓｓｉａ １２", ["fi", "russia", "12"]),
    ("snake_case", ["snake", "case"]),
    ("ท่าเรือ", ["ท่", "า", "เ", "รื", "อ"]),
    ("п’ять пʼять п'ять", ["п", "ять", "п", "ять", "п", "ять"]),
    ("", []),
]


@pytest.mark.parametrize(("text", "expected"), EXAMPLES, ids=[text[:20] for text, _ in EXAMPLES])
def test_a_text_has_these_tokens(text: str, expected: list[str]) -> None:
    assert tokenize(text) == expected


@given(TEXTS)
@settings(max_examples=400, deadline=None)
def test_equivalent_spellings_have_the_same_tokens(text: str) -> None:
    expected = tokenize(text)
    for form in ("NFC", "NFD"):
        assert tokenize(unicodedata.normalize(form, text)) == expected


@given(
    st.lists(
        st.sampled_from(["Russia", "Корея", "ايران", "북한", "मास्को", "Việt", "平壌"]), min_size=1, max_size=6
    )
)
@settings(max_examples=100, deadline=None)
def test_full_width_letters_and_characters_that_join_nothing_change_no_token(words: list[str]) -> None:
    expected = tokenize(" ".join(words))
    for joiner in "\u00ad\u200b\u200c\u200d\u200e\u2060\u2063\ufeff\u034f\ufe0f":
        spelled = " ".join(joiner.join(word) for word in words)
        assert tokenize(spelled) == expected
        assert len(token_offsets(spelled)) == len(expected)
    wide = " ".join(words).translate({code: code + 0xFEE0 for code in range(0x21, 0x7F)})
    assert tokenize(wide) == expected


@given(TEXTS)
@settings(max_examples=400, deadline=None)
def test_offsets_cut_the_original_where_the_tokens_are(text: str) -> None:
    words, offsets = tokenize(text), token_offsets(text)
    assert len(words) == len(offsets)
    last_start = 0
    for word, (start, end) in zip(words, offsets, strict=True):
        # A cluster that folds to two tokens ("½" to "1" and "2") gives both the same span.
        assert last_start <= start < end <= len(text)
        assert word.removesuffix(".") in "".join(tokenize(text[start:end])) + "."
        last_start = start


def test_jamo_compose_across_a_joiner() -> None:
    assert tokenize("\u1112\u200c\u1161\u11ab") == tokenize("\ud55c") == ["\ud55c"]


@given(TEXTS)
@settings(max_examples=400, deadline=None)
def test_offsets_of_folded_characters_never_go_back(text: str) -> None:
    folded = fold(text)
    if folded.offsets is not None:
        assert len(folded.offsets) == len(folded.text) + 1
        assert list(folded.offsets) == sorted(folded.offsets)


def test_a_letter_with_many_marks_is_read_in_linear_time() -> None:
    marks = "\u0301\u0327\u0316\u0344\u0f73"
    with cpu_limit(2):
        for spelled in ("a" + marks * 20_000, "ก" + marks * 20_000, marks * 20_000, ("e" + marks * 40) * 500):
            assert len(tokenize(spelled)) == len(token_offsets(spelled))


@given(st.text(alphabet=st.sampled_from("ae\u0301\u0327\u0316\u0344\u3099\u200d"), min_size=40, max_size=120))
@settings(max_examples=100, deadline=None)
def test_long_runs_of_marks_have_the_same_tokens_in_each_order(text: str) -> None:
    assert (
        tokenize(unicodedata.normalize("NFD", text))
        == tokenize(unicodedata.normalize("NFC", text))
        == tokenize(text)
    )


@given(TEXTS)
@settings(max_examples=300, deadline=None)
def test_runs_are_the_tokens_with_scripts_without_spaces_joined(text: str) -> None:
    folded = fold(text).text
    runs = read_runs(folded)
    assert [token for run in runs for token in tokenize(run.text)] == tokenize(folded)
    assert all(folded[run.start : run.end] == run.text for run in runs)
