"""News agencies, in the spellings that texts credit them with."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

_TABLE: Final = """
AFP: AFP | Agence France-Presse | Agence France Presse | АФП | 法新社 | AFP通信 | AFP通讯社 | AFP=時事 |
    أ ف ب | فرانس برس | أ.ف.ب
AP: AP | A.P. | Associated Press | The Associated Press | АП | 美联社 | 美聯社 | AP通信 | أسوشيتد برس | أ ب
Reuters: Reuters | REUTERS | Thomson Reuters | Рейтер | Reuters News | Рейтерс | Ройтерс | 路透社 | 路透 |
    ロイター | ロイター通信 | 로이터 | 로이터통신 | 로이터 통신 | رويترز
dpa: dpa | DPA | dpa-AFX | Deutsche Presse-Agentur | ДПА | 德新社 | د ب أ
TASS: TASS | ITAR-TASS | ТАСС | ИТАР-ТАСС | ТАСС-Новости | 塔斯社 | タス通信 | イタル・タス通信 | 타스통신 |
    타스 통신 | 타스 | تاس
RIA Novosti: RIA Novosti | RIA | RIA News | РИА Новости | РИА «Новости» | РИА | 俄新社 | リアノーボスチ |
    リア・ノーボスチ通信 | 리아노보스티
Interfax: Interfax | INTERFAX.RU | INTERFAX | Интерфакс | ИНТЕРФАКС | Інтерфакс | 国际文传电讯社 | 国际文传 |
    インタファクス | インタファクス通信 | 인테르팍스 | 인테르팍스통신
Interfax-Ukraine: Interfax-Ukraine | Интерфакс-Украина | Інтерфакс-Україна
Ukrinform: Ukrinform | Укринформ | Укрінформ
UNIAN: UNIAN | УНИАН | УНІАН
Yonhap: Yonhap | YONHAP | Yonhap News Agency | Yonhap News | 연합뉴스 | 韩联社 | 韓聯社 | 聯合ニュース | Ёнхап
Newsis: Newsis | NEWSIS | 뉴시스
News1: News1 | 뉴스1
Xinhua: Xinhua | XINHUA | Xinhua News Agency | Синьхуа | 新华社 | 新華社 | 新华网 | 新华 | 신화통신 | 신화 |
    신화사 | شينخوا
China News Service: China News Service | CNS | 中新社 | 中新网 | 中国新闻社
KCNA: KCNA | Korean Central News Agency | ЦТАК | 조선중앙통신 | 朝中社 | 朝鲜中央通讯社 | 朝鮮中央通信 |
    조선중앙통신사
Kyodo: Kyodo | KYODO | Kyodo News | Киодо | 共同通信 | 共同社 | 共同 | 교도통신 | 교도 | كيودو
Jiji: Jiji | JIJI | Jiji Press | 時事通信 | 時事 | 时事社 | 지지통신
CNA: CNA | Central News Agency | 中央社
EFE: EFE | Agencia EFE | 埃菲社 | ЭФЕ | إفي
Europa Press: Europa Press | EUROPA PRESS
ANSA: ANSA | Ansa | АНСА | 安莎社
Adnkronos: Adnkronos | AdnKronos | ADNKRONOS
AGI: AGI
Lusa: Lusa | LUSA
Agência Brasil: Agência Brasil
Télam: Télam | Telam
Prensa Latina: Prensa Latina
PTI: PTI | Press Trust of India
IANS: IANS | Indo-Asian News Service
ANI: ANI | Asian News International
UPI: UPI | United Press International
Bloomberg: Bloomberg | Bloomberg News | BLOOMBERG | Блумберг | 彭博社 | 彭博 | ブルームバーグ | 블룸버그 |
    بلومبرغ
PA: PA Media | Press Association | PA Wire
CP: The Canadian Press | Canadian Press
AAP: AAP | Australian Associated Press
APA: APA
ATS: Keystone-ATS | Keystone-SDA | ATS | SDA
Belga: Belga | BELGA
ANP: ANP
TT: TT Nyhetsbyrån
NTB: NTB
Ritzau: Ritzau
STT: STT
PAP: PAP | Polska Agencja Prasowa
ČTK: ČTK | CTK
MTI: MTI
Agerpres: Agerpres | AGERPRES
BTA: BTA | БТА
Tanjug: Tanjug | Танјуг
HINA: HINA | Hina
BelTA: BelTA | БЕЛТА | БелТА
Anadolu: Anadolu | Anadolu Agency | Anadolu Ajansı | AA | Анадолу | الأناضول
DHA: DHA | Demirören
IRNA: IRNA | ИРНА | إرنا | ایرنا
SANA: SANA | САНА | سانا
SPA: SPA | واس
WAM: WAM | وام
MENA: MENA | أ ش أ
Petra: Petra | بترا
Antara: Antara | ANTARA
Bernama: Bernama | BERNAMA
VNA: VNA | TTXVN | 越通社
"""


def _read_table() -> Mapping[str, tuple[str, ...]]:
    agencies: dict[str, tuple[str, ...]] = {}
    for line in _TABLE.replace("\n    ", " ").strip().splitlines():
        name, _, spellings = line.partition(": ")
        agencies[name] = tuple(spelling.strip() for spelling in spellings.split(" | "))
    return agencies


AGENCIES: Final = _read_table()
"""The names that articles are credited with, and the spellings of each."""

_BY_SPELLING: Final = {spelling: name for name, spellings in AGENCIES.items() for spelling in spellings}
_WORDS_OF_ENGLISH: Final = frozenset(
    {"AA", "SPA", "ATS", "SDA", "CNS", "CNA", "RIA", "AGI", "APA", "MENA", "PA"}
)
"""Abbreviations that other things share: they are credits in a dateline or alone on a line only."""


def agency_of(spelling: str) -> str | None:
    """Return the agency that a credit spells so, or None."""
    return _BY_SPELLING.get(" ".join(spelling.split()))


def is_agency(text: str) -> bool:
    return agency_of(text) is not None


def _alternation(spellings: list[str]) -> str:
    return "|".join(
        re.escape(spelling).replace(r"\ ", r"\s") for spelling in sorted(spellings, key=len, reverse=True)
    )


_UNSPACED: Final = re.compile("[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3]")
UNSPACED_SPELLINGS: Final = _alternation([each for each in _BY_SPELLING if _UNSPACED.search(each)])
"""An expression for the spellings in Chinese, Japanese and Korean."""
SPELLINGS: Final = _alternation(list(_BY_SPELLING))
"""An expression for every spelling."""
CLEAR_SPELLINGS: Final = _alternation([each for each in _BY_SPELLING if each not in _WORDS_OF_ENGLISH])
"""An expression for the spellings that mean an agency in any sentence."""

_SEPARATED: Final = {code: " " for code in range(128) if not chr(code).isalpha()}
"""Makes spaces of all ASCII characters but letters: five times faster than an expression that finds the words."""
_WORD: Final = re.compile(r"[^\W\d_]+")
_UNSPACED_SPELLING: Final = re.compile(UNSPACED_SPELLINGS)


def _by_first_word() -> Mapping[str, tuple[str, ...]]:
    spellings: dict[str, tuple[str, ...]] = {}
    for spelling in _BY_SPELLING:
        first = _WORD.search(spelling)
        if first is not None and not _UNSPACED.search(spelling):
            spellings[first[0]] = (*spellings.get(first[0], ()), spelling)
    return spellings


_BY_FIRST_WORD: Final = _by_first_word()


def names_agency(text: str) -> bool:
    """Return whether a text spells an agency's name: most texts do not, and need no closer look."""
    words = text.translate(_SEPARATED).split() if text.isascii() else _WORD.findall(text)
    for word in _BY_FIRST_WORD.keys() & words:
        if any(spelling in text for spelling in _BY_FIRST_WORD[word]):
            return True
    return not text.isascii() and _UNSPACED_SPELLING.search(text) is not None
