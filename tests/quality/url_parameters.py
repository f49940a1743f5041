"""Tracking parameters of public lists, and parameters that identify an article.

Each parameter is tried on a story's address beside an ordinary one: it is *stripped* where it is gone and the ordinary
one stays. Only rules for every site count, because a rule for one shop or search engine means no article. Names of
``IDENTITY`` are the article on some news site: none may be stripped, whatever a list names.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from ingest.urls import canonical
from tests.bench.figures import Figures
from tests.quality.url_vectors import archive_files

STORY: Final = "https://news.example/story.html"
_IDENTITY_NAMES: Final = (
    "objectid id ID p v story_id storyid storyId article article_id articleId art_id aid oid newsid newsId news_id nid "
    "idxno seq no num sid pid cid tid fid post page_id doc docid contentId content_id item key code q page lang date "
    "year section category title slug c t n a"
)
IDENTITY: Final = tuple(_IDENTITY_NAMES.split())
_OPTIONAL_PREFIX: Final = "(?:%3F)?"
_PLAIN: Final = re.compile(r"[\w.-]+")


def clear_urls(rules: Sequence[str]) -> Iterator[str]:
    """Yield the names that the regular expressions of ClearURLs match, each part in its simplest form."""
    for rule in rules:
        names = [rule.removeprefix(_OPTIONAL_PREFIX)]
        while any("(?:" in name for name in names):
            names = [alternative for name in names for alternative in _alternatives(name)]
        for name in names:
            simple = re.sub(r"\[a-z_?\]\*", "x", name)
            simple = re.sub(r"\[a-z_?\]\+", "x", simple)
            simple = re.sub(r"\[a-z\]\?|(?<=\w)\?|_\?", "", simple)
            if _PLAIN.fullmatch(simple):
                yield simple


def _alternatives(name: str) -> list[str]:
    match = re.search(r"\(\?:([^()]*)\)([?+*]?)", name)
    if match is None:
        return [name]
    return [name[: match.start()] + choice + name[match.end() :] for choice in match[1].split("|")]


def parameter_lists(files: Mapping[str, bytes]) -> dict[str, list[str]]:
    """Return the names of each list, as far as they are for every site."""
    clear = json.loads(files["F_clearurls/data.min.json"])["providers"]["globalRules"]
    lists = {
        "clearurls": list(clear_urls(clear["rules"])),
        "clearurls_referral": list(clear_urls(clear["referralMarketing"])),
    }
    for name in ("query-filter", "clean-urls"):
        rules = json.loads(files[f"F_brave_clean_urls/brave-lists/{name}.json"])
        lists[f"brave_{name.replace('-', '_')}"] = [
            parameter for rule in rules if "*://*/*" in rule["include"] for parameter in rule["params"]
        ]
    registry = files["F_tracking_params_registry/_data/params.csv"].decode("utf-8").splitlines()[1:]
    lists["registry"] = [row.split(",")[0].strip() for row in registry if row.strip()]
    return {name: sorted(set(parameters)) for name, parameters in lists.items()}


def is_stripped(parameter: str) -> bool:
    return canonical(f"{STORY}?first=7&{parameter}=a1&last=8") == f"{STORY}?first=7&last=8"


def is_kept(parameter: str) -> bool:
    address = f"{STORY}?{parameter}=7"
    return canonical(address) == address


def measure(corpus: Path, figures: Figures, *, show: int) -> None:
    """Add the share of each list that is stripped, and the identity parameters that are not kept."""
    for name, parameters in parameter_lists(archive_files(corpus)).items():
        kept = [parameter for parameter in parameters if not is_stripped(parameter)]
        share = 1 - len(kept) / len(parameters)
        figures.add(f"urls_tracking_{name}", share, f"stripped_of_{len(parameters)}")
        if kept and show:
            print(f"urls: {name}: kept: {' '.join(kept[:show])}", file=sys.stderr)
    lost = [parameter for parameter in IDENTITY if not is_kept(parameter)]
    figures.add(
        "urls_identity_parameters_lost",
        len(lost),
        f"parameters_of_{len(IDENTITY)}",
        floor=0,
        lower_is_better=True,
    )
    if lost:
        print(f"urls: identity parameters lost: {' '.join(lost)}", file=sys.stderr)
