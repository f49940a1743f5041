"""The query syntax: what each form means, and where each form that it does not have is refused."""

from __future__ import annotations

import pytest

from ingest.errors import Refused
from ingest.search import parse_search

WORD_FORMS = [
    ("Korea", "'korea'"),
    ("KOREA korea", "('korea' & 'korea')"),
    ("ukraine or russia", "('ukraine' | 'russia')"),
    ("a1 b1 OR c1", "(('a1' & 'b1') | 'c1')"),
    ("a1 (b1 or c1)", "('a1' & ('b1' | 'c1'))"),
    ("a1 -b1", "('a1' & !'b1')"),
    ("a1 -(b1 or c1)", "('a1' & !('b1' | 'c1'))"),
    ('a1 -"b1 c1"', "('a1' & !('b1' <1> 'c1'))"),
    ("sanct*", "'sanct':*"),
    ("e-ma*", "(('e' <1> 'ma':*) | 'ema':*)"),
    ("Or Trick", "('or' & 'trick')"),
]
PHRASES = [
    ('"North Korea"', "('north' <1> 'korea')"),
    ("“North Korea”", "('north' <1> 'korea')"),
    ('“North Korea"', "('north' <1> 'korea')"),
    ("„North Korea“", "('north' <1> 'korea')"),
    ("«North Korea»", "('north' <1> 'korea')"),
    ("»North Korea«", "('north' <1> 'korea')"),
    ("「平壌 会談」", "('平壌' <2> '会談')"),
    ('"or"', "'or'"),
    ('"AND NOT"', "('and' <1> 'not')"),
    ('"title: north, (korea)"', "('title' <1> 'north' <1> 'korea')"),
    ('"north kor*"', "('north' <1> 'kor':*)"),
    ('북한\'"러시아 파병"', "('북한' & ('러시' <1> '시아' <2> '파병'))"),
]
FIELDS = [
    ("title:korea", "'/tkorea'"),
    ("TITLE:korea", "'/tkorea'"),
    ('title:"north korea"', "('/tnorth' <1> '/tkorea')"),
    ("title:(kim -putin)", "('/tkim' & !'/tputin')"),
    ("kim -title:putin", "('kim' & !'/tputin')"),
    ("author:이 publisher:tass", "('/a이':* & '/ptass')"),
    ("title:中国", "'/t中国'"),
]
OWN_MEANING = [
    ("U.S.", "'u.s.'"),
    ("C++", "'c++'"),
    ("C#", "'c#'"),
    ("U.S.A.", "('u.s.a.' | 'usa')"),
    ("don't", "(('don' <1> 't') | 'dont')"),
    ("don’t", "(('don' <1> 't') | 'dont')"),
    ("he'll", "('he' <1> 'll')"),
    ("l’Ukraine", "'ukraine'"),
    ("l'ukr*", "'ukr':*"),
    ("Korea's", "'korea'"),
    ("F-16", "(('f' <1> '16') | 'f16')"),
    ("e-mail", "(('e' <1> 'mail') | 'email')"),
    ("COVID-19", "(('covid' <1> '19') | 'covid19')"),
    ("1,000", "(('1' <1> '000') | '1000')"),
    ("24/7", "('24' <1> '7')"),
    ("10:30", "('10' <1> '30')"),
    ("AT&T", "('at' <1> 't')"),
    ("@name", "'name'"),
    ("#tag", "'tag'"),
    ("https://news.example/a", "('https' <1> 'news' <1> 'example' <1> 'a')"),
    ("Breaking: Kim", "('breaking' & 'kim')"),
    ("Russia – Korea", "('russia' & 'korea')"),
    ("Johnson & Johnson", "('johnson' & 'johnson')"),
    ("Yahoo! Kim?", "('yahoo' & 'kim')"),
    ("[속보] 북한", "('속보' & '북한')"),
    ("rocket 🚀", "'rocket'"),
    ("3~5월", "('3' <1> '5' <1> '월':*)"),
    ("북·러", "('북':* <1> '러':*)"),
    ("북ㆍ러", "('북':* <1> '러':*)"),
    ("AI가", "'ai'"),
    ("부산에서", "'부산'"),
    ("시골마을", "('시골' <1> '골마' <1> '마을')"),
    ("中", "'中':*"),
    ("俄罗斯", "('俄罗' <1> '罗斯')"),
    ("平壌、会談。", "('平壌' & '会談')"),
    ("G20峰会", "('g20' <1> '峰会')"),
    ('צה"ל', "(('צה' <1> 'ל') | 'צהל')"),
    ("п’ять", "(('п' <1> 'ять') | 'пять')"),
    ("Ｒｕｓｓｉａ", "'russia'"),
    ("чай", "'чай'"),
]


@pytest.mark.parametrize(("query", "expected"), WORD_FORMS + PHRASES + FIELDS + OWN_MEANING)
def test_a_query_means_this_in_a_language_without_stemmer(query: str, expected: str) -> None:
    assert parse_search(query).tsquery("ko") == expected


def test_a_word_is_searched_by_the_stems_of_a_language() -> None:
    assert parse_search("troops").tsquery("en-GB") == "('troops' | '=entroop' | ('troop' & ('=en' | '=')))"
    assert parse_search("troop").tsquery("en") == "('troop' | '=entroop')"
    assert parse_search('"troops"').tsquery("en") == "'troops'"


def test_a_word_is_searched_by_the_stems_of_each_language_of_its_script() -> None:
    cyrillic = parse_search("войска").tsquery()
    assert "'=ruвойск'" in cyrillic
    assert "=en" not in cyrillic
    assert "'=entroop'" in parse_search("troops").tsquery()


REFUSED = [
    ("", 0, "at least one word"),
    ("...", 0, "at least one word"),
    ("🚀", 0, "at least one word"),
    ('""', 1, "between the quotes"),
    ('"!?"', 1, "between the quotes"),
    ("()", 1, "in parentheses"),
    ('kim "north korea', 5, "end of the phrase"),
    ("kim «north", 5, "end of the phrase"),
    ("kim」", 4, "behind the quote"),
    ("kim (putin", 5, ") behind each ("),
    ("kim) putin", 4, "( before each )"),
    ("or kim", 1, "before or"),
    ("kim or", 5, "behind or"),
    ("kim or or putin", 5, "behind or"),
    ("(or kim)", 2, "before or"),
    ("-kim", 1, "must occur"),
    ("-kim -putin", 1, "must occur"),
    ("kim or -putin", 8, "must occur"),
    ("kim (-putin)", 6, "must occur"),
    ("kim - putin", 5, "directly before"),
    ("kim -", 5, "directly before"),
    ("kim --putin", 5, "one -"),
    ("kim –putin", 5, "- for what must not occur"),
    ("kim -or putin", 5, "directly behind"),
    ("kim AND putin", 5, "all of them are required"),
    ("kim AND NOT putin", 5, "all of them are required"),
    ("NOT putin", 1, "-word"),
    ("kim && putin", 5, "all of them are required"),
    ("kim | putin", 5, "or between"),
    ("kim || putin", 5, "or between"),
    ("!putin kim", 1, "-word"),
    ("+kim putin", 1, "all of them are required"),
    ("kim~", 4, "without ~"),
    ("kim~2", 4, "without ~"),
    ("~kim", 1, "without ~"),
    ("kim^2 putin", 4, "without a weight"),
    ('"kim putin"~3', 12, "no operator behind a phrase"),
    ('"kim putin"^3', 12, "no operator behind a phrase"),
    ("kim <-> putin", 5, "beside each other"),
    ("kim NEAR/3 putin", 5, "beside each other"),
    ("/k[iu]m/", 1, "regular expressions"),
    ("k\\*m", 2, "no backslash"),
    ("k*m", 2, "at the end"),
    ("*kim", 1, "at the end"),
    ("kim**", 4, "at the end"),
    ("wom?n", 4, "* at the end"),
    ("*", 1, "at the end"),
    ("k*", 1, "at least 2 letters"),
    ('"k*m putin"', 1, "at the end"),
    ("foo:bar", 1, "title:, author:, publisher:"),
    ("kim foo:(bar)", 5, "title:, author:, publisher:"),
    ("site:example.org kim", 1, "title:, author:, publisher:"),
    ("title: kim", 1, "directly behind title:"),
    ("title:", 1, "directly behind title:"),
    ("title:-kim", 7, "- before the field"),
    ("title:(author:kim)", 8, "no field inside title:"),
    ("title:!!", 7, "-word"),
    ("title:?? kim", 1, "directly behind it"),
    ("(" * 9 + "kim" + ")" * 9, 9, "at most 8"),
    (" ".join(["kim"] * 65), 257, "at most 64 words"),
]


@pytest.mark.parametrize(("query", "place", "accepted"), REFUSED, ids=[query[:20] for query, _, _ in REFUSED])
def test_a_form_that_the_syntax_does_not_have_is_refused_with_its_place(
    query: str, place: int, accepted: str
) -> None:
    with pytest.raises(Refused) as refused:
        parse_search(query)
    assert accepted in refused.value.accepted
    assert refused.value.thing == (f"q, character {place}" if place else "q")


def test_a_refusal_names_the_parameter() -> None:
    with pytest.raises(Refused, match=r"^--q, character 4: '~2' is not accepted; expected "):
        parse_search("kim~2", name="--q")
