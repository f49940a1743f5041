"""Parameters of addresses that count readers, and name no article.

The names of ``tracking_rules.txt`` come from public lists; its head names them with their licences, and ``./run
tracking-rules`` makes the file anew. The names below come from the links of 21 news feeds of 2020. A parameter is
removed from every address only where no site names its articles by it. Other names count on their own sites only.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Final

RULES_FILE: Final = "tracking_rules.txt"
EVERYWHERE: Final = "*"
ANY_SUFFIX: Final = ".*"
"""End of a domain that stands for its public suffixes: ``amazon.*`` for ``amazon.com`` and ``amazon.co.uk``."""

# Parameters that count readers on every site, from the public lists of ClearURLs (rules2.clearurls.xyz), Brave
# (brave/adblock-lists, query-filter.json) and the tracking-parameter registry, and from the links of 21 news feeds of
# 2020. A name that identifies articles on any site is left out.
_TRACKING_NAMES: Final = """
    _ga _gl _openstat action_object_map action_ref_map action_type_map ampref cmp cmpid cmp_id
    cvid dclid dicbo echobox email_subscriber ef_id fb_action_ids fb_action_types fb_ref fb_source fbclid
    feature=share feature=emb_logo ftag gbraid gclid gclsrc guccounter guce_referrer guce_referrer_sig
    hss_channel igshid igsh ito icid ictd int_cmp intcid intcmp itm_campaign itm_content itm_medium
    itm_source li_fat_id mbid mkt_tok mod=rss_viewsnews msclkid ncid ns_campaign ns_fee ns_linkname
    ns_mchannel ns_source ocid oly_anon_id oly_enc_id ref_src ref_url rss_id s_cid s_kwcid sc_cid sharetype
    shareadraft smid smtyp srsltid sref taid tblci tpcc traffic_source trk tracking_source ttclid twclid
    vero_conv vero_id wbraid wickedid wprss wt.mc_id wt.rss_f wt_mc wtmc xtor yclid yptr zanpid
    """
_TRACKING: Final = frozenset(_TRACKING_NAMES.split())
_TRACKING_PREFIXES: Final = (
    "utm_",
    "mtm_",
    "pk_campaign",
    "pk_kwd",
    "piwik_campaign",
    "piwik_kwd",
    "hsa_",
    "__hs",
    "_hs",
    "mc_cid",
    "mc_eid",
    "at_campaign",
    "at_custom",
    "at_link",
    "at_medium",
    "at_bbc",
    "at_ptr",
    "at_format",
    "guce_",
    "ga_",
    "otm_",
)
# These parameters name a referrer. Only with such a value the referrer is certainly the feed.
_REFERRER_NAMES: Final = frozenset(
    {"ref", "source", "src", "from", "partner", "feed", "rss", "via", "origin"}
)
_FEED_REFERRERS: Final = frozenset(
    {
        "",
        "1",
        "atom",
        "feed",
        "feeds",
        "feedburner",
        "rss",
        "rss2",
        "rssfeed",
        "rssfeeds",
        "rss_feed",
        "rss-feed",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """Names of parameters in lower case, whole or by their beginnings."""

    whole: frozenset[str] = frozenset()
    beginnings: tuple[str, ...] = ()

    def has(self, name: str) -> bool:
        return name in self.whole or (bool(self.beginnings) and name.startswith(self.beginnings))


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackingRules:
    """The rules of one file: names for every site, and names by domain."""

    everywhere: Names
    by_domain: Mapping[str, Names]
    excepted: frozenset[str]
    """Domains where the names for every site mean something else."""


def read_rules(text: str) -> TrackingRules:
    """Read the text of a rules file: lines ``DOMAIN NAME…``; ``*`` is every site, ``!DOMAIN`` an exception."""
    whole: defaultdict[str, set[str]] = defaultdict(set)
    beginnings: defaultdict[str, set[str]] = defaultdict(set)
    excepted: set[str] = set()
    for line in text.splitlines():
        domain, *names = line.split("#", 1)[0].split() or [""]
        if domain.startswith("!"):
            excepted.add(domain[1:])
        for name in names:
            target = beginnings if name.endswith("*") else whole
            target[domain].add(name.removesuffix("*"))
    by_domain = {
        domain: Names(whole=frozenset(whole[domain]), beginnings=tuple(sorted(beginnings[domain])))
        for domain in {*whole, *beginnings}
    }
    everywhere = by_domain.pop(EVERYWHERE, Names())
    return TrackingRules(everywhere=everywhere, by_domain=by_domain, excepted=frozenset(excepted))


@lru_cache(maxsize=1)
def _rules() -> TrackingRules:
    """Read once, at the first address with a parameter: the file is part of the package, like its code."""
    return read_rules(files("ingest.urls").joinpath(RULES_FILE).read_text("utf-8"))


def without_tracking(host: str, query: str) -> str:
    """``query`` without the parameters that count readers."""
    return "&".join([piece for piece in query.split("&") if piece and not _tracks(piece, host)])


def _tracks(piece: str, host: str) -> bool:
    """Whether a ``name=value`` of a query only names the referrer."""
    name, _, value = piece.partition("=")
    name = name.lower()
    if name in _TRACKING or name.startswith(_TRACKING_PREFIXES):
        return True
    if name in _REFERRER_NAMES and value.lower() in _FEED_REFERRERS:
        return name in {"ref", "feed", "rss"} or value not in {"", "1"}
    if f"{name}={value.lower()}" in _TRACKING:
        return True
    domain_names, is_excepted = _names_of(host)
    rules = _rules()
    return (rules.everywhere.has(name) and not is_excepted) or any(each.has(name) for each in domain_names)


@lru_cache(maxsize=4096)
def _names_of(host: str) -> tuple[tuple[Names, ...], bool]:
    """The rules for a host and its parent domains, and whether it is excepted from those for every site."""
    rules = _rules()
    labels = host.split(".")
    domains = [".".join(labels[start:]) for start in range(len(labels) - 1)]
    # A public suffix has one label or two, such as co.uk.
    for end in (1, 2):
        shortened = labels[:-end]
        domains += [".".join(shortened[start:]) + ANY_SUFFIX for start in range(len(shortened))]
    names = tuple([rules.by_domain[domain] for domain in domains if domain in rules.by_domain])
    return names, not rules.excepted.isdisjoint(domains)
