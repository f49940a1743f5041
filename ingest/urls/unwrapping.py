"""Addresses that contain the address of the article itself: archives, link counters, AMP caches, AMP and mobile pages.

Only the address decides; nothing is fetched. A host stands here because its addresses are known to have this form.
"""

from __future__ import annotations

import base64
import re
from binascii import Error as NotBase64
from typing import Final
from urllib.parse import unquote

MAX_WRAPPERS: Final = 5
"""Wrappers around one address. Loops are impossible, because a target is shorter than its wrapper."""

_URL: Final = re.compile(r"https?:/{1,2}(?=[^/])", re.IGNORECASE)
_TARGET: Final = re.compile(r"https?://[^/?#\s]+\.[^/?#\s]+", re.IGNORECASE)

_ARCHIVES: Final = frozenset(
    f"{prefix}archive.{suffix}"
    for suffix in ("is", "today", "ph", "li", "vn", "md", "fo")
    for prefix in ("", "www.")
)
_ARCHIVED: Final = re.compile(
    r"/(?:newest/|oldest/|o/\w+/|\d{4,14}(?:\.\d+)?(?:-\d+)*/)?(?=https?:/)", re.IGNORECASE
)
_WAYBACK: Final = re.compile(r"/web/(?:\d{1,14}|\*)?(?:[a-z]{2}_)?/?(?=https?:/)", re.IGNORECASE)
_BEFORE_URL: Final = re.compile(r"/(?=https?:/)", re.IGNORECASE)
_YAHOO: Final = re.compile(r".*?/\*-?(?=https?:/)", re.IGNORECASE)
_AMP_CACHE: Final = re.compile(r"/(?:wp/)?[cv]/(s/)?(?=[^/]+\.[^/]+)")
_GOOGLE_AMP: Final = re.compile(r"/amp/(s/)?(?=[^/]+\.[^/]+/)")
_TURBO: Final = re.compile(r"/([a-z0-9.-]+\.[a-z]{2,})/s(/.*)")
_NEWS_ARTICLE: Final = re.compile(r"/(?:rss/|__i/rss/rd/)?articles/(CBM[A-Za-z0-9_-]{10,2000})")

_GOOGLE: Final = re.compile(r"(?:[a-z0-9-]+\.)*google\.[a-z]{2,3}(?:\.[a-z]{2})?")
# Host, beginning of the path, and the parameters that may hold the target.
_REDIRECTS: Final[tuple[tuple[re.Pattern[str], str, tuple[str, ...]], ...]] = tuple(
    (re.compile(host), path, tuple(parameters.split()))
    for host, path, parameters in (
        (_GOOGLE.pattern, "/url", "q url"),
        (_GOOGLE.pattern, "/news/url", "url q"),
        (r"news\.google\.[a-z]{2,3}(?:\.[a-z]{2})?", "/", "url"),
        (r"(?:www\.)?googleadservices\.com", "/pagead/aclk", "adurl"),
        (r"lm?\.(?:facebook|messenger|instagram)\.com", "/", "u"),
        (r"(?:www\.)?facebook\.com", "/l.php", "u"),
        (r"l\.threads\.(?:net|com)", "/", "u"),
        (r"(?:[a-z0-9-]+\.)?safelinks\.protection\.outlook\.com", "/", "url"),
        (r"urldefense\.com", "/v2/url", "u"),
        (r"out\.reddit\.com", "/", "url"),
        (r"t\.umblr\.com", "/redirect", "z"),
        (r"(?:www\.)?youtube\.com", "/redirect", "q"),
        (r"(?:www\.)?linkedin\.com", "/safety/go", "url"),
        (r"(?:www\.)?linkedin\.com", "/redir/", "url"),
        (r"(?:m\.)?vk\.com", "/away.php", "to"),
        (r"away\.vk\.com", "/", "to"),
        (r"(?:www\.)?duckduckgo\.com", "/l/", "uddg"),
        (r"(?:www\.)?bing\.com", "/news/apiclick.aspx", "url"),
        (r"(?:www\.)?steamcommunity\.com", "/linkfilter", "url u"),
        (r"slack-redir\.net", "/link", "url"),
        (r"(?:www\.)?getpocket\.com", "/redirect", "url"),
        (r"go\.redirectingat\.com", "/", "url"),
        (r"go\.skimresources\.com", "/", "url"),
        (r"click\.linksynergy\.com", "/", "murl"),
        (r"(?:www\.)?awin1\.com", "/cread.php", "ued p"),
        (r"exit\.sc", "/", "url"),
        (r"12ft\.io", "/proxy", "q"),
        (r"(?:www\.)?anonym\.to", "/", "url"),
        (r"sendsafely\.com", "/redirect", "url"),
    )
)
_URLS_IN_PATHS: Final = {
    **dict.fromkeys(_ARCHIVES, _ARCHIVED),
    "web.archive.org": _WAYBACK,
    "12ft.io": _BEFORE_URL,
    "outline.com": _BEFORE_URL,
    "www.outline.com": _BEFORE_URL,
    "smry.ai": _BEFORE_URL,
    "rd.yahoo.com": _YAHOO,
    "us.rd.yahoo.com": _YAHOO,
    "uk.rd.yahoo.com": _YAHOO,
}


# A suffix that every wrapper's host has: most hosts are no wrapper, and one look shows it.
_WRAPPER_ENDS: Final = (
    *_URLS_IN_PATHS,
    "google.com",
    "ampproject.org",
    "bing-amp.com",
    "turbopages.org",
    *(".facebook.com", ".messenger.com", ".instagram.com", ".threads.net", ".threads.com", ".reddit.com"),
    *("facebook.com", "outlook.com", "urldefense.com", "umblr.com", "youtube.com", "linkedin.com", "vk.com"),
    *("duckduckgo.com", "bing.com", "steamcommunity.com", "slack-redir.net", "getpocket.com"),
    *("redirectingat.com", "skimresources.com", "linksynergy.com", "awin1.com", "exit.sc", "anonym.to"),
    *("googleadservices.com", "sendsafely.com"),
)


def wrapped_url(host: str, path: str, query: str) -> str | None:
    """The address that an address on ``host`` contains; None where it is no known wrapper."""
    if not host.endswith(_WRAPPER_ENDS) and ".google." not in f".{host}":
        return None
    target = _in_path(host, path, query) or _in_query(host, path, query) or _of_cache(host, path, query)
    return target if target is not None and _TARGET.match(target) else None


def _in_path(host: str, path: str, query: str) -> str | None:
    """The target that follows a prefix of the path, as archives and proxies have it."""
    prefix = _URLS_IN_PATHS.get(host)
    match = None if prefix is None else prefix.match(path)
    if match is None:
        return _news_article(path) if host.startswith("news.google.") else None
    target = _URL.sub(lambda scheme: scheme[0].rstrip("/") + "//", path[match.end() :], count=1)
    return f"{target}?{query}" if query else target


def _in_query(host: str, path: str, query: str) -> str | None:
    for pattern, beginning, parameters in _REDIRECTS:
        if not path.startswith(beginning) or not pattern.fullmatch(host):
            continue
        values: dict[str, str] = {}
        for piece in query.split("&"):
            name, _, value = piece.partition("=")
            values.setdefault(name.lower(), value)
        for parameter in parameters:
            target = unquote(values.get(parameter, ""), errors="replace")
            if host == "urldefense.com":
                target = unquote(target.replace("-", "%").replace("_", "/"), errors="replace")
            if _TARGET.match(target):
                return target
    return None


def _of_cache(host: str, path: str, query: str) -> str | None:
    """The page of a copy that an AMP or Turbo cache serves."""
    if host.endswith(("cdn.ampproject.org", "bing-amp.com")):
        match = _AMP_CACHE.match(path)
    elif host.endswith("turbopages.org"):
        turbo = _TURBO.fullmatch(path)
        return None if turbo is None else _with_query(f"https://{turbo[1]}{turbo[2]}", query)
    else:
        match = _GOOGLE_AMP.match(path) if _GOOGLE.fullmatch(host) else None
    if match is None:
        return None
    scheme = "https" if match[1] else "http"
    return _with_query(f"{scheme}://{path[match.end() :]}", query)


def _with_query(address: str, query: str) -> str:
    return f"{address}?{query}" if query else address


def _news_article(path: str) -> str | None:
    """The target in an article's name at Google News: base64 of a length and the address, until 2024."""
    match = _NEWS_ARTICLE.match(path)
    if match is None:
        return None
    try:
        packed = base64.urlsafe_b64decode(match[1] + "=" * (-len(match[1]) % 4))
    except (NotBase64, ValueError):
        return None
    start = packed.find(b"http")
    if start == 4:
        length = packed[3]
    elif start == 5:  # a length from 128 on has two bytes
        length = packed[3] & 0x7F | packed[4] << 7
    else:
        return None
    return packed[start : start + length].decode("ascii", "replace")


# --- other addresses of a page on its publisher's own hosts ---

_AMP_SEGMENT: Final = re.compile(r"/amp(?=/|\Z)")
_AMP_SUFFIX: Final = re.compile(r"(?<=[^/])(?:\.amp(?=\.html?\Z|\Z)|-amp(?=\.html?\Z))")
_AMP_PARAMETERS: Final = {
    "amp": frozenset({"", "1", "true", "yes", "amp"}),
    "outputtype": frozenset({"amp"}),
    "output": frozenset({"amp"}),
    "view": frozenset({"amp"}),
    "mode": frozenset({"amp"}),
}
_AMP_COUNTERS: Final = frozenset({"amp_js_v", "amp_gsa", "amp_markup", "usqp", "__amp_source_origin"})
_SECOND_LEVEL: Final = frozenset(
    {"ac", "co", "com", "edu", "go", "gob", "gov", "gv", "ne", "net", "or", "org"}
)

_WIKIMEDIA: Final = re.compile(
    r"([a-z0-9-]+)\.m\.(wiki(?:pedia|news|quote|source|books|voyage|versity|media)|wiktionary)\.org"
)
# Mobile hosts whose paths are those of the desktop host. Others stay: m.example.org may be a site of its own.
_MOBILE: Final = {
    "m.facebook.com": "www.facebook.com",
    "mobile.facebook.com": "www.facebook.com",
    "mbasic.facebook.com": "www.facebook.com",
    "mobile.twitter.com": "twitter.com",
    "mobile.x.com": "x.com",
    "m.youtube.com": "www.youtube.com",
    "m.wikidata.org": "www.wikidata.org",
    "m.vk.com": "vk.com",
    "m.bbc.co.uk": "www.bbc.co.uk",
    "m.bbc.com": "www.bbc.com",
    "mobile.reuters.com": "www.reuters.com",
    "mobile.nytimes.com": "www.nytimes.com",
    "m.washingtonpost.com": "www.washingtonpost.com",
    "m.huffpost.com": "www.huffpost.com",
    "m.timesofindia.com": "timesofindia.indiatimes.com",
    "m.economictimes.com": "economictimes.indiatimes.com",
    "m.dw.com": "www.dw.com",
    "m.spiegel.de": "www.spiegel.de",
    "m.faz.net": "www.faz.net",
    "m.bild.de": "www.bild.de",
    "m.lenta.ru": "lenta.ru",
    "m.gazeta.ru": "www.gazeta.ru",
    "m.interfax.ru": "www.interfax.ru",
    "m.yna.co.kr": "www.yna.co.kr",
    "m.koreatimes.co.kr": "www.koreatimes.co.kr",
    "m.koreaherald.com": "www.koreaherald.com",
}
_AMP_HOSTS: Final = {
    "amp.cnn.com": ("www.cnn.com", "/cnn"),
    "amp.reddit.com": ("www.reddit.com", ""),
    "amp.dev": ("amp.dev", ""),
}


def own_address(host: str, path: str, query: str) -> tuple[str, str, str]:
    """Host, path and query of the page itself, where the address is that of its AMP or mobile form."""
    if "amp" in host or "amp" in path or "amp" in query.lower():
        host, path, query = _without_amp(host, path, query)
    if host in _MOBILE:
        host = _MOBILE[host]
    elif ".m.wiki" in host and (wiki := _WIKIMEDIA.fullmatch(host)):
        host = f"{wiki[1]}.{wiki[2]}.org"
    return host, path, query


def _without_amp(host: str, path: str, query: str) -> tuple[str, str, str]:
    if host in _AMP_HOSTS:
        host, prefix = _AMP_HOSTS[host]
        path = path.removeprefix(prefix) if path.startswith(f"{prefix}/") else path
    elif host.startswith("amp.") and _is_site(host.removeprefix("amp.")):
        host = f"www.{host.removeprefix('amp.')}"
    if "amp" in path:
        shortened = _AMP_SUFFIX.sub("", _AMP_SEGMENT.sub("", path))
        path = shortened if shortened.strip("/") else path
    if query:
        pieces = [piece for piece in query.split("&") if not _asks_for_amp(piece)]
        query = "&".join(pieces)
    return host, path, query


def _is_site(host: str) -> bool:
    """Whether ``host`` has more than a public suffix: amp.co.uk is a site of its own."""
    labels = host.split(".")
    return len(labels) > 2 or (len(labels) == 2 and not (labels[0] in _SECOND_LEVEL and len(labels[1]) == 2))


def _asks_for_amp(piece: str) -> bool:
    name, _, value = piece.lower().partition("=")
    return name in _AMP_COUNTERS or value in _AMP_PARAMETERS.get(name, ())
