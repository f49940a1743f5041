"""Find the hubs that a feed declares (WebSub §4). Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qs, urljoin, urlsplit

from ingest.text.prefix import utf8_size
from ingest.urls import MAX_HOST_CHARACTERS

MAX_HUBS: Final = 8
MAX_URL_BYTES: Final = 2_048
"""URLs are sent and stored in UTF-8."""

_YOUTUBE: Final = frozenset({"www.youtube.com", "youtube.com", "m.youtube.com"})
_YOUTUBE_HUB: Final = "https://pubsubhubbub.appspot.com/subscribe"
# RFC 8288 §3: <target>; name=token; name="quoted". Text of any other form is ignored.
_LINK: Final = re.compile(r'<([^<>]*)>((?:\s*;\s*[^\s=;,"<>]+(?:\s*=\s*(?:"[^"]*"|[^\s;,"<>]*))?)*)')
_REL: Final = re.compile(r';\s*rel\s*=\s*(?:"([^"]*)"|([^\s;,"]*))', re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """The hubs that a feed declares."""

    hubs: tuple[str, ...]
    """In the feed's order of preference."""
    topic: str
    """The feed's own URL as it declares it: the WebSub topic that its hubs serve."""


def find_offer(
    *, feed_url: str, url: str, link: str | None, hubs: tuple[str, ...], self_url: str | None
) -> Offer | None:
    """Return the hubs of a feed; None: it has none.

    They come from the ``Link`` headers of the response from ``url``, else from the document (``hubs``, ``self_url``),
    else from a built-in rule.
    """
    links = list(_links(link or "", base=url))
    header_hubs = [target for target, relations in links if "hub" in relations]
    declared_url = next((target for target, relations in links if "self" in relations), None) or self_url
    usable_hubs = tuple(dict.fromkeys(hub for hub in (header_hubs or hubs) if is_usable_url(hub)))[:MAX_HUBS]
    if usable_hubs:
        topic = declared_url if declared_url is not None and is_usable_url(declared_url) else feed_url
        return Offer(hubs=usable_hubs, topic=topic)
    youtube_topic = _youtube_topic(feed_url)
    return None if youtube_topic is None else Offer(hubs=(_YOUTUBE_HUB,), topic=youtube_topic)


def lags_behind_hub(feed_url: str) -> bool:
    """Whether the feed is known to show entries minutes after its hub pushes them."""
    return _youtube_topic(feed_url) is not None


def _links(header: str, *, base: str) -> Iterator[tuple[str, frozenset[str]]]:
    """Yield the targets of ``Link`` headers (RFC 8288) as absolute URLs, with their relations."""
    for target, parameters in _LINK.findall(header):
        rel = _REL.search(parameters)  # the first counts (§3.3)
        if rel is None:
            continue
        try:
            yield urljoin(base, target.strip()), frozenset((rel[1] or rel[2] or "").lower().split())
        except ValueError:
            continue


def is_usable_url(url: str) -> bool:
    """Whether we may send this URL to a hub, or requests to this URL. The fetcher checks IP addresses on connecting."""
    try:
        split = urlsplit(url)
    except ValueError:
        return False
    host = split.hostname or ""
    well_formed = url.isprintable() and " " not in url and utf8_size(url) <= MAX_URL_BYTES
    # A longer host has no address, and does not fit into the index of hosts.
    has_host = 0 < utf8_size(host) <= MAX_HOST_CHARACTERS
    return well_formed and split.scheme in {"http", "https"} and has_host and "@" not in split.netloc


def _youtube_topic(feed_url: str) -> str | None:
    """Return the topic of a YouTube channel's feed, which does not declare its hub; None: not such a feed.

    Feeds of users and playlists have no hub (YouTube Data API, "Subscribe to Push Notifications").
    """
    split = urlsplit(feed_url)
    if split.hostname not in _YOUTUBE or split.path not in ("/feeds/videos.xml", "/xml/feeds/videos.xml"):
        return None
    channel = parse_qs(split.query).get("channel_id", [""])[0]
    if not re.fullmatch(r"[\w-]{1,64}", channel, re.ASCII):
        return None
    return f"https://www.youtube.com/xml/feeds/videos.xml?channel_id={channel}"
