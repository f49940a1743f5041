"""A worker's life, and what it makes of a document or of an article's page."""

from __future__ import annotations

import ctypes
import json
import marshal
import os
import re
import resource
import signal
import socket
import sys
import traceback
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, replace
from datetime import UTC, datetime
from hashlib import blake2b
from typing import IO, TYPE_CHECKING, Any, Final
from uuid import UUID

from ingest.errors import Unusable
from ingest.parse_pool.ipc import LENGTH_BYTES, pack_asked, pack_children
from ingest.runtime import tune_gc
from ingest.types import Entry, Failed, FailureKind, ParsedFeed, Record, Seen
from ingest.urls import host_of
from ingest.wire import decode, encode

if TYPE_CHECKING:
    from ingest.normalise import Normalised

ENTRY_CACHE: Final = 64 * 1024**2
"""Bytes of entries that one worker remembers; never more than an eighth of its memory."""
KEPT_LINKS: Final = 20
KEPT_HOSTS: Final = 8
KEPT_CHARACTERS: Final = 200
"""Of what a feed says it is."""

_PR_SET_PDEATHSIG: Final = 1
_LookUp = Callable[[tuple[bytes, ...], tuple[bytes, ...]], Any]
_Digest = Callable[[tuple[Any, ...], _LookUp], tuple[Any, ...]]
_ENTRY_TAG: Final = re.compile(rb"<(/?)(?:[\w.-]+:)?(?:item|entry)[\s>]", re.IGNORECASE)
_ROOT_END: Final = re.compile(rb"</(?:[\w.-]+:)?(?:rss|feed|rdf|urlset|sitemapindex)\s*>", re.IGNORECASE)


def run_worker(descriptor: int, memory: int, parent: int) -> None:
    """A worker's life: read documents from the socket ``descriptor`` and answer them, until it ends."""
    _tie_to(parent)
    # Whoever stops the service closes our socket; a signal to all of its processes is not for us.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    connection = socket.socket(fileno=descriptor)
    connection.set_inheritable(False)
    with connection, connection.makefile("rb") as requests, connection.makefile("wb") as answers:
        digest = _load(min(ENTRY_CACHE, memory // 8))
        tune_gc()
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
        _send(answers, ("ready",))
        with suppress(BrokenPipeError, ConnectionResetError):

            def look_up(keys: tuple[bytes, ...], articles: tuple[bytes, ...]) -> Any:
                _send(answers, ("keys", keys, articles))
                found = _receive(requests)
                if found is None:
                    raise ConnectionResetError
                return marshal.loads(found)  # noqa: S302 - our own parent wrote it

            while (request := _receive(requests)) is not None:
                answer = _answer(digest, request, look_up)
                if answer is None:
                    why = f"reading it took more than {memory} bytes"
                    _send(answers, ("failed", FailureKind.PARSE_LIMIT.value, why, None))
                    return  # what is left of our address space is in unknown hands
                _send(answers, answer)


def _answer(digest: _Digest, request: bytes, look_up: _LookUp) -> tuple[Any, ...] | None:
    """None: our memory did not suffice."""
    try:
        return digest(marshal.loads(request), look_up)  # noqa: S302 - our own parent wrote it
    except MemoryError:
        return None
    except (BrokenPipeError, ConnectionResetError):  # our parent went away while we asked it
        raise
    # A mistake of ours that one document brings out is that poll's failure, on record and with its place, and
    # not the end of all polling.
    except Exception as error:  # noqa: BLE001
        traceback.print_exc()
        why = f"reading it failed: {type(error).__name__}: {error}"
        return ("failed", FailureKind.UNPARSABLE.value, why[:500], None)


def _tie_to(parent: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(ctypes.c_int(_PR_SET_PDEATHSIG), ctypes.c_ulong(signal.SIGKILL))
    if os.getppid() != parent:  # it died before we asked
        raise SystemExit(0)


def _receive(requests: IO[bytes]) -> bytes | None:
    """The next frame, or None at the end."""
    head = requests.read(LENGTH_BYTES)
    return requests.read(int.from_bytes(head, "big")) if head else None


def _send(answers: IO[bytes], value: tuple[Any, ...]) -> None:
    encoded = marshal.dumps(value)
    answers.write(len(encoded).to_bytes(LENGTH_BYTES, "big"))
    answers.write(encoded)
    answers.flush()


def _load(remembered: int) -> _Digest:
    """What a worker does to a document, remembering so many bytes of entries.

    The imports are here because only workers shall pay for them.
    """
    from ingest.normalise import draft, finish
    from ingest.parse import EntryCache, parse_feed
    from ingest.schedule.hints import hints_of

    cache = EntryCache(remembered)

    def digest(request: tuple[Any, ...], look_up: _LookUp) -> tuple[Any, ...]:
        if request[0] == "page":
            return _read_page(*request[1:])
        feed_id, feed_url, poll_id, seen_at, url, content_type, language, body, first, pushed = request
        parsed = parse_feed(body, content_type=content_type, url=url, language=language, cache=cache)
        if isinstance(parsed, Failed):
            return ("failed", parsed.kind.value, parsed.detail, parsed.sample, parsed.feed_links)
        # JSON that was cut is no JSON: what could be read is whole.
        whole = not parsed.warnings or parsed.version.startswith("json") or _ends(body)
        if not whole and _ends_within_an_entry(body):
            # Half a text would be a revision, half a guid another article; the next poll asks for all of it.
            parsed = replace(parsed, entries=parsed.entries[:-1])
        drafted = draft(parsed, feed_url=feed_url, url=url)
        articles = tuple([article.bytes for article in drafted.articles])
        seen = look_up(drafted.keys, articles) if drafted.keys and not first else {}
        normalised = finish(
            drafted,
            feed_id=feed_id,
            poll_id=poll_id,
            seen_at=datetime.fromtimestamp(seen_at, UTC),
            seen={
                key: Seen(
                    key=key, content_hash=known, article_id=UUID(bytes=article_id), entry_fingerprint=marks
                )
                for key, (known, article_id, marks) in seen.items()
            },
        )
        if pushed:
            normalised = _without_less(normalised, seen)
        messages = [encode(article) for article in normalised.articles]
        ids = {row[1] for row in seen.values()}
        fresh = [each.entry_key for each in normalised.articles if each.id.bytes not in ids]
        return (
            "digested",
            parsed.title,
            normalised.entries,
            normalised.created,
            normalised.duplicates,
            whole,
            bool(seen),
            [date.timestamp() for entry in parsed.entries if (date := entry.published or entry.updated)],
            pack_asked(hints_of(parsed.hints)),
            _about(parsed),
            [(message.key, message.value, dict(message.headers)) for message in messages],
            [
                (each.key, each.content_hash, each.article_id.bytes, each.entry_fingerprint)
                for each in normalised.seen
            ],
            [_unreadable(entry, why) for entry, why in normalised.unusable],
            pack_children(parsed),
            tuple([key for key in fresh if key not in seen]),
            parsed.hubs,
            parsed.self_url,
            drafted.keys if pushed else (),
        )

    return digest


def _ends(body: bytes) -> bool:
    """Whether its root element is closed. (UTF-16 is ASCII between NULs, as far as tags go.)"""
    return _ROOT_END.search(body.replace(b"\0", b"")) is not None


def _ends_within_an_entry(body: bytes) -> bool:
    slashes = _ENTRY_TAG.findall(body.replace(b"\0", b""))
    return bool(slashes) and not slashes[-1]


def _about(parsed: ParsedFeed) -> tuple[str | None, tuple[str, ...], str | None]:
    """Whose feed it says it is. Title and language are cut: this is kept for every feed."""
    links = (parsed.link, *(entry.link for entry in parsed.entries[:KEPT_LINKS]))
    counted = Counter(host_of(link) for link in links if link)
    hosts = tuple(host for host, _ in counted.most_common(KEPT_HOSTS) if host)
    title, language = parsed.title, parsed.language
    return title and title[:KEPT_CHARACTERS], hosts, language and language[:KEPT_CHARACTERS]


def _unreadable(entry: Entry, why: Unusable) -> tuple[str, bytes, str, str]:
    value = json.dumps(asdict(entry), default=str, ensure_ascii=False).encode("utf-8", "replace")
    return blake2b(value, digest_size=16).hexdigest(), value, type(why).__name__, str(why)


def _without_less(normalised: Normalised, seen: Mapping[bytes, Any]) -> Normalised:
    """Hubs may send entries without their text (YouTube's does): of one that is known that is no change."""
    less = {each.entry_key for each in normalised.articles if not each.text and each.entry_key in seen}
    return replace(
        normalised,
        articles=tuple([each for each in normalised.articles if each.entry_key not in less]),
        seen=tuple([row for row in normalised.seen if row.key not in less]),
    )


def _read_page(
    value: bytes, page_id: int, seen_at: float, url: str, content_type: str | None, body: bytes
) -> tuple[Any, ...]:
    """What a worker does to an article's page. The imports are slow, and here because most workers never see one."""
    from ingest.extract import article_html, is_html
    from ingest.normalise.page_text import merge_page_text

    if not is_html(body, content_type):
        return ("failed", FailureKind.NOT_HTML.value, f"it is {content_type or 'no HTML'}"[:200], None)
    at = datetime.fromtimestamp(seen_at, UTC)
    key = str(json.loads(value)["id"])
    article = decode(
        Record(topic="page", partition=0, offset=0, key=key, value=value, headers={}, appended_at=at)
    )
    found = merge_page_text(
        article,
        article_html(body, content_type=content_type),
        page_url=url,
        page_id=page_id,
        seen_at=at,
    )
    if isinstance(found, Failed):
        return ("failed", found.kind.value, found.detail, None)
    message = encode(found)
    return ("page", message.key, message.value)
