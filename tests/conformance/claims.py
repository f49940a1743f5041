"""Claims of a suite about its files, and comparisons of each claim with the parsed result."""

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
    """A statement of a suite about one of its files."""

    case: str
    """Path of the file, relative to its suite."""
    about: str
    """Field of ours that the claim concerns, as in ``entries[0].title``."""
    expected: str
    actual: str
    holds: bool


@dataclass(slots=True, kw_only=True)
class Tally:
    """Result of a suite."""

    claims: list[Claim] = field(default_factory=list)
    not_applicable: int = 0
    """Number of claims about values that no field of ours holds."""
    files: int = 0
    """Number of files with at least one statement."""

    @property
    def failed(self) -> list[Claim]:
        return [claim for claim in self.claims if not claim.holds]


Suite = Callable[[Path], Tally]


def unpacked(corpus: Path) -> Path:
    """Return the folder of the unpacked archive; unpack it again when the archive changed.

    Raises:
        CorpusAbsentError: the archive is not in the corpus.
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
    except OSError:  # another process was faster
        shutil.rmtree(new)
    return folder


def read(body: bytes, *, url: str, content_type: str | None = None, language: str | None = None) -> Read:
    """Parse a document. A broken document without entries gets one of ours first.

    Alone it would be a failed poll (docs/polling.md, case 79). With the entry, the claims about the rest of the
    document can be judged.
    """
    parsed = parse_feed(body, url=url, content_type=content_type, language=language)
    if isinstance(parsed, Failed) and parsed.detail.startswith("no entries, and not well-formed"):
        with_entry = _END.sub(rb"<item><title>of ours</title></item>\1", body, count=1)
        return parse_feed(with_entry, url=url, content_type=content_type, language=language)
    return parsed


def files(folder: Path, *patterns: str) -> Iterator[Path]:
    """Yield the files that match a pattern, in the order of their paths."""
    paths = {path for pattern in patterns for path in folder.rglob(pattern) if path.is_file()}
    yield from sorted(paths)


def shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 160 else f"{text[:157]}…"


def same_text(actual: str | None, expected: str | None, *, base: str) -> bool:
    """Return whether two texts, HTML or plain, look the same to a reader: same safe HTML, with absolute URLs.

    Suites state a text as their parser returns it: some as HTML, some as plain text. Both readings are tried.
    """
    if not (actual or "").strip() or not (expected or "").strip():
        return not (actual or "").strip() and not (expected or "").strip()
    assert actual is not None
    assert expected is not None
    if _spaced(actual) == _spaced(expected):
        return True
    ours = _safe(actual, base)
    return ours in (_safe(expected, base), _safe(html.escape(expected, quote=False), base))


def same_plain(actual: str | None, expected: str | None) -> bool:
    """Return whether two texts are the same without markup."""
    ours, other = (markup.single_line(text or "") for text in (actual, expected))
    return ours == other or ours == markup.single_line(html.escape(expected or "", quote=False))


def same_address(actual: str | None, expected: str | None, *, base: str) -> bool:
    ours = absolute(actual or "", base=base) or actual
    expected_url = absolute(expected or "", base=base) or expected
    if ours == expected_url or not ours or not expected_url:
        return (ours or None) == (expected_url or None)
    return _address(ours) == _address(expected_url)


def same_date(actual: datetime | None, expected: str | Sequence[int] | None) -> bool:
    """Compare a time; ``expected`` is a text in ISO 8601 or RFC 2822, or the parts of a UTC time."""
    if not expected:
        return actual is None
    if not isinstance(expected, str):
        return actual is not None and actual == datetime(*[int(part) for part in expected[:6]], tzinfo=UTC)  # type: ignore[misc,arg-type]
    expected_date = _date(expected)
    return (
        expected_date is not None and actual is not None and abs((actual - expected_date).total_seconds()) < 1
    )


def without_address(name: str) -> str:
    """Strip the e-mail address behind a name: authors are stored by name."""
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
    # The div around XHTML is not part of its content (RFC 4287, §3.1.1.3).
    wrapped = _WRAPPED.fullmatch(safe)
    return wrapped[1] if wrapped else safe


def _address(url: str) -> str:
    scheme, mark, remainder = url.rstrip("/").replace("&amp;", "&").partition("://")
    host, slash, path = remainder.partition("/")
    return f"{scheme.lower()}{mark}{host.lower()}{slash}{unquote(path)}"


def claim(case: str, about: str, *, expected: Any, actual: Any, holds: bool) -> Claim:
    return Claim(case=case, about=about, expected=shown(expected), actual=shown(actual), holds=holds)
