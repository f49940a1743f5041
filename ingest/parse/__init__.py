"""A feed's bytes → what the feed said, whatever the format."""

from __future__ import annotations

from ingest.parse.cache import EntryCache
from ingest.parse.detect import parse_feed
from ingest.parse.text_values import OLDEST, SAMPLE_BYTES
from ingest.parse.xml import MAX_ATTRIBUTES

__all__ = ["MAX_ATTRIBUTES", "OLDEST", "SAMPLE_BYTES", "EntryCache", "parse_feed"]
