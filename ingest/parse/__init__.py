"""A feed's bytes → its values as the feed declares them, whatever the format."""

from __future__ import annotations

from ingest.parse.bounds import MAX_ATTRIBUTES
from ingest.parse.cache import EntryCache
from ingest.parse.detect import parse_feed
from ingest.parse.text_values import OLDEST, SAMPLE_BYTES

__all__ = ["MAX_ATTRIBUTES", "OLDEST", "SAMPLE_BYTES", "EntryCache", "parse_feed"]
