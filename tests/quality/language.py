"""Measure languages of articles by language, beside the detector's library alone.

Texts are the invented articles of ``search_pairs.jsonl``, the labelled articles and ``lede-stream`` of the corpus, and
the feeds among chardet's test files, whose folders name their language. Feeds quote English: of chardet's feeds only
texts count whose letters are mostly of the language's script. *alone* is the library's first guess, reliable or not.
"""

from __future__ import annotations

import re
import sys
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pycld2

from ingest.language import decide_language, primary
from ingest.parse import parse_feed
from ingest.types import Entry, ParsedFeed
from tests.bench.figures import Figures, corpus_file, read_jsonl_zst, read_tar_zst
from tests.quality.search_pairs import read_pairs

LEAST_RIGHT: Final = 0.97
MOST_WRONG: Final = 0.005
LEAST_CORRECTED: Final = 0.95
MOST_UNCORRECTED: Final = 0.005
FEED_ENTRIES: Final = 15
"""Entries of one of chardet's feeds that count: the feeds differ in length."""

_FOLDERS: Final = {
    "EUC-JP": ("euc_jp", "ja"),
    "SHIFT_JIS": ("cp932", "ja"),
    "EUC-KR": ("cp949", "ko"),
    "GB2312": ("gb18030", "zh"),
    "Big5": ("big5hkscs", "zh"),
    "KOI8-R": ("koi8_r", "ru"),
    "windows-1251-russian": ("cp1251", "ru"),
    "iso-8859-5-russian": ("iso8859_5", "ru"),
    "windows-1251-bulgarian": ("cp1251", "bg"),
    "iso-8859-5-bulgarian": ("iso8859_5", "bg"),
    "windows-1255-hebrew": ("cp1255", "he"),
    "iso-8859-7-greek": ("iso8859_7", "el"),
    "TIS-620": ("cp874", "th"),
}
"""Encoding and language of folders of chardet's test files, where the script shows that a text is in the language."""
_YIDDISH: Final = "hydepark.hevre.co.il.7957.xml"
"""A feed in Yiddish in a folder of Hebrew feeds."""
_SCRIPTS: Final = {
    "ja": ("HIRAGANA", "KATAKANA", "CJK"),
    "ko": ("HANGUL",),
    "zh": ("CJK",),
    "ru": ("CYRILLIC",),
    "bg": ("CYRILLIC",),
    "he": ("HEBREW",),
    "el": ("GREEK",),
    "th": ("THAI",),
}
_MARKUP: Final = re.compile(r"<[^>]*>|&[#\w]+;|https?://\S+")
_XML_DECLARATION: Final = re.compile(r"^\s*<\?xml[^>]*\?>")


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledText:
    """An article's texts and its language, a code without subtags."""

    language: str
    title: str
    text: str


def measure(corpus: Path, figures: Figures, *, show: int) -> None:
    """Add the figures of whole articles, of titles alone, and of articles whose feed declares a language."""
    texts = list(_labelled_texts(corpus))
    figures.add("language_articles", len(texts), "articles")
    figures.add("language_languages", len({each.language for each in texts}), "languages")
    add_share_figures("language", texts, figures, show=show, floors=(LEAST_RIGHT, MOST_WRONG))
    titles = [LabelledText(language=each.language, title=each.title, text="") for each in texts if each.title]
    add_share_figures("language_of_titles", titles, figures, show=0, floors=(None, MOST_WRONG))
    add_declared_figures(texts, figures)
    print(table(texts))


def add_share_figures(
    name: str,
    texts: Sequence[LabelledText],
    figures: Figures,
    *,
    show: int,
    floors: tuple[float | None, float | None],
) -> None:
    """Add the shares of right, wrong and unknown languages, and the share that is right by the library alone."""
    results = [_detected(each) for each in texts]
    right = sum(result == each.language for result, each in zip(results, texts, strict=True))
    unknown = results.count(None)
    of_texts = f"ratio_of_{len(texts)}"
    figures.add(f"{name}_right", right / len(texts), of_texts, floor=floors[0])
    wrong = (len(texts) - right - unknown) / len(texts)
    figures.add(f"{name}_wrong", wrong, of_texts, floor=floors[1], lower_is_better=True)
    figures.add(f"{name}_unknown", unknown / len(texts), of_texts)
    alone = [_alone(each) for each in texts]
    right_alone = sum(guess == each.language for guess, each in zip(alone, texts, strict=True))
    figures.add(f"{name}_right_alone", right_alone / len(texts), of_texts)
    figures.add(f"{name}_wrong_alone", 1 - right_alone / len(texts), of_texts)
    pairs = zip(results, texts, strict=True)
    wrong_texts = [(result, each) for result, each in pairs if result not in (each.language, None)]
    for result, each in wrong_texts[:show]:
        print(f"{each.language} taken for {result}: {each.title[:80]!r}", file=sys.stderr)


def add_declared_figures(texts: Sequence[LabelledText], figures: Figures) -> None:
    """Add how often a right declaration stays, and how often the text corrects a feed that declares English."""
    kept = sum(_language(each, declared=each.language) == each.language for each in texts)
    figures.add("language_declared_kept", kept / len(texts), f"ratio_of_{len(texts)}", floor=LEAST_RIGHT)
    foreign = [each for each in texts if each.language != "en"]
    results = [_language(each, declared="en-us") for each in foreign]
    corrected = sum(result == each.language for result, each in zip(results, foreign, strict=True))
    of_foreign, name = f"ratio_of_{len(foreign)}", "language_wrong_declaration"
    figures.add(f"{name}_corrected", corrected / len(foreign), of_foreign, floor=LEAST_CORRECTED)
    kept_wrongly = results.count("en") / len(foreign)
    figures.add(f"{name}_kept", kept_wrongly, of_foreign, floor=MOST_UNCORRECTED, lower_is_better=True)


def table(texts: Sequence[LabelledText]) -> str:
    """Return a table by language: articles, right, wrong and unknown, and right by the library alone."""
    by_language: dict[str, list[LabelledText]] = defaultdict(list)
    for each in texts:
        by_language[each.language].append(each)
    lines = [f"# {'language':<10} {'articles':>8} {'right':>6} {'wrong':>6} {'unknown':>8} {'alone':>6}"]
    for language, group in sorted(by_language.items()):
        results = Counter(_detected(each) for each in group)
        right, unknown = results[language], results[None]
        alone = sum(_alone(each) == language for each in group)
        wrong = len(group) - right - unknown
        lines.append(f"# {language:<10} {len(group):>8} {right:>6} {wrong:>6} {unknown:>8} {alone:>6}")
    return "\n".join(lines)


def _detected(text: LabelledText) -> str | None:
    return _language(text, declared=None)


def _language(text: LabelledText, *, declared: str | None) -> str | None:
    tag = decide_language(text.title, text.text, declared=declared).tag
    return None if tag is None else primary(tag)


def _alone(text: LabelledText) -> str | None:
    try:
        _, _, languages = pycld2.detect(f"{text.title}\n{text.text}", isPlainText=True, bestEffort=True)
    except (pycld2.error, UnicodeEncodeError):
        return None
    return primary({"iw": "he"}.get(languages[0][1], str(languages[0][1]))).lower()


def _labelled_texts(corpus: Path) -> Iterator[LabelledText]:
    for article in {pair.article.id: pair.article for pair in read_pairs()}.values():
        yield LabelledText(language=primary(article.language), title=article.title, text=article.text)
    for row in read_jsonl_zst(corpus_file(corpus, "russia-north-korea.jsonl.zst")):
        yield LabelledText(language=row["lang"], title=row["title"], text=row["text"])
    for row in read_jsonl_zst(corpus_file(corpus, "lede-stream.jsonl.zst")):
        yield LabelledText(language="en", title=row["title"], text=row["summary"] or "")
    for name, body in read_tar_zst(corpus_file(corpus, "urls-charsets.tar.zst")):
        folder = Path(name).parent.name
        is_feed = name.endswith(".xml") and not name.endswith(_YIDDISH)
        if "chardet" in name and folder in _FOLDERS and is_feed:
            encoding, language = _FOLDERS[folder]
            yield from _feed_texts(body.decode(encoding, "replace"), language)


def _feed_texts(document: str, language: str) -> Iterator[LabelledText]:
    utf8 = _XML_DECLARATION.sub('<?xml version="1.0" encoding="utf-8"?>', document).encode()
    parsed = parse_feed(utf8, content_type="application/xml; charset=utf-8", url="https://chardet.example/")
    if isinstance(parsed, ParsedFeed):
        for entry in parsed.entries[:FEED_ENTRIES]:
            text = LabelledText(
                language=language, title=_plain(entry.title or ""), text=_plain(_longest_text(entry))
            )
            if _is_in_script(f"{text.title} {text.text}", _SCRIPTS[language]):
                yield text


def _longest_text(entry: Entry) -> str:
    return max((entry.summary or "", entry.content or ""), key=len)


def _plain(text: str) -> str:
    return _MARKUP.sub(" ", text).strip()


def _is_in_script(text: str, scripts: Sequence[str]) -> bool:
    letters = [character for character in text if character.isalpha()]
    of_scripts = sum(unicodedata.name(character, "").startswith(tuple(scripts)) for character in letters)
    return bool(letters) and of_scripts >= 0.6 * len(letters)
