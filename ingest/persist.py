"""Store a batch of records as articles, stories, matches and stream events, in one transaction.

::

    Record ─decode─▶ Article ─classify─▶ matches          before the transaction: nothing is locked
          └▶ quarantine          └─index──▶ search vector
    BEGIN ─ lock stories, load ─ decide_batch ─ write rows ─ append stream events ─ COMMIT

    decide_batch: repeat (its sighting is stored) ──────▶ nothing
                  text that the article has or had ─────▶ sighting; that revision is current
                  new article, or a new text ───────────▶ article, revision, sighting, matches, stream events

Exactly once rests on three things, and a test holds each. The sighting's primary key (article, poll) makes a repeated
record a no-op. Events are appended in the transaction that writes their rows. A batch that conflicts with another
consumer's is rolled back whole and tried again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, Protocol
from uuid import UUID

from ingest import runtime, search
from ingest.classify import Classifier, compile_topics
from ingest.db import article_aliases, article_store, article_texts, page_fetch, quarantine, topics
from ingest.db.article_store import SearchIndex
from ingest.db.engine import CONFLICT_RETRY, Conflict, Connection, Engine, Rejected, transaction
from ingest.db.search_segments import SEGMENT_BYTES, Period, open_segments
from ingest.errors import Unavailable, Unusable
from ingest.normalise.rehash import hashes_by_other_rules
from ingest.revise import DecodedRecord, articles_to_classify, decide_batch, stream_events
from ingest.runtime import failpoint
from ingest.story import story_id
from ingest.types import Article, ArticleChange, Effect, Match, Message, Record, StoredArticle, Topic
from ingest.wire import decode

STAGE: Final = "persist"
TOPICS_MAX_AGE: Final = timedelta(seconds=1)
"""Topics are read again after this long, so changed topics are used at most this much later."""


class Outbox(Protocol):
    def append_in(self, connection: Connection, topic: str, messages: Sequence[Message]) -> range: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchCounts:
    """The records of a batch by their effect."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    repeated: int = 0
    quarantined: int = 0

    def __add__(self, addend: BatchCounts) -> BatchCounts:
        return BatchCounts(
            created=self.created + addend.created,
            updated=self.updated + addend.updated,
            unchanged=self.unchanged + addend.unchanged,
            repeated=self.repeated + addend.repeated,
            quarantined=self.quarantined + addend.quarantined,
        )


class Persister:
    """Stores batches of records; each is stored or in quarantine when the call returns."""

    def __init__(
        self,
        engine: Engine,
        outbox: Outbox,
        *,
        segment_bytes: int = SEGMENT_BYTES,
        clock: Callable[[], datetime] = runtime.now,
    ) -> None:
        self._engine = engine
        self._outbox = outbox
        self._segment_bytes = segment_bytes
        self._clock = clock
        self._classifier = compile_topics(())
        self._topics: tuple[Topic, ...] = ()
        self._topics_read_at: datetime | None = None

    def __call__(self, records: Sequence[Record]) -> BatchCounts:
        """
        Raises:
            Unavailable: the database; all of the batch is stored or none of it, so pass the batch again.
        """
        try:
            return CONFLICT_RETRY(self._persist, records)
        except Conflict as conflict:
            raise Unavailable("database", f"repeated conflicts: {conflict}") from conflict
        except Rejected as rejected:
            return self._isolate(records, rejected)

    def _isolate(self, records: Sequence[Record], rejected: Rejected) -> BatchCounts:
        """Halve a batch that the database rejects until the rejected record is alone, and quarantine the record."""
        if len(records) > 1:
            middle = len(records) // 2
            return self(records[:middle]) + self(records[middle:])
        with transaction(self._engine) as connection:
            quarantine.insert_record(connection, records[0], stage=STAGE, error=rejected, now=self._clock())
        failpoint("persist.quarantined")
        return BatchCounts(quarantined=1)

    def _persist(self, records: Sequence[Record]) -> BatchCounts:
        now = self._clock()
        decoded, unusable = _decode(records)
        batch, matches, vectors = self._prepare(decoded, now=now)
        index = SearchIndex(
            vector=vectors,
            segments=self._open_segments(batch),
            index_version=search.INDEX_VERSION,
        )
        with transaction(self._engine) as connection:
            failpoint("persist.begun")
            changes = _decide(connection, batch, matches, now=now)
            article_store.write(connection, changes, index, now=now)
            page_fetch.record_changes(connection, changes, now=now)
            failpoint("persist.written")
            for topic, messages in sorted(stream_events(changes, now=now).items()):
                self._outbox.append_in(connection, topic, messages)
            failpoint("persist.streamed")
            for record, error in unusable:
                quarantine.insert_record(connection, record, stage=STAGE, error=error, now=now)
            failpoint("persist.before-commit")
        failpoint("persist.stored")
        effects = [change.effect for change in changes]
        return BatchCounts(
            created=effects.count(Effect.CREATED),
            updated=effects.count(Effect.UPDATED),
            unchanged=effects.count(Effect.UNCHANGED),
            repeated=len(batch) - len(changes),
            quarantined=len(unusable),
        )

    def _prepare(
        self, batch: Sequence[DecodedRecord], *, now: datetime
    ) -> tuple[Sequence[DecodedRecord], _Matches, _Vectors]:
        """Return the batch with the ids that its articles are stored under, its matches and its search vectors.

        Classify and index the batch before its transaction, so that no other consumer waits for the locks.

        Both are most of the work in Python. One query, of 0.01 ms, finds the records that need neither: repeats and
        unchanged texts. The query locks nothing, and the transaction decides.
        """
        with transaction(self._engine) as connection:
            self._read_topics(connection, now=now)
            batch = _with_stored_ids(connection, batch)
            stored_texts = article_texts.stored_texts(
                connection, [(decoded.article.id, decoded.article.content_hash) for decoded in batch]
            )
        matches, vectors = _Matches(self._classifier), _Vectors()
        for article in articles_to_classify(batch, stored_texts=stored_texts):
            matches(article)
            vectors(article)
        return batch, matches, vectors

    def _open_segments(self, batch: Sequence[DecodedRecord]) -> Mapping[Period, int]:
        """Return the search segments for the times of the batch's articles, created where there are none."""
        times = {
            article_store.sort_time(
                published_at=decoded.article.published_at, first_seen_at=decoded.article.seen_at
            )
            for decoded in batch
        }
        return open_segments(
            self._engine,
            times,
            index_version=search.INDEX_VERSION,
            segment_bytes=self._segment_bytes,
        )

    def _read_topics(self, connection: Connection, *, now: datetime) -> None:
        """Read the active topics if they were read longer than ``TOPICS_MAX_AGE`` ago.

        One batch uses one set of topics. Topics that change between this and the commit are used by the next batch.
        """
        if self._topics_read_at is not None and timedelta(0) <= now - self._topics_read_at < TOPICS_MAX_AGE:
            return
        active = topics.active_topics(connection)
        # A classifier caches the words of earlier articles; a new one every second would start with an empty cache.
        if active != self._topics:
            self._classifier, self._topics = compile_topics(active), active
        self._topics_read_at = now


class _Matches:
    """The matches of a batch's articles: each text is classified once, and only when its matches are first needed.

    The transaction may need matches that were not prepared, because another consumer or an earlier record of the batch
    changed the article meanwhile. The same classifier then makes them: the decision is the same, only its time differs.
    """

    def __init__(self, classifier: Classifier) -> None:
        self._classifier = classifier
        self._by_text: dict[tuple[str, str], tuple[Match, ...]] = {}

    def __call__(self, article: Article) -> tuple[Match, ...]:
        text = (article.title, article.text)
        matches = self._by_text.get(text)
        if matches is None:
            matches = self._by_text[text] = self._classifier.matches(*text)
        return matches


class _Vectors:
    """The search vectors of a batch's articles: each version is indexed once, also where a transaction is repeated."""

    def __init__(self) -> None:
        self._by_version: dict[tuple[UUID, bytes, str | None], str] = {}

    def __call__(self, article: Article) -> str:
        key = (article.id, article.content_hash, article.language)
        vector = self._by_version.get(key)
        if vector is None:
            vector = self._by_version[key] = search.index_document(
                title=article.title,
                text=article.text,
                authors=article.authors,
                publisher=article.publisher,
                language=article.language,
            ).vector
        return vector


def _decode(records: Sequence[Record]) -> tuple[list[DecodedRecord], list[tuple[Record, Unusable]]]:
    decoded: list[DecodedRecord] = []
    unusable: list[tuple[Record, Unusable]] = []
    for record in records:
        try:
            article = decode(record)
        except Unusable as error:
            unusable.append((record, error))
        else:
            story = story_id(article.id, article.text)
            decoded.append(DecodedRecord(record=record, article=article, story=story))
    return decoded, unusable


def _with_stored_ids(connection: Connection, batch: Sequence[DecodedRecord]) -> Sequence[DecodedRecord]:
    """Return the batch with the ids of articles that are stored under a former canonical form of their URL."""
    stored = article_aliases.stored_ids(connection, {decoded.article.id for decoded in batch})
    if not stored:
        return batch
    renamed = []
    for decoded in batch:
        article = replace(decoded.article, id=stored.get(decoded.article.id, decoded.article.id))
        story = story_id(article.id, article.text)
        renamed.append(replace(decoded, article=article, story=story))
    return renamed


def _decide(
    connection: Connection,
    batch: Sequence[DecodedRecord],
    matches: Callable[[Article], tuple[Match, ...]],
    *,
    now: datetime,
) -> list[ArticleChange]:
    """Lock and load the stored state of the batch, and decide its changes."""
    # Only a text that is long enough for a story id of its own can have copies; other stories need no lock.
    shared = {decoded.story for decoded in batch if decoded.story != decoded.article.id}
    article_store.lock_stories(connection, shared)
    stored = article_store.load(
        connection, sightings=[decoded.sighting for decoded in batch], stories=shared, now=now
    )
    stored = replace(stored, rehashed=_rehashed(connection, batch, stored.articles))
    failpoint("persist.loaded")
    return decide_batch(batch, stored, classify=matches)


def _rehashed(
    connection: Connection, batch: Sequence[DecodedRecord], stored: Mapping[UUID, StoredArticle]
) -> Mapping[tuple[UUID, bytes], Sequence[bytes]]:
    """The content hashes that other rules give the versions of a batch whose own hashes are not stored.

    An upgrade brings each article once with a hash of the new rules. Later, only updates have unknown hashes.
    """
    records: defaultdict[UUID, list[Article]] = defaultdict(list)
    for decoded in batch:
        records[decoded.article.id].append(decoded.article)
    unknown = {
        article_id: articles
        for article_id, articles in records.items()
        if _may_be_stored_by_other_rules(articles, stored.get(article_id))
    }
    if not unknown:
        return {}
    texts = article_texts.older_texts(connection, list(unknown))
    return {
        (article_id, content_hash): hashes
        for article_id, articles in unknown.items()
        for content_hash, hashes in hashes_by_other_rules(articles, older=texts.get(article_id, ())).items()
    }


def _may_be_stored_by_other_rules(articles: Sequence[Article], stored: StoredArticle | None) -> bool:
    if stored is None:
        return len({article.parser_version for article in articles}) > 1
    return any(article.content_hash not in stored.revisions for article in articles)
