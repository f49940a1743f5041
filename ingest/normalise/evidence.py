"""The evidence that tells the entries of one document apart: guid, link, title and date, text.

A guid or link names an entry only while no document shows it with two different entries. Such a name is *shared*: each
entry under it is named by the next evidence. The seen-set keeps shared names, because the next document may have one of
these entries alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from ingest.identity import name_key, shared_key
from ingest.normalise.values import EntryDraft, FeedDraft
from ingest.types import EntryIdentity, Evidence

_ORDER: Final = tuple(Evidence)


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryName:
    """The name of one entry: its key in the seen-set, and the parts of the entry that identify its article."""

    evidence: Evidence
    key: bytes
    url: str | None
    """The canonical URL, where it identifies the article."""
    guid: str | None
    """The guid, where it identifies the article."""


def are_copies(first: EntryDraft, second: EntryDraft) -> bool:
    """Whether two entries of one document under one guid or link are one entry, listed twice.

    They are where their texts are equal and their dates do not differ, also where a headline was replaced over the same
    text. In doubt they are two: a superfluous article is seen by its reader, a lost article is not.
    """
    if first.text != second.text:
        return False
    if first.title == second.title:
        return first.date == second.date or not (first.date and second.date)
    return bool(first.text and first.date) and first.date == second.date


def shared_names(drafts: Sequence[EntryDraft]) -> frozenset[bytes]:
    """The keys (:func:`~ingest.identity.shared_key`) of the names that stand for several entries."""
    names = {
        *_shared(((draft.guid_name, draft) for draft in drafts), are_one=_are_one_under_guid),
        *_shared(((draft.link_name, draft) for draft in drafts), are_one=are_copies),
        *_shared(((draft.title_name, draft) for draft in drafts), are_one=are_copies),
    }
    return frozenset(map(shared_key, names))


def _are_one_under_guid(first: EntryDraft, second: EntryDraft) -> bool:
    urls = {first.article_url, second.article_url} - {None}
    return len(urls) < 2 and are_copies(first, second)


def _shared(
    named: Iterable[tuple[str | None, EntryDraft]], *, are_one: Callable[[EntryDraft, EntryDraft], bool]
) -> set[str]:
    first_by_name: dict[str, EntryDraft] = {}
    shared: set[str] = set()
    for name, draft in named:
        if name is None or name in shared:
            continue
        first = first_by_name.setdefault(name, draft)
        if first is not draft and not are_one(first, draft):
            shared.add(name)
    return shared


def name_entry(draft: EntryDraft, feed: FeedDraft, *, shared: Collection[bytes]) -> EntryName:
    """Name an entry by the first evidence that is not shared, or by the evidence that an operator chose."""
    chosen = feed.evidence
    guid = None if draft.guid is None or _is_shared(draft.guid_name, shared) else draft.guid
    link = None if draft.link is None or _is_shared(draft.link_name, shared) else draft.link
    url = None if draft.article_url is None or _is_shared(draft.link_name, shared) else draft.article_url
    if chosen is Evidence.GUID and draft.entry.guid:
        return _by_guid(draft.entry.guid, url=url)
    if chosen is Evidence.LINK and draft.entry.link:
        return EntryName(evidence=chosen, key=name_key(draft.entry.link), url=draft.url, guid=None)
    if chosen is not Evidence.TITLE_DATE:
        if guid is not None:
            return _by_guid(guid, url=url)
        if link is not None:
            return EntryName(evidence=Evidence.LINK, key=name_key(link), url=url, guid=None)
    # A permalink that is a guid alone: without a guid of its own, the entry has a URL and neither key.
    evidence = Evidence.TEXT if _is_shared(draft.title_name, shared) else Evidence.TITLE_DATE
    key = draft.text_key if evidence is Evidence.TEXT else draft.title_key
    return EntryName(evidence=evidence, key=key, url=url, guid=None)


def name_entries(
    feed: FeedDraft, *, shared: frozenset[bytes]
) -> tuple[tuple[EntryName, ...], frozenset[bytes]]:
    """Name the entries of a document; return the shared names too.

    A guid that is also the link by which another entry is named joins the shared names, because both have one key.
    """
    while True:
        names = tuple([name_entry(draft, feed, shared=shared) for draft in feed.drafts])
        clashing = _guids_that_are_links(feed.drafts, names) - shared
        if not clashing:
            return names, shared
        shared |= clashing


def _guids_that_are_links(drafts: Sequence[EntryDraft], names: Sequence[EntryName]) -> set[bytes]:
    by_link = {
        name.key: draft for draft, name in zip(drafts, names, strict=True) if name.evidence is Evidence.LINK
    }
    return {
        shared_key(draft.guid_name)
        for draft, name in zip(drafts, names, strict=True)
        if name.evidence is Evidence.GUID and draft.guid_name is not None
        if name.key in by_link and not _are_one_under_guid(by_link[name.key], draft)
    }


def _by_guid(guid: str, *, url: str | None) -> EntryName:
    return EntryName(evidence=Evidence.GUID, key=name_key(guid), url=url, guid=guid)


def _is_shared(name: str | None, shared: Collection[bytes]) -> bool:
    return bool(shared) and name is not None and shared_key(name) in shared


def keys_to_look_up(feed: FeedDraft) -> tuple[bytes, ...]:
    """The keys under which the seen-set may have the entries, and those of their names as shared names.

    Rows under keys of title and date are looked up by their fingerprints.
    """
    keys: list[bytes] = []
    names, _ = name_entries(feed, shared=feed.shared)
    for draft, name in zip(feed.drafts, names, strict=True):
        keys.append(name.key)
        if name.evidence is not Evidence.GUID:
            keys.extend(draft.former_keys)
        keys.extend(shared_key(each) for each in (draft.guid_name, draft.link_name) if each is not None)
        if name.evidence in (Evidence.TITLE_DATE, Evidence.TEXT):
            keys.append(shared_key(draft.title_name))
    return tuple(dict.fromkeys(keys))


def describe_identity(
    feed: FeedDraft, evidence: Sequence[Evidence], *, recognised: int
) -> EntryIdentity | None:
    """The evidence that identified most entries, with the reason; ``recognised`` by title and date alone."""
    if not evidence:
        return None
    counts = Counter(evidence)
    main = max(_ORDER, key=lambda each: (counts[each], -_ORDER.index(each)))
    total = len(evidence)
    reasons = [] if feed.evidence is None else [f"an operator chose {feed.evidence}"]
    reasons += [_REASONS[each].format(count=counts[each], total=total) for each in _ORDER if counts[each]]
    if recognised:
        reasons.append(f"guids or links of {recognised} changed since the last document")
    return EntryIdentity(evidence=main, reason="; ".join(reasons), rotates=recognised > 0)


_REASONS: Final = {
    Evidence.GUID: "{count} of {total} entries have guids of their own",
    Evidence.LINK: "{count} of {total} have links of their own and no such guid",
    Evidence.TITLE_DATE: "{count} of {total} are identified by title and date",
    Evidence.TEXT: "{count} of {total} share title and date, and are identified by their text",
}
