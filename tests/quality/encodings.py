"""Encodings: the texts of chardet's test files as feeds, without a declared encoding and with one.

A file's folder names its encoding. An encoding with a superset in the WHATWG Encoding Standard is read as that
superset, as browsers do. The visible text becomes a feed in that encoding, and the feed goes through the parser. A
result is right where the text comes out equal, white space aside: two encodings with the same text are both right.

*Undeclared*: neither the document nor the response names an encoding; charset-normalizer alone decodes the same bytes.
*Declared*: the response's ``Content-Type`` has the label. *Document*: the XML declaration has it.
"""

from __future__ import annotations

import codecs
import html
import re
import sys
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from charset_normalizer import from_bytes

from ingest.parse import parse_feed
from ingest.types import Failed
from tests.bench.figures import Figures, corpus_file, read_tar_zst

ARCHIVE: Final = "urls-charsets.tar.zst"
MAX_CHARACTERS: Final = 20_000
_FILE: Final = re.compile(r"F_chardet_tests/tests/([^/]+)/([^/]+)$")
_LANGUAGE: Final = re.compile(r"^((?:iso-8859|windows)-\d+).*", re.IGNORECASE)
_PYTHON_NAMES: Final = {"maccyrillic": "mac-cyrillic", "macroman": "mac-roman", "tis-620": "cp874"}
_SUPERSETS: Final = {"gb2312": "gb18030", "shift_jis": "cp932", "euc_kr": "cp949", "big5": "big5hkscs"}
_LABELS: Final = {
    "mac-cyrillic": "x-mac-cyrillic",
    "mac-roman": "macintosh",
    "cp932": "shift_jis",
    "cp874": "tis-620",
}
_TAG: Final = re.compile(r"<(script|style)\b.*?</\1>|<!\[CDATA\[|\]\]>|<[^<>]*>", re.DOTALL | re.IGNORECASE)
_INVALID: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufdd0-\ufdef\ufffe\uffff\ue000-\uf8ff]")


# One character of a legacy set has several mappings to Unicode in use; they look alike (JIS, Big5).
_MAPPINGS: Final = str.maketrans("〜∼−‖―", "~~-∥—")


@dataclass(frozen=True, slots=True, kw_only=True)
class CharsetFile:
    """The visible text of one test file."""

    folder: str
    name: str
    encoding: str
    text: str

    @property
    def label(self) -> str:
        """The name of the encoding in a declaration."""
        return _LABELS.get(self.encoding, _LANGUAGE.sub(r"\1", self.folder))

    def feed(self, declaration: str = "") -> bytes:
        """The text as a feed in the file's encoding."""
        document = (
            f'{declaration}<rss version="2.0"><channel><title>Feed</title><item><title>Title</title>'
            f"<guid>urn:1</guid><description>{html.escape(html.escape(self.text))}</description>"
            "</item></channel></rss>"
        )
        return document.encode(self.encoding)


def charset_files(corpus: Path) -> Iterator[CharsetFile]:
    """Yield the files that are valid in their encoding, and whose visible text is not all ASCII."""
    for path, body in read_tar_zst(corpus_file(corpus, ARCHIVE)):
        match = _FILE.search(path)
        if match is None:
            continue
        label = _LANGUAGE.sub(r"\1", match[1]).lower()
        try:
            encoding = codecs.lookup(_PYTHON_NAMES.get(label, label)).name
        except LookupError:
            continue  # Python has no EUC-TW
        for candidate in (_SUPERSETS.get(encoding, encoding), encoding):
            try:
                text = visible_text(body.decode(candidate))
                text.encode(candidate)
            except UnicodeError:
                continue
            if not text.isascii():
                yield CharsetFile(folder=match[1], name=match[2], encoding=candidate, text=text)
            break


def visible_text(document: str) -> str:
    """Return a text without markup, references and characters that XML forbids, cut to a bounded length."""
    text = _INVALID.sub("", _TAG.sub(" ", document.removeprefix("\ufeff")))
    return tidy(re.sub(r"&#?\w+;", " ", text))[:MAX_CHARACTERS].strip()


def tidy(text: str) -> str:
    return " ".join(text.split())


def folded(text: str) -> str:
    """Return a text in which characters that legacy sets do not tell apart are equal."""
    return tidy(unicodedata.normalize("NFKC", text.translate(_MAPPINGS)))


def parsed_text(body: bytes, content_type: str | None) -> str:
    """Return the summary of the feed's entry; empty where the parser refuses the feed."""
    parsed = parse_feed(body, url="https://encodings.example/feed", content_type=content_type)
    if isinstance(parsed, Failed) or not parsed.entries:
        return ""
    return tidy(html.unescape(parsed.entries[0].summary or ""))


def library_text(body: bytes) -> str:
    """Return the same summary, decoded by charset-normalizer alone."""
    best = from_bytes(body).best()
    match = re.search(r"<description>(.*?)</description>", "" if best is None else str(best), re.DOTALL)
    return tidy(html.unescape(html.unescape(match[1]))) if match else ""


METHODS: Final[dict[str, Callable[[CharsetFile], str]]] = {
    "undeclared": lambda file: parsed_text(file.feed(), "application/rss+xml"),
    "undeclared_charset_normalizer": lambda file: library_text(file.feed()),
    "declared": lambda file: parsed_text(file.feed(), f"application/rss+xml; charset={file.label}"),
    "document": lambda file: parsed_text(
        file.feed(f'<?xml version="1.0" encoding="{file.label}"?>'), "application/rss+xml"
    ),
}


def measure(corpus: Path, figures: Figures, *, show: int) -> None:
    """Add the share of right texts for each method, in total and by folder."""
    files = list(charset_files(corpus))
    figures.add("encodings_files", len(files), "files")
    shares = {}
    for name, decode in METHODS.items():
        right, total = Counter[str](), Counter[str]()
        for file in files:
            total[file.folder] += 1
            right[file.folder] += folded(decode(file)) == folded(file.text)
        shares[name] = right.total() / max(1, total.total())
        declared = name in {"declared", "document"}
        figures.add(f"encodings_{name}_right", shares[name], "ratio", goal=0.99 if declared else None)
        if show:
            by_folder = ", ".join(f"{folder} {right[folder]}/{total[folder]}" for folder in sorted(total))
            print(f"encodings: {name}: {by_folder}", file=sys.stderr)
    figures.add(
        "encodings_of_charset_normalizer",
        shares["undeclared"] / max(1e-9, shares["undeclared_charset_normalizer"]),
        "ratio",
        goal=1.0,
    )
