"""The W3C feed validator's cases: a comment in each names the message that it must, or must not, cause.

Most messages concern errors that the service accepts. The claims are the cases about well-formedness and about valid
values, which must be read. The suite of autodiscovery is included: each of its pages declares the feed of its own name.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from ingest.parse.feed_links import discover
from ingest.types import Failed
from tests.conformance.claims import Tally, claim, entry_of, files, read

URL: Final = "http://www.feedvalidator.org/testcases/"
_EXPECT: Final = re.compile(rb"Expect:\s*(!?)(\w+)(?:\{([^}]*)\})?")
_VALUES: Final = {
    ("ValidLanguage", "channel", "language"): "language",
    ("ValidW3CDTFDate", "entry", "published"): "published",
    ("ValidW3CDTFDate", "entry", "updated"): "updated",
    ("ValidRFC3339Date", "entry", "published"): "published",
    ("ValidRFC3339Date", "entry", "updated"): "updated",
    ("ValidRFC2822Date", "item", "pubDate"): "published",
    ("ValidHttpGUID", "item", "guid"): "guid",
    ("ValidHttpGUID", None, None): "guid",
    ("ValidUpdatePeriod", "channel", "sy:updatePeriod"): "update_period",
    ("ValidURI", "channel", "link"): "link",
}


def run(folder: Path) -> Tally:
    tally = Tally()
    root = folder / "A_w3c_feedvalidator" / "testcases"
    for path in files(root, "*.xml"):
        if path.relative_to(root).parts[0] in ("kml", "opml", "opensearch"):  # not feeds
            continue
        body = path.read_bytes()
        expectation = _EXPECT.search(body.replace(b"\0", b""))
        if expectation is None:
            continue
        tally.files += 1
        case = str(path.relative_to(root))
        denied, message = bool(expectation[1]), expectation[2].decode()
        parts = (expectation[3] or b"").decode("utf-8", "replace").split(",")
        where = dict(part.split(":", 1) for part in parts if ":" in part)
        parsed = read(body, url=URL + case)
        if message == "SAXError":
            broken = parsed.detail if isinstance(parsed, Failed) else "; ".join(parsed.warnings)
            holds = ("well-formed" in broken) is not denied
            expected = expectation[0].decode()
            tally.claims.append(claim(case, "warnings", expected=expected, actual=broken, holds=holds))
            continue
        field = None if denied else _VALUES.get((message, where.get("parent"), where.get("element")))
        if field is None:
            tally.not_applicable += 1
            continue
        actual: object = None
        if not isinstance(parsed, Failed):
            if field in ("link", "language"):
                actual = getattr(parsed, field)
            elif field == "update_period":
                actual = parsed.hints.update_period
            else:
                actual = getattr(entry_of(parsed, 0), field, None)
        tally.claims.append(
            claim(case, field, expected=expectation[0].decode(), actual=actual, holds=actual is not None)
        )
    return tally


def autodiscovery(folder: Path) -> Tally:
    tally = Tally()
    root = folder / "A_w3c_feedvalidator" / "feedfinder-tests"
    for path in files(root, "*.html"):
        beside = path.with_suffix(".xml")
        if not beside.is_file():
            continue
        tally.files += 1
        case = str(path.relative_to(root))
        url = f"{URL}{case}"
        candidates = [candidate.url for candidate in discover(path.read_bytes(), url=url)]
        expected = beside.name
        holds = bool(candidates) and candidates[0].rsplit("/", 1)[1] == expected
        tally.claims.append(claim(case, "feeds", expected=expected, actual=candidates, holds=holds))
    return tally
