"""The W3C feed validator's cases: a comment in each names the message it must, or must not, bring.

Most messages are about what a feed should not do, and we read it all the same. Claims are those about what is
well-formed, and about values that are called valid: those must be read. Beside them stands the suite of autodiscovery:
each page names the feed of its own name.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from ingest.parse.discover import discover
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
        if path.relative_to(root).parts[0] in ("kml", "opml", "opensearch"):  # no feeds
            continue
        body = path.read_bytes()
        stated = _EXPECT.search(body.replace(b"\0", b""))
        if stated is None:
            continue
        tally.files += 1
        case = str(path.relative_to(root))
        denied, message = bool(stated[1]), stated[2].decode()
        parts = (stated[3] or b"").decode("utf-8", "replace").split(",")
        where = dict(part.split(":", 1) for part in parts if ":" in part)
        parsed = read(body, url=URL + case)
        if message == "SAXError":
            broken = parsed.detail if isinstance(parsed, Failed) else "; ".join(parsed.warnings)
            holds = ("well-formed" in broken) is not denied
            said = stated[0].decode()
            tally.claims.append(claim(case, "warnings", expected=said, found=broken, holds=holds))
            continue
        field = None if denied else _VALUES.get((message, where.get("parent"), where.get("element")))
        if field is None:
            tally.elsewhere += 1
            continue
        found: object = None
        if not isinstance(parsed, Failed):
            if field in ("link", "language"):
                found = getattr(parsed, field)
            elif field == "update_period":
                found = parsed.hints.update_period
            else:
                found = getattr(entry_of(parsed, 0), field, None)
        tally.claims.append(
            claim(case, field, expected=stated[0].decode(), found=found, holds=found is not None)
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
        tally.claims.append(claim(case, "feeds", expected=expected, found=candidates, holds=holds))
    return tally
