"""Compare the expected entries with the stored articles, and name every disagreement. Pure.

An expected entry *agrees* if its article is stored, was sighted in that poll, and the sighting has the entry's text.
Any other entry gets a verdict from :data:`~tests.replay.verdicts.EXPLAINED`, proven by the recording or the store.
Without such a verdict it is a failure.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from uuid import UUID

from ingest.urls import canonical
from tests.feedworld.recorded import ExpectedEntry, RecordedPoll
from tests.replay.consistency import judge_identity, judge_log, judge_stream
from tests.replay.reference import ReferenceEntry
from tests.replay.replayed import Replayed, key_of
from tests.replay.stored import AppendedRecord, Poll, Sighting
from tests.replay.texts import difference, is_caption_of, is_text_of, is_within, mismatch, removed_text
from tests.replay.verdicts import Judgement, Verdict


def judge(replayed: Replayed) -> Judgement:
    return _Judge(replayed).judge()


class _Judge:
    def __init__(self, replayed: Replayed) -> None:
        self._replayed = replayed
        self._stored = replayed.stored
        self._judgement = Judgement()
        self._order = {
            feed: {poll.name: number for number, poll in enumerate(replayed.recording.of(feed))}
            for feed in replayed.recording.feeds
        }
        self._records_by_key: dict[tuple[int, bytes], list[AppendedRecord]] = defaultdict(list)
        self._keys: dict[UUID, set[tuple[int, bytes]]] = defaultdict(set)
        for record in replayed.records:
            self._records_by_key[record.feed_id, record.key].append(record)
            self._keys[record.article_id].add((record.feed_id, record.key))
        self._first_record: dict[UUID, AppendedRecord] = {}
        by_position = {record.log_position: record for record in replayed.records}
        for (article, _), sighting in self._stored.sightings.items():
            if sighting.effect == "created" and sighting.log_position in by_position:
                self._first_record[article] = by_position[sighting.log_position]
        self._occurrences = self._index()

    def judge(self) -> Judgement:
        for poll in self._replayed.recording.polls:
            self._judge_poll(poll)
        expected_keys: set[tuple[str, str, bytes]] = set()
        for entry in self._replayed.expected:
            assert entry.key is not None
            expected_keys.add((entry.feed, entry.poll, key_of(entry.key)))
            if entry.kind == "new":
                self._judge_new(entry, entry.key)
            else:
                self._judge_revised(entry, entry.key)
        self._judge_unexpected(expected_keys)
        judge_log(self._replayed, self._judgement)
        judge_identity(self._replayed, self._judgement)
        judge_stream(self._stored, self._judgement)
        return self._judgement

    # --- polls ---

    def _judge_poll(self, recorded: RecordedPoll) -> None:
        """Check that the poll of an empty body failed, and that the poll of a feed has all of its entries."""
        document, poll = (
            self._replayed.documents[recorded.feed, recorded.name],
            self._replayed.polls[recorded.feed, recorded.name],
        )
        empty = recorded.path.stat().st_size == 0
        expected: set[tuple[str, str | None]]
        if empty:
            expected = {("failed", "empty")}
        elif not document.entries and (document.broken or not document.version):
            expected = {("failed", "not-a-feed"), ("failed", "unparsable")}
        else:
            expected = {("fetched", None)}
        where = f"{recorded.feed} {recorded.name}"
        if (poll.result, poll.failure) not in expected:
            actual = f"{poll.result} {poll.failure or ''} ({poll.detail or 'no detail'})"
            self._judgement.add(Verdict.POLL, f"{where}: {actual}, expected {sorted(expected, key=str)}")
        elif poll.result == "fetched" and poll.entries != len(document.entries):
            counted = f"{poll.entries} entries, feedparser reads {len(document.entries)}"
            if document.broken and len(document.entries) - poll.entries == 1:
                self._judgement.add(Verdict.CUT, f"{where}: {counted}; {document.broken}")
            else:
                self._judgement.add(Verdict.POLL, f"{where}: {counted}")

    # --- expected entries ---

    def _judge_new(self, entry: ExpectedEntry, key: str) -> None:
        feed_id, hashed = self._replayed.feed_ids[entry.feed], key_of(key)
        article = self._stored.seen.get((feed_id, hashed))
        if article is None and self._is_cut(entry.feed, entry.poll, key) and self._is_address_stored(entry):
            self._judgement.add(Verdict.CUT, f"{_shown(entry)}: its address is stored under another key")
            return
        if article is None or article not in self._stored.urls:
            where = "not in the seen-set" if article is None else f"article {article} is not stored"
            self._judgement.add(Verdict.LOST, f"{_shown(entry)}: {where}")
            return
        sighting = self._stored.sightings.get((article, self._poll(entry).id))
        if sighting is None:
            self._judgement.add(*self._explain_unsighted(entry, key, article))
            return
        creator = self._first_record.get(article)
        if sighting.effect == "created":
            verdict = Verdict.STORED
        elif creator is None or (creator.feed_id, creator.key) == (feed_id, hashed):
            verdict = Verdict.UNEXPLAINED
        else:
            verdict = Verdict.ANOTHER_KEY if creator.feed_id == feed_id else Verdict.ANOTHER_FEED
        self._judge_text(verdict, entry, key, article, sighting)

    def _explain_unsighted(self, entry: ExpectedEntry, key: str, article: UUID) -> tuple[Verdict, str]:
        feed_id = self._replayed.feed_ids[entry.feed]
        own_records = self._records_by_key.get((feed_id, key_of(key)), [])
        document = self._replayed.documents[entry.feed, entry.poll]
        here = self._order[entry.feed][entry.poll]
        if own_records and document.broken and self._number(own_records[0]) > here:
            return Verdict.CUT, f"{_shown(entry)}: stored {self._number(own_records[0]) - here} polls later"
        other_keys = self._keys[article] - {(feed_id, key_of(key))}
        versions = [version for version in document.entries if version.key == key]
        if other_keys and any(self._has_text(article, version) for version in versions):
            same = any(other_feed == feed_id for other_feed, _ in other_keys)
            return (Verdict.ANOTHER_KEY if same else Verdict.ANOTHER_FEED), _shown(entry)
        if own_records:
            first = self._number(own_records[0])
            return (
                Verdict.UNEXPLAINED,
                f"{_shown(entry)}: no sighting in its poll, first sent in round {first}",
            )
        return Verdict.UNEXPLAINED, f"{_shown(entry)}: in the seen-set, but never sent"

    def _judge_revised(self, entry: ExpectedEntry, key: str) -> None:
        feed_id = self._replayed.feed_ids[entry.feed]
        article = self._stored.seen.get((feed_id, key_of(key)))
        if article is None or article not in self._stored.urls:
            self._judgement.add(Verdict.LOST, f"{_shown(entry)}: its article is not stored")
            return
        sighting = self._stored.sightings.get((article, self._poll(entry).id))
        if sighting is not None and sighting.effect == "updated":
            self._judge_text(Verdict.REVISED, entry, key, article, sighting)
        elif sighting is not None and sighting.effect == "reverted":
            self._judge_text(Verdict.WENT_BACK, entry, key, article, sighting)
        elif self._is_twice(entry.feed, entry.poll, key):
            self._judgement.add(Verdict.TWICE_IN_DOCUMENT, _shown(entry))
        elif sighting is not None:
            verdict = Verdict.ANOTHER_KEY if len(self._keys[article]) > 1 else Verdict.UNEXPLAINED
            self._judge_text(verdict, entry, key, article, sighting)
        else:
            self._judgement.add(*self._explain_unrevised(entry, key, article))

    def _explain_unrevised(self, entry: ExpectedEntry, key: str, article: UUID) -> tuple[Verdict, str]:
        current, before = self._last_version(entry, key), self._before(entry.feed, entry.poll, key)
        if before is None:
            return Verdict.UNEXPLAINED, f"{_shown(entry)}: changed, but it was never there before"
        if self._is_twice(entry.feed, before[0], key):
            return Verdict.TWICE_IN_DOCUMENT, _shown(entry)
        earlier = before[1]
        for poll, complete in ((entry.poll, earlier), (before[0], current)):
            if self._is_cut(entry.feed, poll, key) and self._has_text(article, complete):
                return Verdict.CUT, f"{_shown(entry)}: {difference(earlier, current)}"
        if current.plain_all == earlier.plain_all:
            return Verdict.MARKUP, f"{_shown(entry)}: {difference(earlier, current)}"
        if current.plain == earlier.plain and all(
            is_within(version.plain_summary[1], version.plain[1]) for version in (current, earlier)
        ):
            return Verdict.SUMMARY_ONLY, f"{_shown(entry)}: {difference(earlier, current)}"
        texts = [revision.text for revision in self._stored.revisions[article].values()]
        if current.plain[0] == earlier.plain[0] and any(
            is_within(text, current.plain[1]) and is_within(text, earlier.plain[1]) for text in texts
        ):
            return Verdict.BOILERPLATE, f"{_shown(entry)}: {difference(earlier, current)}"
        return Verdict.UNEXPLAINED, f"{_shown(entry)}: changed, but not sent: {difference(earlier, current)}"

    def _judge_text(
        self, verdict: Verdict, entry: ExpectedEntry, key: str, article: UUID, sighting: Sighting
    ) -> None:
        """Check that the stored title and text are those of the entry."""
        revision = self._stored.revisions[article].get(sighting.revision)
        versions = self._versions(entry.feed, entry.poll, key)
        if revision is None or not any(
            is_text_of(revision.title, revision.text, version) for version in versions
        ):
            # Where a document has the article several times, the text may come from another entry of it.
            keys = {
                key_hash
                for feed_id, key_hash in self._keys[article]
                if feed_id == self._replayed.feed_ids[entry.feed]
            }
            siblings = [
                version
                for version in self._replayed.documents[entry.feed, entry.poll].entries
                if version.key is not None and key_of(version.key) in keys
            ]
            if revision is not None and any(
                is_text_of(revision.title, revision.text, version) for version in siblings
            ):
                self._judgement.add(Verdict.TWICE_IN_DOCUMENT, _shown(entry))
                return
            if revision is not None and any(is_caption_of(revision, version) for version in versions):
                self._judgement.add(Verdict.CAPTION, _shown(entry))
                return
            reason = "no such revision" if revision is None else mismatch(revision, versions[-1])
            self._judgement.add(Verdict.WRONG_TEXT, f"{_shown(entry)}: {reason}")
            return
        self._judgement.add(verdict, "" if verdict in (Verdict.STORED, Verdict.REVISED) else _shown(entry))
        removed = min((removed_text(revision.text, version.plain[1]) for version in versions), key=len)
        if removed:
            self._judgement.removed_texts[removed] += 1

    # --- records without an expected entry ---

    def _judge_unexpected(self, expected_keys: set[tuple[str, str, bytes]]) -> None:
        """Judge the records for which no entry was expected."""
        poll_names = {poll.id: at for at, poll in self._replayed.polls.items()}
        for record in self._replayed.records:
            at = poll_names.get(record.poll_id)
            if at is None:
                self._judgement.add(
                    Verdict.UNEXPLAINED,
                    f"{record.log_position} is of poll {record.poll_id}, none of this replay",
                )
                continue
            if (*at, record.key) in expected_keys:
                continue
            feed, poll = at
            versions = [
                version
                for version in self._replayed.documents[at].entries
                if version.key is not None and key_of(version.key) == record.key
            ]
            where = f"{feed} {poll} {versions[0].key if versions else record.key.hex()}"
            if not versions:
                self._judgement.add(
                    Verdict.UNEXPLAINED, f"{where}: sent, but feedparser does not read such an entry"
                )
                continue
            self._judgement.add(*self._explain_unexpected(where, feed, poll, versions))

    def _explain_unexpected(
        self, where: str, feed: str, poll: str, versions: Sequence[ReferenceEntry]
    ) -> tuple[Verdict, str]:
        entry = versions[0]
        assert entry.key is not None
        before = self._before(feed, poll, entry.key)
        if len(versions) > 1 or (before is not None and self._is_twice(feed, before[0], entry.key)):
            return Verdict.TWICE_IN_DOCUMENT, where
        if before is not None:
            earlier_poll, earlier = before
            if earlier.captions != entry.captions and not entry.plain[1]:
                return Verdict.CAPTION, f"{where}: {difference(earlier, entry)}"
            if earlier.contents != entry.contents:
                return Verdict.CONTENT, f"{where}: {difference(earlier, entry)}"
            if earlier.authors != entry.authors:
                return Verdict.AUTHORS, f"{where}: {earlier.authors} became {entry.authors}"
            if self._replayed.documents[feed, earlier_poll].broken:
                return Verdict.CUT, where
        return Verdict.UNEXPLAINED, f"{where}: sent, but nothing of it changed"

    # --- look-ups ---

    def _poll(self, entry: ExpectedEntry) -> Poll:
        return self._replayed.polls[entry.feed, entry.poll]

    def _number(self, record: AppendedRecord) -> int:
        """Return the number, within its feed, of the poll that sent the record."""
        for (feed, poll), ours in self._replayed.polls.items():
            if ours.id == record.poll_id:
                return self._order[feed][poll]
        return -1

    def _index(self) -> dict[tuple[str, str], list[str]]:
        """Return the polls that contain each key, in order, by feed and key."""
        polls: dict[tuple[str, str], list[str]] = defaultdict(list)
        for poll in self._replayed.recording.polls:
            for key in dict.fromkeys(
                entry.key for entry in self._replayed.documents[poll.feed, poll.name].entries
            ):
                if key is not None:
                    polls[poll.feed, key].append(poll.name)
        return polls

    def _before(self, feed: str, poll: str, key: str) -> tuple[str, ReferenceEntry] | None:
        """Return the last earlier poll that contained the key, with its last entry of that key."""
        order, here = self._order[feed], self._order[feed][poll]
        earlier = [name for name in self._occurrences[feed, key] if order[name] < here]
        if not earlier:
            return None
        return earlier[-1], self._versions(feed, earlier[-1], key)[-1]

    def _versions(self, feed: str, poll: str, key: str) -> list[ReferenceEntry]:
        """Return the entries of one document that have the key, in order."""
        return [entry for entry in self._replayed.documents[feed, poll].entries if entry.key == key]

    def _last_version(self, entry: ExpectedEntry, key: str) -> ReferenceEntry:
        return self._versions(entry.feed, entry.poll, key)[-1]

    def _is_twice(self, feed: str, poll: str, key: str) -> bool:
        return sum(entry.key == key for entry in self._replayed.documents[feed, poll].entries) > 1

    def _is_cut(self, feed: str, poll: str, key: str) -> bool:
        """Return whether the document is cut, and its last entry has this key."""
        document = self._replayed.documents[feed, poll]
        return document.broken is not None and bool(document.entries) and document.entries[-1].key == key

    def _is_address_stored(self, entry: ExpectedEntry) -> bool:
        url = canonical(entry.link) if entry.link else None
        return url is not None and url in self._stored.urls.values()

    def _has_text(self, article: UUID, version: ReferenceEntry) -> bool:
        return any(
            is_text_of(revision.title, revision.text, version)
            for revision in self._stored.revisions[article].values()
        )


def _shown(entry: ExpectedEntry) -> str:
    return f"{entry.feed} {entry.poll} {entry.key}"
