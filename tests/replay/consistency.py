"""Judge log, identities and stream of a replay: the checks that need no expectation."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from uuid import UUID

from ingest.urls import canonical
from tests.replay.replayed import Replayed
from tests.replay.stored import Stored
from tests.replay.verdicts import Judgement, Verdict


def judge_log(replayed: Replayed, judgement: Judgement) -> None:
    """Check that every record of the log is in the store, and nothing else."""
    positions = {record.log_position for record in replayed.records}
    for record in replayed.records:
        if (record.article_id, record.poll_id) not in replayed.stored.sightings:
            judgement.add(Verdict.LOST, f"{record.log_position}: appended, but there is no sighting of it")
    for (article, _), sighting in replayed.stored.sightings.items():
        if sighting.log_position not in positions:
            judgement.add(
                Verdict.UNEXPLAINED,
                f"article {article} was sighted at {sighting.log_position}, no record",
            )
    for line in replayed.stored.quarantined:
        judgement.add(Verdict.QUARANTINED, line)


def judge_identity(replayed: Replayed, judgement: Judgement) -> None:
    """Check that a key keeps its article, and that a URL has one article unless a document uses it for several."""
    names = {feed_id: name for name, feed_id in replayed.feed_ids.items()}
    articles_by_key: dict[tuple[int, bytes], set[UUID]] = defaultdict(set)
    for record in replayed.records:
        articles_by_key[record.feed_id, record.key].add(record.article_id)
    for (feed_id, key), articles in articles_by_key.items():
        seen_article = replayed.stored.seen.get((feed_id, key))
        if seen_article is not None:
            articles.add(seen_article)
        if len(articles) > 1:
            judgement.add(
                Verdict.REPEATED,
                f"{names[feed_id]} {key.hex()}: articles {sorted(map(str, articles))}",
            )
    by_url: dict[str, list[UUID]] = defaultdict(list)
    for article, url in replayed.stored.urls.items():
        if url is not None:
            by_url[url].append(article)
    several = {url: articles for url, articles in by_url.items() if len(articles) > 1}
    shared = _shared_urls(replayed, several) if several else frozenset()
    for url, same_url in several.items():
        titles = Counter(_current_title(replayed.stored, article) for article in same_url)
        detail = f"{url}: {len(same_url)} articles, {list(titles)[:4]}"
        if url not in shared or max(titles.values()) > 1:
            judgement.add(Verdict.REPEATED, detail)
        else:
            judgement.add(Verdict.ONE_ADDRESS, detail)


def _shared_urls(replayed: Replayed, urls: Mapping[str, object]) -> frozenset[str]:
    """Return the URLs that several keys of one document share."""
    shared = set()
    for document in replayed.documents.values():
        keys: dict[str, set[str]] = defaultdict(set)
        for entry in document.entries:
            url = canonical(entry.link) if entry.link else None
            if url in urls and url is not None and entry.key is not None:
                keys[url].add(entry.key)
        shared |= {url for url, url_keys in keys.items() if len(url_keys) > 1}
    return frozenset(shared)


def judge_stream(stored: Stored, judgement: Judgement) -> None:
    """Check that the stream ``everything`` has the cursors 1, 2, 3 …, and one event for each revision."""
    cursors = [cursor for cursor, *_ in stored.events]
    if cursors != list(range(1, len(cursors) + 1)):
        judgement.add(Verdict.STREAM, f"{len(cursors)} cursors are not 1 to {len(cursors)}")
    sent = Counter((article, revision) for _, _, article, revision in stored.events)
    revisions = {(article, number) for article, numbers in stored.revisions.items() for number in numbers}
    for (article, revision), count in sent.items():
        if count > 1 or (article, revision) not in revisions:
            judgement.add(Verdict.STREAM, f"revision {revision} of {article} has {count} events")
    for article, revision in revisions - sent.keys():
        judgement.add(Verdict.STREAM, f"revision {revision} of {article} has no event")
    for cursor, kind, article, revision in stored.events:
        if (kind == "updated") != (revision > 1) or kind not in {"created", "merged", "updated"}:
            judgement.add(
                Verdict.STREAM, f"cursor {cursor}: event {kind} for revision {revision} of {article}"
            )


def _current_title(stored: Stored, article: UUID) -> str:
    return next((r.title for r in stored.revisions[article].values() if r.current), "")
