"""Rules of several lists → the text of the rules file: one line for each domain, in order."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Final

from tests.tracking_rules.sources import EVERYWHERE, SOURCES

NOT_EVERYWHERE: Final = {
    "campid": "an id of a campaign page",
    "customid": "an id of any kind",
    "fb_comment_id": "a comment",
    "gqt": "two letters that other sites use",
    "mc": "a category of several Korean and Chinese sites",
    "rtid": "an id of any kind",
    "sc_customer": "an account",
    "si": "an item or section of several sites",
    "toolid": "an id of any kind",
    "vn*": "a prefix of names of any kind",
}
"""Names that some list removes everywhere, although a site may name articles by them; why each stays."""
IDENTIFIES: Final = frozenset(
    (
        *(
            "id",
            "aid",
            "nid",
            "pid",
            "sid",
            "uid",
            "vid",
            "cid",
            "c_id",
            "idx",
            "no",
            "seq",
            "key",
            "code",
            "date",
        ),
        *("p", "v", "n", "a", "q", "s", "t", "u", "page", "item", "item_id", "news", "newsid", "news_id"),
        *("article", "article_id", "articleid", "objectid", "story", "story_id", "storyid"),
        *("post", "post_id", "postid"),
    )
)
"""Names that no rule removes, on any site: one article of the site would stand for all."""


def compile_rules(texts: Mapping[str, str]) -> str:
    """Return the rules file of the lists' texts, by file name."""
    names: defaultdict[str, set[str]] = defaultdict(set)
    excepted: set[str] = set()
    lines = [
        "# Parameters of addresses that count readers. Made by ./run tracking-rules; do not edit.",
        "#",
        "# DOMAIN NAME…   names to remove on a domain and its subdomains; * is every site, NAME* a beginning,",
        "#                .* any public suffix; !DOMAIN: the names for every site stay there",
        "#",
        "# The names and domains are facts from these lists:",
    ]
    for source in SOURCES:
        lines.append(f"#   {source.name}, {source.address}, {source.licence}")
        for domain, name in source.read(texts[source.file]):
            if domain == EVERYWHERE and name in NOT_EVERYWHERE:
                continue
            if domain.startswith("!"):
                excepted.add(domain)
            elif name and name not in IDENTIFIES and name != "*":
                names[domain].add(name)
    lines += sorted(excepted)
    for domain in sorted(names):
        everywhere = set() if domain == EVERYWHERE else names[EVERYWHERE]
        kept = _without_covered(names[domain], everywhere=everywhere)
        if kept:
            lines.append(" ".join([domain, *sorted(kept)]))
    return "\n".join(lines) + "\n"


def _without_covered(names: set[str], *, everywhere: set[str]) -> set[str]:
    """The names that neither a beginning nor a rule for every site covers."""
    beginnings = tuple(name[:-1] for name in names | everywhere if name.endswith("*"))
    return {
        name
        for name in names - everywhere
        if not any(name != f"{beginning}*" and name.startswith(beginning) for beginning in beginnings)
    }
