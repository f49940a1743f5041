"""Whether a feed has become another site's: domains are sold, and hosts give names to the next customer. Pure."""

from __future__ import annotations

from typing import Final

from ingest.types import SiteIdentity

SHOWN_HOSTS: Final = 3


def site_changed_reason(
    before: SiteIdentity | None, after: SiteIdentity | None, *, known: bool
) -> str | None:
    """Why a document that says ``after`` of itself is not the same site's as the one before; None: it may well be.

    ``known``: one of its entries was seen before. Three things have to come together, for each of them happens to
    honest sites: no entry is one that was ever seen, the title is another one, and so is every host.
    """
    if before is None or after is None or known:
        return None
    if not before.hosts or not after.hosts or not before.title or not after.title:
        return None
    if before.title.casefold() == after.title.casefold() or set(before.hosts) & set(after.hosts):
        return None
    return f"it was {_told(before)}, and is {_told(after)}"


def merge_site(before: SiteIdentity | None, after: SiteIdentity | None) -> SiteIdentity | None:
    """What is known of the site after a document that is its own."""
    if before is None or after is None:
        return after or before
    return SiteIdentity(
        title=after.title or before.title,
        hosts=after.hosts or before.hosts,
        language=after.language or before.language,
    )


def _told(about: SiteIdentity) -> str:
    language = f" in {about.language}" if about.language else ""
    return f"“{about.title}”{language} at {', '.join(about.hosts[:SHOWN_HOSTS])}"
