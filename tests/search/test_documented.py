"""The examples of ``docs/search.md``, and words that users typed in vain into other readers."""

from __future__ import annotations

import unicodedata

import pytest

from ingest.search import parse_search
from ingest.search.terms import lexeme_tree
from tests.search.test_agreement import Document, matches

FOUND = [
    ("North Korea", "North Korea’s troops", "en"),
    ('"North Korea"', "North Korea’s troops", "en"),
    ("historic", "a “historic” offer—signed…", "en"),
    ("offer", "a “historic” offer—signed…", "en"),
    ("вестник", "«Вестник» пишет", "ru"),
    ("밀착 북한군 파병", "‘밀착’…북한군 파병", "ko"),
    ("俄罗斯", "中国外交部：俄罗斯外长访问", "zh"),
    ("平壌", "「平壌」で、会談。", "ja"),
    ("ロシア 外相", "ロシア外相が平壌で会談", "ja"),
    ("ท่าเรือ", "เรือสินค้าออกจากท่าเรือแล้ว", "th"),
    ("부산에서", unicodedata.normalize("NFD", "부산에서 열린 회담"), "ko"),
    ("북", "북ㆍ러 정상회담", "ko"),
    ("북·러", "북ㆍ러 정상회담", "ko"),
    ("Russia", "Rus\u2060sia", "en"),
    ("Russia", "Rus\u200csia", "en"),
    ("cafe", "Café", "fr"),
    ("Café", "cafe", "fr"),
    ("Королев", "Королёв", "ru"),
    ("ايران", "إيران", "ar"),
    ("troop", "TROOPS", "en"),
    ("US", "the U.S. and", "en"),
    ("dont", "I don’t", "en"),
    ("don't", "I dont", "en"),
    ("l’Ukraine", "Ukraine", "fr"),
    ("Ukraine", "l’Ukraine", "fr"),
    ("Ankara'nın", "Ankara", "tr"),
    ("Korea", "Korea-based", "en"),
    ("e-mail", "e mail", "en"),
    ("e-mail", "emails", "en"),
    ("email", "e-mails", "en"),
    ("F-16", "F16", "en"),
    ("F-16", "F 16", "en"),
    ("F16", "F-16s and F-16", "en"),
    ("1000", "1,000", "en"),
    ("1,000", "1000", "en"),
    ("외교", "대외교류", "ko"),
    ("북한", "대북한", "ko"),
    ("AI", "AI가", "ko"),
    ("2025", "2025년", "ko"),
    ("תקציב", "בתקציב", "he"),
    ('צה"ל', "צה״ל", "he"),
    ("تحریم ها", "تحریم\u200cها", "fa"),
    ("تحریمها", "تحریم\u200cها", "fa"),
    ("১২", "12", "bn"),
    ("sanct*", "Sanctions", "en"),
    ("C++", "in C++.", "en"),
]
NOT_FOUND = [
    ("U.S.", "between us", "en"),
    ("C", "C++ and C#", "en"),
    ('"troop"', "troops", "en"),
    ('"North Korea"', "Korea, North", "en"),
    ("orea", "Korea", "en"),
    ("中国", "中、国", "zh"),
    ("俄羅斯", "俄罗斯", "zh"),
    ("hell", "he'll", "en"),
    ("email", "e mail", "en"),
    ("dies", "die Zeit", "de"),
    ("title:north", "north", "en"),
    ("author:kim", "kim", "en"),
    ("kim -korea", "Kim of Korea", "en"),
    ("мои", "мой", "uz"),
    ("김정은", "김정일", "ko"),
    ("en", "an English text", "en"),
    ("en*", "a text", "en"),
]


def finds(query: str, text: str, language: str) -> bool:
    document = Document(title="", text=text, authors=(), publisher=None, language=language)
    return matches(lexeme_tree(parse_search(query).expression, None), document)


@pytest.mark.parametrize(("query", "text", "language"), FOUND)
def test_the_query_finds_the_text(query: str, text: str, language: str) -> None:
    assert finds(query, text, language)


@pytest.mark.parametrize(("query", "text", "language"), NOT_FOUND)
def test_the_query_does_not_find_the_text(query: str, text: str, language: str) -> None:
    assert not finds(query, text, language)
