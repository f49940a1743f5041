"""What was expected beside what is stored: every disagreement by its name. Pure.

An expected entry is *agreed* where its article is stored, was sighted in that very poll, and has what the
entry said as the text of that sighting. What is not agreed either has one of the names of :data:`EXPLAINED`,
each with a proof that is looked for in the recording or the store, or is a failure.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final
from uuid import UUID

from ingest.identity import entry_key
from ingest.types import Entry
from ingest.urls import canonical
from tests.feedworld.recorded import ExpectedEntry, RecordedPoll, Recording
from tests.replay.said import Document, Said, plain
from tests.replay.stored import Poll, Revision, Sent, Sighting, Stored


class Name(StrEnum):
    """What can come of one comparison."""

    # agreed
    STORED = "stored"
    REVISED = "stored as a revision"
    # explained: see EXPLAINED
    ANOTHER_KEY = "same article under another key"
    ANOTHER_FEED = "same article in another feed"
    WENT_BACK = "went back to an earlier text"
    MARKUP = "only white space or markup changed"
    SUMMARY_ONLY = "the summary changed to other words of the same text"
    BOILERPLATE = "only boilerplate changed"
    CONTENT = "the text in content changed, which the expectation does not look at"
    AUTHORS = "who wrote it changed, which the expectation does not look at"
    CAPTION = "the entry has no text, what it says of its picture stands for it"
    TWICE_IN_DOCUMENT = "several entries of one document have this key"
    CUT = "the document was cut within this entry"
    ONE_ADDRESS = "one address for several articles of a document"
    # failures
    LOST = "lost"
    REPEATED = "stored twice"
    WRONG_TEXT = "stored with another text"
    POLL = "a poll that ended otherwise than its document says"
    QUARANTINED = "in quarantine"
    STREAM = "the stream does not tell each revision once"
    UNEXPLAINED = "unexplained"


EXPLAINED: Final[Mapping[Name, str]] = {
    Name.ANOTHER_KEY: "The entry is new by its key, but its canonical address is that of an article which the feed "
    "brought under another key before. It is the same article: no second one is made, its text is stored there.",
    Name.ANOTHER_FEED: "The same, where another feed brought the article first.",
    Name.WENT_BACK: "The publisher shows a text again that the article had before. That revision is stored already; "
    "it is current again, and the sighting says so (effect `reverted`).",
    Name.MARKUP: "Title and text are the same words in the same order; tags, entities or white space differ. The "
    "expectation compares the strings as they stand.",
    Name.SUMMARY_ONLY: "The feed brings the full text beside a summary. The full text is what is stored, it is the "
    "same as before, and has both summaries in it.",
    Name.BOILERPLATE: "All of the stored text is in the entry before and after, and the title is the same; what "
    "changed is around it, and no part of the story (subscription notes, 'read more').",
    Name.CONTENT: "Title and summary are the same, so the expectation is silent; the full text beside them changed, "
    "and we store that revision: more than was asked for.",
    Name.AUTHORS: "Title and text are the same, so the expectation is silent; the names of its authors changed, and we "
    "store that revision: more than was asked for.",
    Name.CAPTION: "Title and link are all the entry has, but for the caption of its picture: that is better than "
    "nothing to search in. The expectation does not look at captions.",
    Name.TWICE_IN_DOCUMENT: "One document has the key several times, with different texts. The expectation counts "
    "each as a change of the one before; we take one of them for what the document says now.",
    Name.CUT: "The document ends within this entry. What is left of it is not taken for its text: that was stored "
    "whole, at a poll before or after.",
    Name.ONE_ADDRESS: "Several entries of one document, under different keys, have one address (a live page, a "
    "video channel): then the address is no identity, and each is an article of its own.",
}
FAILURES: Final = frozenset(
    {
        Name.LOST,
        Name.REPEATED,
        Name.WRONG_TEXT,
        Name.POLL,
        Name.QUARANTINED,
        Name.STREAM,
        Name.UNEXPLAINED,
    }
)
EXAMPLES: Final = 50


@dataclass(slots=True)
class Judgement:
    """Counts by name, and a few examples of each that is not plainly agreed."""

    counts: Counter[Name] = field(default_factory=Counter)
    examples: dict[Name, list[str]] = field(default_factory=dict)
    taken_out: Counter[str] = field(default_factory=Counter)
    """What of the entries' texts is not in the stored ones, as boilerplate: how many texts had it."""

    def add(self, name: Name, example: str = "") -> None:
        self.counts[name] += 1
        if example and (name in FAILURES or len(self.examples.get(name, ())) < EXAMPLES):
            self.examples.setdefault(name, []).append(example)

    def failures(self) -> dict[Name, int]:
        return {name: self.counts[name] for name in Name if name in FAILURES and self.counts[name]}


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """Everything that is compared."""

    recording: Recording
    said: Mapping[tuple[str, str], Document]
    expected: Sequence[ExpectedEntry]
    polls: Mapping[tuple[str, str], Poll]
    ids: Mapping[str, int]
    stored: Stored
    sent: Sequence[Sent]


def judge(replayed: Replayed) -> Judgement:
    return _Judge(replayed).judge()


def key_of(key: str) -> bytes:
    """The key's place in a seen-set."""
    return entry_key(Entry(guid=key.strip(), link=None, title=None, summary=None, content=None))


class _Judge:
    def __init__(self, replayed: Replayed) -> None:
        self._r = replayed
        self._stored = replayed.stored
        self._out = Judgement()
        self._names = {feed_id: name for name, feed_id in replayed.ids.items()}
        self._order = {
            feed: {poll.name: number for number, poll in enumerate(replayed.recording.of(feed))}
            for feed in replayed.recording.feeds
        }
        self._sent: dict[tuple[int, bytes], list[Sent]] = defaultdict(list)
        self._keys: dict[UUID, set[tuple[int, bytes]]] = defaultdict(set)
        for each in replayed.sent:
            self._sent[each.feed_id, each.key].append(each)
            self._keys[each.article_id].add((each.feed_id, each.key))
        self._creator: dict[UUID, Sent] = {}
        by_place = {each.place: each for each in replayed.sent}
        for (article, _), sighting in self._stored.sightings.items():
            if sighting.effect == "created" and sighting.place in by_place:
                self._creator[article] = by_place[sighting.place]
        self._by_place = by_place
        self._occurrences = self._index()

    def judge(self) -> Judgement:
        for poll in self._r.recording.polls:
            self._judge_poll(poll)
        asked: set[tuple[str, str, bytes]] = set()
        for entry in self._r.expected:
            assert entry.key is not None
            asked.add((entry.feed, entry.poll, key_of(entry.key)))
            if entry.kind == "new":
                self._judge_new(entry, entry.key)
            else:
                self._judge_revised(entry, entry.key)
        self._judge_unasked(asked)
        self._judge_log()
        self._judge_identity()
        self._judge_stream()
        return self._out

    # --- polls ---

    def _judge_poll(self, recorded: RecordedPoll) -> None:
        """It ended as its document says: an outage is an outage, a feed is a feed with all of its entries."""
        document, poll = (
            self._r.said[recorded.feed, recorded.name],
            self._r.polls[recorded.feed, recorded.name],
        )
        empty = recorded.path.stat().st_size == 0
        wanted: set[tuple[str, str | None]]
        if empty:
            wanted = {("failed", "empty")}
        elif not document.entries and (document.broken or not document.version):
            wanted = {("failed", "not-a-feed"), ("failed", "unparsable")}
        else:
            wanted = {("fetched", None)}
        where = f"{recorded.feed} {recorded.name}"
        if (poll.result, poll.failure) not in wanted:
            got = f"{poll.result} {poll.failure or ''} ({poll.detail or 'no detail'})"
            self._out.add(Name.POLL, f"{where}: {got}, expected {sorted(wanted, key=str)}")
        elif poll.result == "fetched" and poll.entries != len(document.entries):
            counted = f"{poll.entries} entries, feedparser reads {len(document.entries)}"
            if document.broken and len(document.entries) - poll.entries == 1:
                self._out.add(Name.CUT, f"{where}: {counted}; {document.broken}")
            else:
                self._out.add(Name.POLL, f"{where}: {counted}")

    # --- expected entries ---

    def _judge_new(self, entry: ExpectedEntry, key: str) -> None:
        feed_id, hashed = self._r.ids[entry.feed], key_of(key)
        article = self._stored.seen.get((feed_id, hashed))
        if article is None and self._is_cut(entry.feed, entry.poll, key) and self._is_address_stored(entry):
            self._out.add(Name.CUT, f"{_shown(entry)}: its address is stored under another key")
            return
        if article is None or article not in self._stored.urls:
            where = "not in the seen-set" if article is None else f"article {article} is not stored"
            self._out.add(Name.LOST, f"{_shown(entry)}: {where}")
            return
        sighting = self._stored.sightings.get((article, self._poll(entry).id))
        if sighting is None:
            self._out.add(*self._explain_unsighted(entry, key, article))
            return
        creator = self._creator.get(article)
        if sighting.effect == "created":
            name = Name.STORED
        elif creator is None or (creator.feed_id, creator.key) == (feed_id, hashed):
            name = Name.UNEXPLAINED
        else:
            name = Name.ANOTHER_KEY if creator.feed_id == feed_id else Name.ANOTHER_FEED
        self._settle(name, entry, key, article, sighting)

    def _explain_unsighted(self, entry: ExpectedEntry, key: str, article: UUID) -> tuple[Name, str]:
        feed_id = self._r.ids[entry.feed]
        own = self._sent.get((feed_id, key_of(key)), [])
        document = self._r.said[entry.feed, entry.poll]
        here = self._order[entry.feed][entry.poll]
        if own and document.broken and self._number(own[0]) > here:
            return Name.CUT, f"{_shown(entry)}: stored {self._number(own[0]) - here} polls later"
        others = self._keys[article] - {(feed_id, key_of(key))}
        said = [one for one in document.entries if one.key == key]
        if others and any(self._has_text(article, one) for one in said):
            same = any(other == feed_id for other, _ in others)
            return (Name.ANOTHER_KEY if same else Name.ANOTHER_FEED), _shown(entry)
        if own:
            first = self._number(own[0])
            return Name.UNEXPLAINED, f"{_shown(entry)}: no sighting in its poll, first sent in round {first}"
        return Name.UNEXPLAINED, f"{_shown(entry)}: in the seen-set, but never sent"

    def _judge_revised(self, entry: ExpectedEntry, key: str) -> None:
        feed_id = self._r.ids[entry.feed]
        article = self._stored.seen.get((feed_id, key_of(key)))
        if article is None or article not in self._stored.urls:
            self._out.add(Name.LOST, f"{_shown(entry)}: its article is not stored")
            return
        sighting = self._stored.sightings.get((article, self._poll(entry).id))
        if sighting is not None and sighting.effect == "updated":
            self._settle(Name.REVISED, entry, key, article, sighting)
        elif sighting is not None and sighting.effect == "reverted":
            self._settle(Name.WENT_BACK, entry, key, article, sighting)
        elif self._is_twice(entry.feed, entry.poll, key):
            self._out.add(Name.TWICE_IN_DOCUMENT, _shown(entry))
        elif sighting is not None:
            name = Name.ANOTHER_KEY if len(self._keys[article]) > 1 else Name.UNEXPLAINED
            self._settle(name, entry, key, article, sighting)
        else:
            self._out.add(*self._explain_unrevised(entry, key, article))

    def _explain_unrevised(self, entry: ExpectedEntry, key: str, article: UUID) -> tuple[Name, str]:
        now, before = self._said(entry, key), self._before(entry.feed, entry.poll, key)
        if before is None:
            return Name.UNEXPLAINED, f"{_shown(entry)}: changed, but it was never there before"
        if self._is_twice(entry.feed, before[0], key):
            return Name.TWICE_IN_DOCUMENT, _shown(entry)
        then = before[1]
        for poll, whole in ((entry.poll, then), (before[0], now)):
            if self._is_cut(entry.feed, poll, key) and self._has_text(article, whole):
                return Name.CUT, f"{_shown(entry)}: {_difference(then, now)}"
        if now.plain_all == then.plain_all:
            return Name.MARKUP, f"{_shown(entry)}: {_difference(then, now)}"
        if now.plain == then.plain and all(
            _within(each.plain_summary[1], each.plain[1]) for each in (now, then)
        ):
            return Name.SUMMARY_ONLY, f"{_shown(entry)}: {_difference(then, now)}"
        texts = [revision.text for revision in self._stored.revisions[article].values()]
        if now.plain[0] == then.plain[0] and any(
            _within(text, now.plain[1]) and _within(text, then.plain[1]) for text in texts
        ):
            return Name.BOILERPLATE, f"{_shown(entry)}: {_difference(then, now)}"
        return Name.UNEXPLAINED, f"{_shown(entry)}: changed, but not sent: {_difference(then, now)}"

    def _settle(self, name: Name, entry: ExpectedEntry, key: str, article: UUID, sighting: Sighting) -> None:
        """It is stored; see that what is stored is what the entry said."""
        revision = self._stored.revisions[article].get(sighting.revision)
        said = [one for one in self._r.said[entry.feed, entry.poll].entries if one.key == key]
        if revision is None or not any(_is_text_of(revision.title, revision.text, one) for one in said):
            # Where a document says the article several times, the text may be that of another entry.
            keys = {other for feed_id, other in self._keys[article] if feed_id == self._r.ids[entry.feed]}
            others = [
                one
                for one in self._r.said[entry.feed, entry.poll].entries
                if one.key is not None and key_of(one.key) in keys
            ]
            if revision is not None and any(
                _is_text_of(revision.title, revision.text, one) for one in others
            ):
                self._out.add(Name.TWICE_IN_DOCUMENT, _shown(entry))
                return
            if revision is not None and any(_is_caption_of(revision, one) for one in said):
                self._out.add(Name.CAPTION, _shown(entry))
                return
            have = "no such revision" if revision is None else _mismatch(revision, said[-1])
            self._out.add(Name.WRONG_TEXT, f"{_shown(entry)}: {have}")
            return
        self._out.add(name, "" if name in (Name.STORED, Name.REVISED) else _shown(entry))
        rest = min((taken_out(revision.text, one.plain[1]) for one in said), key=len)
        if rest:
            self._out.taken_out[rest] += 1

    # --- what nobody asked for ---

    def _judge_unasked(self, asked: set[tuple[str, str, bytes]]) -> None:
        """Records that the expectation does not know of."""
        names = {poll.id: at for at, poll in self._r.polls.items()}
        for each in self._r.sent:
            at = names.get(each.poll_id)
            if at is None:
                self._out.add(
                    Name.UNEXPLAINED, f"{each.place} is of poll {each.poll_id}, none of this replay"
                )
                continue
            if (*at, each.key) in asked:
                continue
            feed, poll = at
            said = [
                one for one in self._r.said[at].entries if one.key is not None and key_of(one.key) == each.key
            ]
            where = f"{feed} {poll} {said[0].key if said else each.key.hex()}"
            if not said:
                self._out.add(Name.UNEXPLAINED, f"{where}: sent, but feedparser does not read such an entry")
                continue
            assert said[0].key is not None
            before = self._before(feed, poll, said[0].key)
            if len(said) > 1 or (before is not None and self._is_twice(feed, before[0], said[0].key)):
                self._out.add(Name.TWICE_IN_DOCUMENT, where)
            elif before is not None and before[1].captions != said[0].captions and not said[0].plain[1]:
                self._out.add(Name.CAPTION, f"{where}: {_difference(before[1], said[0])}")
            elif before is not None and before[1].contents != said[0].contents:
                self._out.add(Name.CONTENT, f"{where}: {_difference(before[1], said[0])}")
            elif before is not None and before[1].authors != said[0].authors:
                self._out.add(Name.AUTHORS, f"{where}: {before[1].authors} became {said[0].authors}")
            elif before is not None and self._r.said[feed, before[0]].broken:
                self._out.add(Name.CUT, where)
            else:
                self._out.add(Name.UNEXPLAINED, f"{where}: sent, but nothing of it changed")

    # --- log, identity, stream ---

    def _judge_log(self) -> None:
        """Every record of the log is in the store, and nothing else is."""
        for each in self._r.sent:
            if (each.article_id, each.poll_id) not in self._stored.sightings:
                self._out.add(Name.LOST, f"{each.place}: appended, but there is no sighting of it")
        for (article, _), sighting in self._stored.sightings.items():
            if sighting.place not in self._by_place:
                self._out.add(
                    Name.UNEXPLAINED, f"article {article} was sighted at {sighting.place}, no record"
                )
        for line in self._stored.quarantined:
            self._out.add(Name.QUARANTINED, line)

    def _judge_identity(self) -> None:
        """One key is one article for ever; one address is one, but where a document says otherwise."""
        for (feed_id, key), sent in self._sent.items():
            articles = {each.article_id for each in sent}
            seen = self._stored.seen.get((feed_id, key))
            if seen is not None:
                articles.add(seen)
            if len(articles) > 1:
                self._out.add(
                    Name.REPEATED,
                    f"{self._names[feed_id]} {key.hex()}: articles {sorted(map(str, articles))}",
                )
        by_url: dict[str, list[UUID]] = defaultdict(list)
        for article, url in self._stored.urls.items():
            if url is not None:
                by_url[url].append(article)
        several = {url: articles for url, articles in by_url.items() if len(articles) > 1}
        shared = self._shared_addresses(several) if several else frozenset()
        for url, of in several.items():
            titles = Counter(self._current_title(article) for article in of)
            said = f"{url}: {len(of)} articles, {list(titles)[:4]}"
            if url not in shared or max(titles.values()) > 1:
                self._out.add(Name.REPEATED, said)
            else:
                self._out.add(Name.ONE_ADDRESS, said)

    def _shared_addresses(self, wanted: Mapping[str, object]) -> frozenset[str]:
        """Those that several keys have in one document."""
        found = set()
        for document in self._r.said.values():
            keys: dict[str, set[str]] = defaultdict(set)
            for one in document.entries:
                url = canonical(one.link) if one.link else None
                if url in wanted and url is not None and one.key is not None:
                    keys[url].add(one.key)
            found |= {url for url, of in keys.items() if len(of) > 1}
        return frozenset(found)

    def _judge_stream(self) -> None:
        """The stream of everything has the cursors 1, 2, 3 …, and tells of each revision once."""
        cursors = [cursor for cursor, *_ in self._stored.events]
        if cursors != list(range(1, len(cursors) + 1)):
            self._out.add(Name.STREAM, f"{len(cursors)} cursors are not 1 to {len(cursors)}")
        told = Counter((article, revision) for _, _, article, revision in self._stored.events)
        have = {
            (article, number) for article, numbers in self._stored.revisions.items() for number in numbers
        }
        for (article, revision), count in told.items():
            if count > 1 or (article, revision) not in have:
                self._out.add(Name.STREAM, f"revision {revision} of {article} was told {count} times")
        for article, revision in have - told.keys():
            self._out.add(Name.STREAM, f"revision {revision} of {article} was never told")
        for cursor, kind, article, revision in self._stored.events:
            if (kind == "updated") != (revision > 1) or kind not in {"created", "merged", "updated"}:
                self._out.add(
                    Name.STREAM, f"cursor {cursor} tells of {kind} of revision {revision} of {article}"
                )

    # --- looking things up ---

    def _poll(self, entry: ExpectedEntry) -> Poll:
        return self._r.polls[entry.feed, entry.poll]

    def _number(self, sent: Sent) -> int:
        """The number of the poll within its feed that sent the record."""
        for (feed, poll), ours in self._r.polls.items():
            if ours.id == sent.poll_id:
                return self._order[feed][poll]
        return -1

    def _index(self) -> dict[tuple[str, str], list[str]]:
        """The polls that have each key, in order, by feed and key."""
        found: dict[tuple[str, str], list[str]] = defaultdict(list)
        for poll in self._r.recording.polls:
            for key in dict.fromkeys(one.key for one in self._r.said[poll.feed, poll.name].entries):
                if key is not None:
                    found[poll.feed, key].append(poll.name)
        return found

    def _before(self, feed: str, poll: str, key: str) -> tuple[str, Said] | None:
        """The last poll before that had the key, and what it said last."""
        order, here = self._order[feed], self._order[feed][poll]
        earlier = [name for name in self._occurrences[feed, key] if order[name] < here]
        if not earlier:
            return None
        return earlier[-1], [one for one in self._r.said[feed, earlier[-1]].entries if one.key == key][-1]

    def _said(self, entry: ExpectedEntry, key: str) -> Said:
        return [one for one in self._r.said[entry.feed, entry.poll].entries if one.key == key][-1]

    def _is_twice(self, feed: str, poll: str, key: str) -> bool:
        return sum(one.key == key for one in self._r.said[feed, poll].entries) > 1

    def _is_cut(self, feed: str, poll: str, key: str) -> bool:
        """Whether the document ends in the middle, and this is its last entry."""
        document = self._r.said[feed, poll]
        return document.broken is not None and bool(document.entries) and document.entries[-1].key == key

    def _is_address_stored(self, entry: ExpectedEntry) -> bool:
        url = canonical(entry.link) if entry.link else None
        return url is not None and url in self._stored.urls.values()

    def _has_text(self, article: UUID, said: Said) -> bool:
        return any(
            _is_text_of(revision.title, revision.text, said)
            for revision in self._stored.revisions[article].values()
        )

    def _current_title(self, article: UUID) -> str:
        return next((r.title for r in self._stored.revisions[article].values() if r.current), "")


def _is_text_of(title: str, text: str, said: Said) -> bool:
    """Whether this is what the entry said: its title, and a body all of which is in the entry's."""
    told_title, body = said.plain
    if not told_title:  # then the beginning of its text, or its address, stands for it
        told_title = (
            title if said.link == title or body.startswith(title.rstrip("…").rstrip()) else told_title
        )
    return _squeezed(title) == _squeezed(told_title) and _within(text, body) and (bool(text) or not body)


def _is_caption_of(revision: Revision, said: Said) -> bool:
    title, body = said.plain
    captions = {_squeezed(plain(caption)) for caption in said.captions}
    return not body and _squeezed(revision.title) == _squeezed(title) and _squeezed(revision.text) in captions


def _mismatch(revision: Revision, said: Said) -> str:
    """Where the stored text stops being what was said."""
    title, body = said.plain
    if _squeezed(revision.title) != _squeezed(title):
        return f"titled {revision.title!r}, said {title!r}"
    for line in revision.text.splitlines():
        if not _within(line, body):
            near = body.find(line[:20])
            return f"stored {line[:400]!r}, said {body[max(0, near) : near + 400]!r}"
    return f"stored {revision.text[:300]!r}, said {body[:300]!r}"


def _within(text: str, body: str) -> bool:
    """Whether every line of ``text`` stands in ``body``, in this order; white space aside."""
    squeezed, at = _squeezed(body), 0
    for line in text.splitlines():
        wanted = _squeezed(line)
        found = squeezed.find(wanted, at)
        if found < 0:
            return False
        at = found + len(wanted)
    return True


def taken_out(text: str, body: str) -> str:
    """What of ``body`` is not in ``text``, all of which it has."""
    places = [place for place, character in enumerate(body) if not character.isspace()]
    squeezed, at = _squeezed(body), 0
    pieces = []
    for line in [*text.splitlines(), None]:
        wanted = "" if line is None else _squeezed(line)
        found = len(squeezed) if line is None else squeezed.find(wanted, at)
        if found > at:
            pieces.append(body[places[at] : places[found - 1] + 1])
        at = max(at, found) + len(wanted)
    return " … ".join(pieces)


def _squeezed(text: str) -> str:
    return "".join(text.split())


def _shown(entry: ExpectedEntry) -> str:
    return f"{entry.feed} {entry.poll} {entry.key}"


def _difference(then: Said, now: Said) -> str:
    """The first place where the two differ."""
    for name in ("title", "summary", "contents", "captions"):
        before, after = str(getattr(then, name)), str(getattr(now, name))
        if before != after:
            at = next((n for n, (a, b) in enumerate(zip(before, after, strict=False)) if a != b), len(before))
            start = max(0, at - 30)
            return f"{name} {before[start : at + 60]!r} → {after[start : at + 60]!r}"
    return "no difference"


def names_in_order(counts: Mapping[Name, int]) -> Iterator[tuple[Name, int]]:
    for name in Name:
        if counts.get(name):
            yield name, counts[name]
