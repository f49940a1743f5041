"""Parsed entries by the hash of their bytes, so that an unchanged entry is not parsed again."""

from __future__ import annotations

import sys
from collections import OrderedDict
from typing import Final

from ingest.types import Entry

OVERHEAD: Final = 700
"""Bytes of an entry without its texts: the object, its dates, the cache's own item (measured)."""


class EntryCache:
    """The most recently used entries, up to ``limit`` bytes. Not thread-safe."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.size = 0
        self.hits = 0
        self.misses = 0
        self._entries: OrderedDict[bytes, tuple[Entry, int]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: bytes) -> Entry | None:
        item = self._entries.get(key)
        if item is None:
            self.misses += 1
            return None
        self.hits += 1
        self._entries.move_to_end(key)
        return item[0]

    def put(self, key: bytes, entry: Entry) -> None:
        size = _size(entry)
        if key in self._entries or size > self.limit:
            return
        self._entries[key] = (entry, size)
        self.size += size
        while self.size > self.limit:
            _, (_, freed) = self._entries.popitem(last=False)
            self.size -= freed


def _size(entry: Entry) -> int:
    texts = (
        *(entry.guid, entry.link, entry.title, entry.summary, entry.content, entry.published_raw),
        entry.updated_raw,
        *(entry.language, entry.source_title, entry.source_url, entry.image, entry.base),
        *(entry.authors, *entry.authors, entry.categories, *entry.categories),
    )
    return OVERHEAD + sum([sys.getsizeof(text) for text in texts if text])
