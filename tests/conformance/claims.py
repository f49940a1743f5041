"""What a suite claims of a file, and whether what we read says the same."""

from __future__ import annotations

import html
import os
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote

from ingest.normalise import markup
from ingest.parse import parse_feed
from ingest.types import Entry, Failed, ParsedFeed
from ingest.urls import absolute
from tests.bench.figures import corpus_file, read_tar_zst

_END: Final = re.compile(rb"(</(?:channel|feed|rss)\b)")
_WRAPPED: Final = re.compile(r"<div>((?:(?!</?div>).)*)</div>", re.DOTALL)
ARCHIVE: Final = "conformance.tar.zst"
Read = ParsedFeed | Failed


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """One statement of a suite on one of its files."""

    case: str
    """The file, relative to its suite."""
    about: str
    """Our field that it speaks of, as in ``entries[0].title``."""
    expected: str
    found: str
    holds: bool


@dataclass(slots=True, kw_only=True)
class Tally:
    """What a suite came to."""

    claims: list[Claim] = field(default_factory=list)
    elsewhere: int = 0
    """Claims about what we have no field for."""
    files: int = 0
    """That state anything."""

    @property
    def failed(self) -> list[Claim]:
        return [claim for claim in self.claims if not claim.holds]


Suite = Callable[[Path], Tally]


def unpacked(corpus: Path) -> Path:
    """The folder of the unpacked archive; unpacked again when the archive is another one.

    Raises:
        CorpusAbsentError: it is not in the corpus.
    """
    archive = corpus_file(corpus, ARCHIVE)
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "news-ingest"
    status = archive.stat()
    folder = cache / f"conformance-{status.st_size}-{status.st_mtime_ns}"
    if folder.is_dir():
        return folder
    new = folder.with_name(f"{folder.name}.{os.getpid()}")
    for name, body in read_tar_zst(archive):
        target = (new / name).resolve()
        if not target.is_relative_to(new.resolve()):
            raise ValueError(f"{name} leads out of the archive")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(body)
    try:
        new.rename(folder)
    except OSError:  # another run was faster
        shutil.rmtree(new)
    return folder


def read(body: bytes, *, url: str, content_type: str | None = None, language: str | None = None) -> Read:
    """What we read. A poll that brought a broken document without entries is a failure (docs/polling.md, case 79): what
    is claimed of the rest of such a document is judged with an entry of ours in it."""
    parsed = parse_feed(body, url=url, content_type=content_type, language=language)
    if isinstance(parsed, Failed) and parsed.detail.startswith("no entries, and not well-formed"):
        with_entry = _END.sub(rb"<item><title>of ours</title></item>\1", body, count=1)
        return parse_feed(with_entry, url=url, content_type=content_type, language=language)
    return parsed


def files(folder: Path, *patterns: str) -> Iterator[Path]:
    """In the order of their names."""
    found = {path for pattern in patterns for path in folder.rglob(pattern) if path.is_file()}
    yield from sorted(found)


def shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 160 else f"{text[:157]}…"


def same_text(found: str | None, expected: str | None, *, base: str) -> bool:
    """Whether two texts, HTML or plain, are the same to a reader: by their safe HTML, addresses made absolute.

    Suites state a text as their parser returns it: some as HTML, some as plain text. Both readings are tried.
    """
    if not (found or "").strip() or not (expected or "").strip():
        return not (found or "").strip() and not (expected or "").strip()
    assert found is not None
    assert expected is not None
    if _spaced(found) == _spaced(expected):
        return True
    ours = _safe(found, base)
    return ours in (_safe(expected, base), _safe(html.escape(expected, quote=False), base))


def same_plain(found: str | None, expected: str | None) -> bool:
    """Whether they read the same without any markup."""
    ours, theirs = (markup.single_line(text or "") for text in (found, expected))
    return ours == theirs or ours == markup.single_line(html.escape(expected or "", quote=False))


def same_address(found: str | None, expected: str | None, *, base: str) -> bool:
    ours = absolute(found or "", base=base) or found
    theirs = absolute(expected or "", base=base) or expected
    if ours == theirs or not ours or not theirs:
        return (ours or None) == (theirs or None)
    return _address(ours) == _address(theirs)


def same_date(found: datetime | None, expected: str | Sequence[int] | None) -> bool:
    """``expected``: a text in ISO 8601 or RFC 2822, or the parts of a UTC time."""
    if not expected:
        return found is None
    if not isinstance(expected, str):
        return found is not None and found == datetime(*[int(part) for part in expected[:6]], tzinfo=UTC)  # type: ignore[misc,arg-type]
    theirs = _date(expected)
    return theirs is not None and found is not None and abs((found - theirs).total_seconds()) < 1


def without_address(name: str) -> str:
    """A name without the e-mail address behind it: we keep people by their names."""
    return re.sub(r"\s*[(<]\s*[^\s()<>]+@[^\s()<>]+\s*[)>]\s*$", "", name).strip()


def entry_of(parsed: Read, number: int) -> Entry | None:
    if isinstance(parsed, Failed) or number >= len(parsed.entries):
        return None
    return parsed.entries[number]


def base_of(entry: Entry | None, url: str) -> str:
    return url if entry is None else entry.base or url


def _date(text: str) -> datetime | None:
    for reader in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            date = reader(text.strip())
        except (ValueError, TypeError, IndexError):
            continue
        return date if date.tzinfo else date.replace(tzinfo=UTC)
    return None


def _spaced(text: str) -> str:
    return " ".join(text.split())


def _safe(text: str, base: str) -> str:
    safe = unquote(re.sub(r"\s*(<[^>]*>)\s*", r"\1", _spaced(markup.sanitise(text, base=base))))
    # The div around XHTML is no part of what it holds (RFC 4287, §3.1.1.3).
    wrapped = _WRAPPED.fullmatch(safe)
    return wrapped[1] if wrapped else safe


def _address(url: str) -> str:
    scheme, mark, rest = url.rstrip("/").replace("&amp;", "&").partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme.lower()}{mark}{host.lower()}{slash}{unquote(path)}"


def claim(case: str, about: str, *, expected: Any, found: Any, holds: bool) -> Claim:
    return Claim(case=case, about=about, expected=shown(expected), found=shown(found), holds=holds)
