"""Read the news agencies that a text credits: in its dateline, in a line of its own, at its end, or as its source.

Only the first and last lines count. A dateline has a place or date in front of the agency, and a mark behind it, so
"the agency (TASS) said" is none. The text keeps its dateline; a line that is nothing but a credit is removed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from ingest.normalise.agencies import CLEAR_SPELLINGS, SPELLINGS, UNSPACED_SPELLINGS, agency_of, names_agency
from ingest.types import Credit, CreditRole

FIRST_LINES: Final = 3
LAST_LINES: Final = 3
BEGINNING_CHARACTERS: Final = 240
END_CHARACTERS: Final = 100
CREDIT_LINE_CHARACTERS: Final = 80
EVIDENCE_CHARACTERS: Final = 200
MAX_CREDITS: Final = 5

_AGENCY: Final = rf"(?P<agency>{SPELLINGS})"
_BETWEEN: Final = r"(?:\s?[/,;+&·|=-]\s?|\s(?:and|und|et|y|e|и|та|with)\s)"
_AGENCIES: Final = rf"(?P<agencies>(?:{SPELLINGS})(?:{_BETWEEN}(?:{SPELLINGS})){{0,3}})"
_SEPARATOR: Final = re.compile(rf"({SPELLINGS})")
# The place and date of a dateline: capitals, days and months, no word of a sentence.
_MONTH: Final = r"[^\W\d_]{3,10}\.?"
_PLACE: Final = r"(?P<place>[^\n()（）\[\]【】/=]{0,60}?)"
_DASH: Final = r"\s?(?:--?|[–—_:=]|\.-)"

_DATELINES: Final = tuple(
    re.compile(expression)
    for expression in (
        # (Reuters) - · PARIS (AFP) — · Pyongyang, August 10 (KCNA) -- · New Delhi, Dec 1 (PTI) · موسكو (رويترز) -
        rf"\W{{0,3}}{_PLACE}\s?[(（]{_AGENCIES}[)）](?P<mark>{_DASH})?",
        # MOSCOW, December 1. /TASS/. · ПХЕНЬЯН, 1 декабря. /ТАСС/.
        rf"\W{{0,3}}{_PLACE}\s?/(?:[Кк]орр\.\s)?{_AGENCIES}[^/\n]{{0,30}}/(?P<mark>\.?)",
        # МОСКВА, 1 дек — РИА Новости. · Москва. 1 декабря. INTERFAX.RU -
        rf"\W{{0,3}}{_PLACE}\s?[—–-]\s?{_AGENCY}(?P<mark>[.,])",
        rf"\W{{0,3}}{_PLACE}[.,]\s{_AGENCY}(?P<mark>\s?[—–-]|[.,]\s)",
        rf"\W{{0,3}}{_PLACE}\s-\s{_AGENCY}(?P<mark>\s-\s)",
    )
)
_UNSPACED_DATELINES: Final = tuple(
    re.compile(expression)
    for expression in (
        # (서울=연합뉴스) · [서울·도쿄=뉴시스]
        rf"\W{{0,3}}[(\[（【][^()\[\]（）【】=\n]{{1,30}}=\s?{_AGENCIES}[)\]）】]",
        # 【モスクワ共同】 · [東京 1日 ロイター] · 【12月1日 AFP】 · 【新华社北京12月1日电】 · （中央社莫斯科1日專電）
        rf"\W{{0,3}}[【\[（(［][^】\]）)］\n]{{0,30}}?(?P<agencies>{SPELLINGS})[^】\]）)］\n]{{0,30}}[】\]）)］]",
        # 新华社北京12月1日电 · 中新网12月1日电
        (
            r"\W{0,3}(?:据)?(?P<agencies>新华社|新華社|中新社|中新网|法新社|路透社|美联社|塔斯社|朝中社|韩联社|共同社|德新社|埃菲社|俄新社|中央社)"
            r"[^，。,\n]{0,30}?\d{1,2}日?[^，。,\n]{0,6}[电電訊讯](?=[\s　，,：:（(）)]|消息)"
        ),
    )
)
_CREDIT_LINE: Final = re.compile(
    rf"\W*(?:(?:source|sources|via|quelle|fuente|fonte|источник|джерело|출처|来源|來源|出典|by|von|par|por)\s?[:：]?\s?)?"
    rf"(?:(?:©|ⓒ|\(c\)|copyright)\s?(?:(?:19|20)\d\d\s)?)?{_AGENCIES}(?:\s(?:19|20)\d\d)?\W*",
    re.IGNORECASE,
)
_AT_END: Final = re.compile(
    rf"(?:(?<=[.!?。”»\"’)])|(?<=[.!?。]\s))\s?(?:[(\[（【/]{_AGENCIES}[)\]）】/]|[—–-]\s?(?P<last>{SPELLINGS}))\W{{0,3}}\Z"
)
_BRACKETED: Final = re.compile(rf"[\[【(]{_AGENCIES}[\]】)]")
_CITED: Final = tuple(
    re.compile(expression)
    for expression in (
        rf"(?i:\b(?:according\sto|as\sreported\sby|reported\sby|citing|told))\s(?:the\s|state\s)?(?:news\sagency\s)?(?P<cited>{CLEAR_SPELLINGS})\b",
        rf"\b(?P<cited>{CLEAR_SPELLINGS})\s(?:news\sagency\s)?(?i:reported|reports|said\son)\b",
        (
            rf"(?i:по\s(?:информации|данным|сообщению)|сообщает|сообщил[аои]?|переда[её]т|пишет|со\sссылкой\sна|цитирует"
            rf"|за\s(?:даними|повідомленням)|повідомляє|передає)\s(?i:информационного\s|информ)?(?i:агентств[аоу]?\s)?[«\"]?(?P<cited>{CLEAR_SPELLINGS})\b"
        ),
        (
            rf"(?i:\b(?:laut|berichtet|meldet|berichtete|meldete|selon|d['’]après|rapporte|según|informó|informa|reportó|secondo"
            rf"|riferisce|riporta|segundo|de\sacordo\scom|informou))\s(?i:die\s|der\s|l['’]|la\s|a\s)?"
            rf"(?i:nachrichtenagentur\s|agentur\s|agence\s|agencia\s|agenzia\s|agência\s)?(?P<cited>{CLEAR_SPELLINGS})\b"
        ),
        rf"(?:وفقا\sل|نقلا\sعن|نقلت|بحسب|ذكرت)\s?(?:وكالة\s)?(?:أنباء\s)?(?P<cited>{CLEAR_SPELLINGS})",
    )
)
_UNSPACED_CITED: Final = tuple(
    re.compile(expression)
    for expression in (
        rf"(?P<cited>{UNSPACED_SPELLINGS})(?:\s?통신)?(?:에\s따르면|(?:은|는|이|가)\s[^.\n]{{0,80}}(?:보도했다|전했다|보도했습니다))",
        rf"据(?:《)?(?P<cited>{UNSPACED_SPELLINGS}|AFP|AP)(?:》)?[^，。\n]{{0,12}}(?:报道|報導|消息|电|電)",
        rf"(?P<cited>{UNSPACED_SPELLINGS})(?:通信|社)?(?:によると|によれば|が(?:報じた|伝えた)|は[^。\n]{{0,60}}報じた)",
    )
)
_SENTENCE_END: Final = re.compile(r"[.!?](?=\s|\Z)|。")
_ARABIC: Final = re.compile("[\u0600-\u06ff]")
_UNSPACED: Final = re.compile("[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3]")


def find_credits(lines: Sequence[str]) -> tuple[Credit, ...]:
    """Return the credits of a text's first and last lines, agencies of the text itself before those that it cites."""
    beginnings = [line[:BEGINNING_CHARACTERS] for line in lines[:FIRST_LINES]]
    ends = [line[-END_CHARACTERS:] for line in lines[-LAST_LINES:]]
    unread = ends if len(lines) > FIRST_LINES or len(lines[-1]) > BEGINNING_CHARACTERS else ()
    if not names_agency("\n".join((*beginnings, *unread))):
        return ()
    credits_: dict[tuple[str, CreditRole], Credit] = {}
    for credit in _all_credits(beginnings, ends, last=lines[FIRST_LINES:][-LAST_LINES:]):
        credits_.setdefault((credit.agency, credit.role), credit)
    wire = {agency for agency, role in credits_ if role is CreditRole.WIRE}
    kept = [c for c in credits_.values() if c.role is CreditRole.WIRE or c.agency not in wire]
    return tuple(kept[:MAX_CREDITS])


def _all_credits(beginnings: Sequence[str], ends: Sequence[str], *, last: Sequence[str]) -> Iterator[Credit]:
    """The credits of the lines that name an agency, in order of their weight."""
    beginnings = [line for line in beginnings if names_agency(line)]
    yield from _wire_credits(beginnings, [line for line in ends if names_agency(line)])
    yield from _cited(beginnings)
    yield from _cited([line for line in last if names_agency(line[:BEGINNING_CHARACTERS])])


def credit_line(line: str) -> tuple[Credit, ...]:
    """Return the credits of a line that is nothing but a credit; empty for any other line."""
    if len(line) > CREDIT_LINE_CHARACTERS or not names_agency(line):
        return ()
    match = _CREDIT_LINE.fullmatch(line)
    return () if match is None else tuple(_wire(match["agencies"], line))


def _wire_credits(first: Sequence[str], last: Sequence[str]) -> Iterator[Credit]:
    for line in first:
        yield from _dateline(line)
        yield from credit_line(line)
        for picture in _BRACKETED.finditer(line):
            if "=" in picture["agencies"]:
                yield from _wire(picture["agencies"], picture[0])
    for line in last:
        yield from credit_line(line)
        ending = _AT_END.search(line)
        if ending is not None:
            yield from _wire(ending["agencies"] or ending["last"], line)


def _dateline(line: str) -> Iterator[Credit]:
    for expression in _DATELINES:
        match = expression.match(line)
        if match is not None and _is_dateline(match):
            yield from _wire(
                match.groupdict().get("agencies") or match.groupdict().get("agency") or "", match[0]
            )
            return
    for expression in _UNSPACED_DATELINES:
        match = expression.match(line)
        if match is not None and _UNSPACED.search(match[0]):
            yield from _wire(match["agencies"], match[0])
            return


def _is_dateline(match: re.Match[str]) -> bool:
    """Return whether the words before the agency are a place or date, and a mark or date shows that it is a credit."""
    place = match["place"].strip(" .,:;—–-*")
    if not place:
        return bool(match["mark"])
    words = place.split()
    if len(words) > 8 or not _are_place_and_date(place):
        return False
    return bool(match["mark"]) or any(character.isdigit() for character in place) or place.isupper()


def _are_place_and_date(place: str) -> bool:
    if _ARABIC.search(place):
        return True
    rest = re.sub(rf"\d{{1,2}}\.?\s(?:de\s)?{_MONTH}(?:\s(?:de\s)?\d{{4}})?", "", place)
    return all(not word[0].islower() or len(word) <= 3 for word in re.split(r"[\s,./·-]+", rest) if word)


def _cited(lines: Sequence[str]) -> Iterator[Credit]:
    for line in lines:
        shortened = line[:BEGINNING_CHARACTERS]
        expressions = _CITED if shortened.isascii() else (*_CITED, *_UNSPACED_CITED)
        for expression in expressions:
            match = expression.search(shortened)
            if match is not None and (agency := agency_of(match["cited"])) is not None:
                yield Credit(agency=agency, role=CreditRole.CITED, evidence=_sentence(line, match))


def _sentence(line: str, match: re.Match[str]) -> str:
    """The sentence of ``line`` that the match is in."""
    start = max(line.rfind(mark, 0, match.start()) for mark in (". ", "! ", "? ", "。"))
    begin = 0 if start < 0 else start + 1
    end = _SENTENCE_END.search(line, match.end())
    return line[begin : end.end() if end else len(line)].strip()[:EVIDENCE_CHARACTERS]


def _wire(agencies: str, evidence: str) -> Iterator[Credit]:
    for spelling in _SEPARATOR.findall(agencies):
        agency = agency_of(spelling)
        if agency is not None:
            yield Credit(agency=agency, role=CreditRole.WIRE, evidence=evidence.strip()[:EVIDENCE_CHARACTERS])
