"""Words of many scripts, and strategies for texts and queries made of them."""

from __future__ import annotations

import unicodedata

from hypothesis import strategies as st

TEXT = (
    "north Korea troops troop’s e-mail email don't dont l’Ukraine d'Ukraine F-16 f16 COVID-19 24/7 "
    "1,000 1000 U.S. USA U.S.A. C++ C# co-operate naïve naive Café cafe Straße strasse İstanbul "
    "istanbul ISTANBUL København œuvre Łódź universities university elección eleccion elections "
    "Häuser Haus Việt viet Королёв Королев войска войск п’ять Андрій Αθήνα αθηνα ايران إيران "
    "مُحَمَّد محمد عِبْرِيت צה״ל צהל हिन्दी मास्को मॉस्को தமிழ் Երևան ท่าเรือ ท่า ประเทศไทย ພາສາລາວ "
    "ភាសាខ្មែរ မြန်မာ 中国 中国外交部 俄罗斯 平壌で会談 ロシア ｶﾞｽ パリ 北·러 북ㆍ러 북한 북한군이 부산에서 "
    "부산은 AI가 7월 2025년 K팝 ½ ﬁ "
    "Ｒｕｓｓｉａ १२ a b s t 中 국 ท 10:30 @name #tag 北핵 G20峰会"
)
WORDS = TEXT.split()
SPACES = (" ", " ", " ", "", "\n", "\u00ad", "\u200b")
PUNCTUATION = ("-", "'", "’", ". ", ", ", "、", "。", "—", "/", " (", ") ", "・")
SEPARATORS = SPACES + PUNCTUATION


def _spelled(word: str) -> st.SearchStrategy[str]:
    without_accents = "".join(
        character
        for character in unicodedata.normalize("NFD", word)
        if unicodedata.category(character) != "Mn"
    )
    return st.sampled_from(
        [
            word,
            word.upper(),
            word.lower(),
            unicodedata.normalize("NFD", word),
            without_accents if word[0] < "\u0370" else word,
        ]
    )


spelled_words = st.sampled_from(WORDS).flatmap(_spelled)
languages = st.sampled_from([None, "en", "ru", "ko", "fr-CA", "es", "de", "tr", "ar", "hi", "el", "uk"])


def texts(words: st.SearchStrategy[str] = spelled_words) -> st.SearchStrategy[str]:
    """Return texts of words between spaces and punctuation, or without anything between."""
    return st.lists(st.tuples(words, st.sampled_from(SEPARATORS)).map("".join), max_size=12).map("".join)


def queries(words: st.SearchStrategy[str] = spelled_words) -> st.SearchStrategy[str]:
    """Return queries, few of which the syntax refuses."""
    phrases = st.lists(words, min_size=1, max_size=3).map(" ".join).map('"{}"'.format)
    parts = st.tuples(words, st.integers(2, 4)).map(lambda pair: f'"{pair[0][: pair[1]]}*"')
    fields = st.tuples(st.sampled_from(("author", "publisher", "title")), phrases).map(":".join)

    def combined(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
        pairs = st.tuples(inner, inner)
        return st.one_of(
            pairs.map("{0[0]} {0[1]}".format),
            pairs.map("{0[0]} or {0[1]}".format),
            pairs.map("{0[0]} -({0[1]})".format),
            pairs.map("({0[0]}) {0[1]}".format),
        )

    return st.recursive(st.one_of(words, phrases, parts, fields), combined, max_leaves=4)
