"""URL vectors of other projects, and the tracking parameters of public lists, against canonical URLs.

A vector passes where the product gives one canonical URL for the input and for the address that the vector expects, or
none where the vector expects a failure. The product's own rules (``https``, no fragment, no tracking parameters) apply
to both sides. Vectors that the product does not follow are counted by reason.
"""

from __future__ import annotations

import csv
import io
import json
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from ingest.urls import MAX_HOST_CHARACTERS, canonical
from tests.bench.figures import Figures, corpus_file, read_tar_zst

ARCHIVE: Final = "urls-charsets.tar.zst"
GOAL: Final = 0.95
MAX_SHOWN_CHARACTERS: Final = 150

_SCHEME = "an article's address is http or https"
_BASE = "a feed's address, the base of its links, is http or https"
_ORDER = "parameters keep their order, which some servers interpret"
_EMPTY = "a parameter without a name or value stays: some servers look at it"
_SLASHES = "repeated slashes stay: some servers look at them"
_IPV4 = "feeds write IPv4 addresses in four decimal numbers"
_OPTION = "options of normalize-url (strip www, protocol, paths) change which page is meant"
_ESCAPED_HOST = "percent-escapes in a host are no name in the DNS"
_EMPTY_LINK = "an empty link names no article"
_CONTROLS = "control characters and zero-width characters are errors of a feed, and are removed"
_USER = "an article's address has no user name"
_DNS = "the DNS has no such name: an empty label, or a label or name that is too long"
_BARE = "an address without scheme and base is no link"
_IDNA = "labels that IDNA 2008 with UTS 46 forbids cannot be registered, so no feed has them"


_LOST: Final = frozenset("".join(map(chr, range(32))) + "\x7f\u200b\u200e\u200f\u2028\u2029\ufeff")


@dataclass(frozen=True, slots=True, kw_only=True)
class Vector:
    """An address, its base, and the address that another project expects; None where it expects a failure."""

    suite: str
    address: str
    base: str | None
    expected: str | None
    skipped: str | None = None
    """The reason for which the product does not follow the vector."""


def is_http(url: str) -> bool:
    return url.strip().lower().startswith(("http:", "https:"))


def general_reason(address: str, base: str | None, expected: str | None) -> str | None:
    """Return the reason not to follow a vector that applies in each suite, if there is one."""
    if not address.strip():
        return _EMPTY_LINK
    if any(character in _LOST for character in address.strip()):
        return _CONTROLS
    if re.match(r"[^/?#]*[/\\\\]{0,3}[^/?#\\\\]*@", address) or (base is not None and "@" in base):
        return _USER
    if expected is not None and not _fits_dns(expected):
        return _DNS
    if base is None and not re.match(r"[A-Za-z][A-Za-z0-9+.-]*:|//", address.strip()):
        return _BARE
    return None


def _fits_dns(url: str) -> bool:
    host = (urlsplit(url).hostname or "").removesuffix(".")
    return len(host) <= MAX_HOST_CHARACTERS and all(0 < len(label) <= 63 for label in host.split("."))


def read_vectors(files: Mapping[str, bytes]) -> Iterator[Vector]:
    for read in (_wpt, _idna, _crawler_commons, _normalize_url):
        for vector in read(files):
            reason = vector.skipped or general_reason(vector.address, vector.base, vector.expected)
            yield replace(vector, skipped=reason)


def _objects(files: Mapping[str, bytes], name: str) -> Iterator[dict[str, Any]]:
    """Yield the objects of a JSON array that also has comments as strings."""
    for item in json.loads(files[name]):
        if isinstance(item, dict):
            yield item


def _wpt(files: Mapping[str, bytes]) -> Iterator[Vector]:
    for name in ("urltestdata", "ada_extra_urltestdata", "ada_long_urltestdata"):
        for item in _objects(files, f"F_wpt_url/tests/wpt/{name}.json"):
            base = item.get("base")
            base = None if base in (None, "about:blank") else str(base)
            address, href = str(item["input"]), item.get("href")
            skipped = None
            if base is not None and not is_http(base) and not is_http(address):
                skipped = _BASE
            elif (href is not None and not is_http(href)) or (
                href is None and not _may_be_http(address, base)
            ):
                skipped = _SCHEME
            elif _is_odd_ipv4(address) or (href is not None and _is_odd_ipv4(address, href)):
                skipped = _IPV4
            yield Vector(
                suite="wpt",
                address=address,
                base=base if base is not None and is_http(base) else None,
                expected=href,
                skipped=skipped,
            )


def _may_be_http(address: str, base: str | None) -> bool:
    scheme = re.match(r"\s*([A-Za-z][A-Za-z0-9+.-]*):", address)
    return is_http(address) if scheme else base is not None


def _is_odd_ipv4(address: str, href: str | None = None) -> bool:
    """Whether the host is a number of another base, or of fewer than four parts."""
    try:
        host = urlsplit(address.strip()).hostname or ""
    except ValueError:
        return False
    if href is not None:
        resolved = urlsplit(href).hostname or ""
        return bool(re.fullmatch(r"[\d.]+", resolved)) and resolved != host
    return bool(re.search(r"(?:^|\.)(?:0x[0-9a-f]*|\d+)\.?$", host)) and not re.fullmatch(
        r"\d+(?:\.\d+){3}", host
    )


def _idna(files: Mapping[str, bytes]) -> Iterator[Vector]:
    for name, suite in (("toascii", "wpt_toascii"), ("IdnaTestV2", "idna")):
        for item in _objects(files, f"F_wpt_url/tests/wpt/{name}.json"):
            host, ascii_host = str(item["input"]), item["output"]
            yield Vector(
                suite=suite,
                address=f"https://{host}/a",
                base=None,
                expected=None if ascii_host is None else f"https://{ascii_host}/a",
                skipped=_IDNA if ascii_host is None else None,
            )


def _rows(files: Mapping[str, bytes], name: str) -> Iterator[list[str]]:
    path = f"F_crawler_commons/src/test/resources/{name}"
    lines = [line for line in files[path].decode("utf-8").split("\n") if line.strip() and line[0] != "#"]
    for row in csv.reader(io.StringIO("\n".join(lines)), skipinitialspace=True):
        yield [cell.strip(" ") for cell in row]


def _crawler_commons(files: Mapping[str, bytes]) -> Iterator[Vector]:
    for address, expected in _rows(files, "normalizer/weirdToNormalizedUrls.csv"):
        query, expected_query = urlsplit(address).query, urlsplit(expected).query
        skipped = None
        if not is_http(address) or not is_http(expected) or expected == "http:/":
            skipped = _SCHEME
        elif "//" in urlsplit(address).path:
            skipped = _SLASHES
        elif re.search(r"(?:^|&)=|=(?:&|$)", query):
            skipped = _EMPTY
        elif query and sorted(query.split("&")) != query.split("&") and query != expected_query:
            skipped = _ORDER
        elif re.search(r"//[^/]*%", address):
            skipped = _ESCAPED_HOST
        yield Vector(suite="crawler_commons", address=address, base=None, expected=expected, skipped=skipped)
    for (address,) in _rows(files, "normalizer/invalidUrls.csv"):
        yield Vector(suite="crawler_commons", address=address, base=None, expected=None)
    for address, base, expected in _rows(files, "url-utils/url-resolve.csv"):
        skipped = None if is_http(expected) else _SCHEME
        yield Vector(
            suite="crawler_commons", address=address, base=base or None, expected=expected, skipped=skipped
        )


def _normalize_url(files: Mapping[str, bytes]) -> Iterator[Vector]:
    """The examples of the manual; those with options are not followed."""
    manual = files["F_normalize-url/readme.md"].decode("utf-8")
    for call, expected in re.findall(r"normalizeUrl\((.*?)\);\s*//=> '(.*?)'", manual, re.DOTALL):
        address = re.match(r"'([^']*)'", call)
        if address is not None:
            strips_www = "www." in call and "www." not in expected
            changes_path = call.endswith("/'") and not expected.endswith("/") and expected.count("/") > 2
            optional = "," in call or strips_www or changes_path
            skipped = _OPTION if optional else None if is_http(expected) else _SCHEME
            yield Vector(
                suite="normalize_url", address=address[1], base=None, expected=expected, skipped=skipped
            )


def passes(vector: Vector) -> bool:
    result = canonical(vector.address, base=vector.base)
    if vector.expected is None:
        return result is None
    return result is not None and result == canonical(vector.expected)


def archive_files(corpus: Path) -> dict[str, bytes]:
    """Return the files of the archive beside chardet's and the list of feeds, by name."""
    return {
        name.removeprefix("./"): body
        for name, body in read_tar_zst(corpus_file(corpus, ARCHIVE))
        if "F_chardet" not in name and "feed_urls" not in name
    }


def measure(corpus: Path, figures: Figures, *, show: int) -> None:
    """Add passed / applicable for each suite, and the number of vectors that are not followed."""
    vectors = list(read_vectors(archive_files(corpus)))
    followed: defaultdict[str, list[Vector]] = defaultdict(list)
    for vector in vectors:
        if vector.skipped is None:
            followed[vector.suite].append(vector)
    for suite, own in followed.items():
        failed = [vector for vector in own if not passes(vector)]
        share = (len(own) - len(failed)) / len(own)
        figures.add(f"urls_vectors_{suite}", share, f"passed_of_{len(own)}", goal=GOAL)
        for vector in failed[:show]:
            shown = f"{vector.address!r} (base {vector.base}): {canonical(vector.address, base=vector.base)}"
            print(
                f"urls: {suite}: {shown}, expected {vector.expected}"[:MAX_SHOWN_CHARACTERS], file=sys.stderr
            )
    reasons = Counter(vector.skipped for vector in vectors if vector.skipped is not None)
    figures.add("urls_vectors_not_followed", reasons.total(), "vectors")
    for reason, count in reasons.most_common():
        print(f"urls: {count} vectors are not followed: {reason}", file=sys.stderr)
