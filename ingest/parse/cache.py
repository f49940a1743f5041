"""Entries as they were read from their bytes, so that what has not changed is not read again."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from ingest.types import Entry

OVERHEAD: Final = 700
"""Bytes of an entry beside its texts: the object, its tuples, its dates, the place in the cache (measured)."""


class EntryCache:
    """The entries used last, as many as take ``limit`` bytes. Not for several threads."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.size = 0
        self.hits = 0
        self.misses = 0
        self._entries: OrderedDict[bytes, tuple[Entry, int]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: bytes) -> Entry | None:
        found = self._entries.get(key)
        if found is None:
            self.misses += 1
            return None
        self.hits += 1
        self._entries.move_to_end(key)
        return found[0]

    def put(self, key: bytes, entry: Entry, *, size: int) -> None:
        """``size``: of the entry's bytes in the document, which bound the length of its texts."""
        size += OVERHEAD
        if key in self._entries or size > self.limit:
            return
        self._entries[key] = (entry, size)
        self.size += size
        while self.size > self.limit:
            _, (_, freed) = self._entries.popitem(last=False)
            self.size -= freed
