"""Detect that a feed's content comes from another site. Pure.

Domains are sold, and hosting companies give abandoned names to new customers.
"""

from __future__ import annotations

from typing import Final

from ingest.types import DocumentSummary, Site, SiteIdentity

SHOWN_HOSTS: Final = 3


def site_after(site: Site, document: DocumentSummary) -> Site:
    """Return the site of a feed after a document.

    While the content looks like another site's, the identity stays the original one. From the second such document on
    its entries are in the seen-set, so only the original hosts or title end the suspicion.
    """
    has_seen_entries = document.has_seen_entries and site.changed_reason is None
    reason = site_changed_reason(site.identity, document.site_identity, has_seen_entries=has_seen_entries)
    identity = merge_site(site.identity, document.site_identity) if reason is None else site.identity
    return Site(identity=identity, changed_reason=reason)


def site_changed_reason(
    before: SiteIdentity | None, after: SiteIdentity | None, *, has_seen_entries: bool
) -> str | None:
    """Explain why a document comes from another site than the one before; None: it may be the same site.

    Three things must coincide, because each of them happens to legitimate sites: no entry was seen before, the title
    differs, and all hosts differ.
    """
    if before is None or after is None or has_seen_entries:
        return None
    if not before.hosts or not after.hosts or not before.title or not after.title:
        return None
    if before.title.casefold() == after.title.casefold() or set(before.hosts) & set(after.hosts):
        return None
    return f"it was {_describe(before)} and is now {_describe(after)}"


def merge_site(before: SiteIdentity | None, after: SiteIdentity | None) -> SiteIdentity | None:
    """Return the identity of a site after another document from it."""
    if before is None or after is None:
        return after or before
    return SiteIdentity(
        title=after.title or before.title,
        hosts=after.hosts or before.hosts,
        language=after.language or before.language,
    )


def _describe(identity: SiteIdentity) -> str:
    language = f" in {identity.language}" if identity.language else ""
    return f"“{identity.title}”{language} at {', '.join(identity.hosts[:SHOWN_HOSTS])}"
