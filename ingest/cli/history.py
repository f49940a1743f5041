"""The history of an article, and the ledger of a URL, as lines for people."""

from __future__ import annotations

from collections.abc import Iterator

import click

from ingest.cli.render import KIND_COLOURS, clean, match_details, timestamp
from ingest.db.article_history import History
from ingest.db.ledger import Ledger
from ingest.db.page_fetch import PageStatus


def describe_ledger(ledger: Ledger) -> Iterator[str]:
    """Yield all that the ledger holds about a URL."""
    yield click.style(clean(ledger.url), bold=True)
    if ledger.canonical != ledger.url:
        yield f"  canonical  {clean(ledger.canonical)}"
    if not ledger.is_recorded:
        yield "  never seen: no feed had it as an entry, and no record in quarantine names it"
    if ledger.feed is not None:
        feed = ledger.feed
        state = "enabled" if feed.enabled else "muted"
        outcome = feed.last_outcome or "not yet"
        yield f"  a feed     number {feed.id}, {state}, last polled {timestamp(feed.polled_at)}: {outcome}"
        if feed.enabled:
            yield f"             next poll {timestamp(feed.next_poll_at)}: {clean(feed.last_reason)}"
    for entry in ledger.entries:
        state = "stored" if entry.stored else click.style("on the log, not stored yet", fg="yellow")
        yield f"  in feed    {clean(entry.feed_url)} (poll {entry.poll_id}): {state}"
    for record in ledger.quarantined:
        state = f"replayed {timestamp(record.replayed_at)}" if record.replayed_at else "waiting"
        number = click.style(f"  quarantine number {record.id}", fg="red")
        yield f"{number}, {timestamp(record.quarantined_at)}, {state}: {clean(record.detail)}"
    for history in ledger.articles:
        yield ""
        yield from describe_history(history)


def describe_history(history: History) -> Iterator[str]:
    """Yield an article with its story, matches, events, page fetches and sightings."""
    title = history.revisions[0].title if history.revisions else ""
    yield click.style(clean(title) or "(no title)", bold=True)
    yield f"  article    {history.id}"
    yield f"  url        {clean(history.url) or 'none'}"
    yield f"  source     {clean(history.source)}"
    yield f"  language   {_language(history)}"
    published = "not declared" if history.published_at is None else timestamp(history.published_at)
    yield f"  published  {published}, first seen {timestamp(history.first_seen_at)}"
    yield f"  revision   {history.revision}, of {timestamp(history.revised_at)}"
    yield from _describe_story(history)
    for match in history.matches:
        yield f"  matched    {click.style(match.topic, fg='green')} (revision {match.revision})"
        for detail in match_details(match.explanation):
            yield f"             {detail}"
    if not history.matches:
        yield "  matched    no topic"
    for event in history.events:
        kind = click.style(event.kind, fg=KIND_COLOURS.get(event.kind))
        yield f"  event      {event.topic} cursor {event.cursor}: {kind}, {timestamp(event.at)}"
    for page in history.pages:
        yield f"  page       {clean(page.url)}: {_page_text(page)}"
    yield from _describe_sightings(history)


def _language(history: History) -> str:
    declared = clean(history.declared_language) or "none"
    detected = "none"
    if history.detected_language is not None:
        detected = f"{clean(history.detected_language)} ({history.language_confidence or 0:.0%} of the text)"
    return f"{clean(history.language) or 'unknown'} (declared {declared}, detected {detected})"


def _describe_story(history: History) -> Iterator[str]:
    if history.story_id == history.id and not history.copies:
        return
    count = len(history.copies)
    copies = {0: "no other article stored", 1: "1 other article:"}.get(count, f"{count} other articles:")
    yield f"  story      {history.story_id}, {copies}"
    for copy in history.copies:
        yield f"             {timestamp(copy.first_seen_at)}  {clean(copy.source)}  {clean(copy.url)}"


def _describe_sightings(history: History) -> Iterator[str]:
    for sighting in history.sightings:
        feed = f"feed {sighting.feed_id} ({clean(sighting.feed_url) or 'removed'})"
        yield f"  seen       {timestamp(sighting.seen_at)} poll {sighting.poll_id} of {feed}: {sighting.effect}"
        yield f"             record {sighting.log_position}, revision {sighting.revision} afterwards"
    if history.sightings_total > len(history.sightings):
        yield f"             and {history.sightings_total - len(history.sightings)} older"


def _page_text(page: PageStatus) -> str:
    reasons = ": ".join(part for part in (page.failure, clean(page.detail)) if part)
    because = f" ({reasons})" if reasons else ""
    match page.state:
        case "taken" if page.revision is None:
            return f"fetched {timestamp(page.tried_at)}, its text is on the log"
        case "taken":
            return f"fetched {timestamp(page.tried_at)}, revision {page.revision} has its text"
        case "given-up":
            return f"given up{because}; the text is the feed's"
    return f"waits until {timestamp(page.due_at)}{because}"
