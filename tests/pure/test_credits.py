"""The news agencies that a text credits, with the role and the evidence of each credit."""

from __future__ import annotations

import pytest

from ingest.normalise.agencies import AGENCIES, agency_of
from ingest.normalise.credits import MAX_CREDITS, find_credits
from ingest.normalise.reposts import clean_text

DATELINES = {
    "WASHINGTON (Reuters) - The treaty was signed.": ("Reuters", "WASHINGTON (Reuters) -"),
    "(AP) — The treaty was signed.": ("AP", "(AP) —"),
    "LE BOURGET, France (AP) — The treaty was signed.": ("AP", "LE BOURGET, France (AP) —"),
    "MOSCOW, Dec 1 (Reuters) - The treaty was signed.": ("Reuters", "MOSCOW, Dec 1 (Reuters) -"),
    "Pyongyang, August 10 (KCNA) -- The treaty was signed.": ("KCNA", "Pyongyang, August 10 (KCNA) --"),
    "BEIJING, Dec. 1 (Xinhua) -- The treaty was signed.": ("Xinhua", "BEIJING, Dec. 1 (Xinhua) --"),
    "SEOUL, Dec. 1 (Yonhap) -- The treaty was signed.": ("Yonhap", "SEOUL, Dec. 1 (Yonhap) --"),
    "New Delhi, Dec 1 (PTI) The treaty was signed.": ("PTI", "New Delhi, Dec 1 (PTI)"),
    "New Delhi, Dec 1 (IANS) The treaty was signed.": ("IANS", "New Delhi, Dec 1 (IANS)"),
    "WASHINGTON, Dec. 1 (UPI) -- The treaty was signed.": ("UPI", "WASHINGTON, Dec. 1 (UPI) --"),
    "(Bloomberg) -- The treaty was signed.": ("Bloomberg", "(Bloomberg) --"),
    "MOSCOW, December 1. /TASS/. The treaty was signed.": ("TASS", "MOSCOW, December 1. /TASS/."),
    "Berlin (dpa) - Der Vertrag ist unterzeichnet.": ("dpa", "Berlin (dpa) -"),
    "Paris (AFP) – Le traité est signé.": ("AFP", "Paris (AFP) –"),
    "Moscú, 1 dic (EFE).- El tratado está firmado.": ("EFE", "Moscú, 1 dic (EFE).-"),
    "(ANSA) - ROMA, 01 DIC - Il trattato è firmato.": ("ANSA", "(ANSA) -"),
    "ПХЕНЬЯН, 1 декабря. /ТАСС/. Договор подписан.": ("TASS", "ПХЕНЬЯН, 1 декабря. /ТАСС/."),
    "МОСКВА, 1 дек — РИА Новости. Договор подписан.": ("RIA Novosti", "МОСКВА, 1 дек — РИА Новости."),
    "МОСКВА, 1 дек - РИА Новости, Иван Петров. Договор подписан.": ("RIA Novosti", "МОСКВА, 1 дек - РИА Новости,"),
    "Москва. 1 декабря. INTERFAX.RU - Договор подписан.": ("Interfax", "Москва. 1 декабря. INTERFAX.RU -"),
    "(서울=연합뉴스) 홍길동 기자 = 조약이 체결됐다.": ("Yonhap", "(서울=연합뉴스)"),
    "[서울=뉴시스]홍길동 기자 = 조약이 체결됐다.": ("Newsis", "[서울=뉴시스]"),
    "【ソウル聯合ニュース】条約が締結された。": ("Yonhap", "【ソウル聯合ニュース】"),
    "【モスクワ共同】条約が締結された。": ("Kyodo", "【モスクワ共同】"),
    "[東京 1日 ロイター] - 条約が締結された。": ("Reuters", "[東京 1日 ロイター]"),
    "【12月1日 AFP】条約が締結された。": ("AFP", "【12月1日 AFP】"),
    "新华社北京12月1日电 条约签署。": ("Xinhua", "新华社北京12月1日电"),
    "中新社莫斯科12月1日电 条约签署。": ("China News Service", "中新社莫斯科12月1日电"),
    "موسكو (رويترز) - تم توقيع المعاهدة.": ("Reuters", "موسكو (رويترز) -"),
    "بكين أول ديسمبر (شينخوا) -- تم توقيع المعاهدة.": ("Xinhua", "بكين أول ديسمبر (شينخوا) --"),
}  # fmt: skip

CREDIT_LINES = {
    "Reuters": "Reuters",
    "— AFP": "AFP",
    "© AFP": "AFP",
    "© 2026 AFP": "AFP",
    "(c) dpa": "dpa",
    "【ロイター】": "Reuters",
    "/ТАСС/": "TASS",
    "연합뉴스": "Yonhap",
    "（新华社）": "Xinhua",
}

ENDINGS = {
    "The treaty was signed. (AP)": "AP",
    "The treaty was signed. — AFP": "AFP",
    "조약이 체결됐다. [연합뉴스]": "Yonhap",
    "条约签署。（新华社）": "Xinhua",
}

CITED = {
    "По информации ТАСС, договор подписан.": "TASS",
    "Договор подписан. Об этом сообщает РИА Новости.": "RIA Novosti",
    "The treaty was signed, according to TASS.": "TASS",
    "KCNA reported on Monday that the treaty was signed.": "KCNA",
    "Der Vertrag ist unterzeichnet, meldet die Nachrichtenagentur TASS.": "TASS",
    "Selon l'agence TASS, le traité est signé.": "TASS",
    "Según la agencia TASS, el tratado está firmado.": "TASS",
    "За даними ТАСС, договір підписано.": "TASS",
    "조선중앙통신에 따르면 조약이 체결됐다.": "KCNA",
    "据新华社报道，条约签署。": "Xinhua",
    "タス通信によると、条約が締結された。": "TASS",
    "وفقا ل رويترز تم توقيع المعاهدة.": "Reuters",
}

NO_CREDIT = [
    "The agency (TASS) said that the treaty was signed.",
    "Kim told (AP) photographers to leave.",
    "A photo showed the square (Larry Doe/Reuters).",
    "AP classes are popular, the school said.",
    "The spa (SPA) was closed on Monday.",
    "Bloomberg ran for president in 2020.",
    "Reuters Street was closed on Monday.",
]


def wire(text: str) -> list[tuple[str, str]]:
    return [
        (credit.agency, credit.evidence) for credit in find_credits(text.split("\n")) if credit.role == "wire"
    ]


@pytest.mark.parametrize(("line", "credit"), DATELINES.items(), ids=DATELINES)
def test_a_dateline_credits_its_agency_and_stays_in_the_text(line: str, credit: tuple[str, str]) -> None:
    text = f"{line}\nThe second paragraph.\nThe third.\nThe fourth."
    assert wire(text) == [credit]
    assert clean_text(text, title="", markup="").text == text


@pytest.mark.parametrize(("line", "agency"), CREDIT_LINES.items(), ids=CREDIT_LINES)
def test_a_line_that_is_a_credit_alone_is_removed_and_credits_its_agency(line: str, agency: str) -> None:
    for text in (
        f"The treaty was signed.\nThe second paragraph.\n{line}",
        f"{line}\nThe treaty was signed.\nSecond.",
    ):
        assert [name for name, _ in wire(text)] == [agency]
        story = clean_text(text, title="", markup="")
        assert line not in story.text.split("\n")
        assert line in [removed.text for removed in story.removed]


@pytest.mark.parametrize(("line", "agency"), ENDINGS.items(), ids=ENDINGS)
def test_a_credit_behind_the_last_sentence_counts_and_stays(line: str, agency: str) -> None:
    assert [name for name, _ in wire(f"The first.\nThe second.\n{line}")] == [agency]
    assert clean_text(f"The first.\n{line}", title="", markup="").text == f"The first.\n{line}"


def test_a_picture_credit_of_two_agencies_credits_both() -> None:
    text = "정상들이 만났다. [AFP=연합뉴스]\n조약이 체결됐다."
    assert [name for name, _ in wire(text)] == ["AFP", "Yonhap"]


@pytest.mark.parametrize(("line", "agency"), CITED.items(), ids=CITED)
def test_an_agency_whose_report_the_text_reports_is_cited(line: str, agency: str) -> None:
    (credit,) = find_credits([line, "The second paragraph."])
    assert (credit.agency, credit.role) == (agency, "cited")
    assert credit.evidence in line


@pytest.mark.parametrize("line", NO_CREDIT)
def test_words_that_only_look_like_a_credit_are_none(line: str) -> None:
    assert find_credits([line, "The second paragraph."]) == ()


def test_an_agency_with_a_dateline_is_not_cited_too() -> None:
    credits_ = find_credits(
        ["MOSCOW (Reuters) - The treaty was signed, an official told Reuters.", "Second."]
    )
    assert [(credit.agency, credit.role) for credit in credits_] == [("Reuters", "wire")]


def test_credits_are_bounded_and_in_the_attribution() -> None:
    names = " ".join(
        f"according to {name}," for name in ("TASS", "AFP", "Reuters", "Yonhap", "KCNA", "Xinhua", "EFE")
    )
    assert len(find_credits([f"WASHINGTON (AP) - {names}"] * 3)) <= MAX_CREDITS
    attribution = clean_text("WASHINGTON (AP) - Signed.\nSecond.", title="", markup="").attribution
    assert attribution is not None
    assert (attribution.agency, attribution.publisher, attribution.evidence) == (
        "AP",
        None,
        "WASHINGTON (AP) -",
    )


def test_a_source_line_names_the_publisher_and_credits_the_agency() -> None:
    attribution = clean_text("Signed.\nSecond.\nSource: Reuters", title="", markup="").attribution
    assert attribution is not None
    assert (attribution.publisher, attribution.agency) == ("Reuters", "Reuters")


def test_each_spelling_belongs_to_one_agency() -> None:
    spellings = [spelling for each in AGENCIES.values() for spelling in each]
    assert len(spellings) == len(set(spellings))
    assert agency_of("Agence France-Presse") == "AFP"
    assert agency_of("Evening Paper") is None
