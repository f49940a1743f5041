"""A feed's bytes → what the feed said, whatever the format."""

from __future__ import annotations

from ingest.parse.xml import MAX_ATTRIBUTES, OLDEST, SAMPLE_BYTES, parse_feed

__all__ = ["MAX_ATTRIBUTES", "OLDEST", "SAMPLE_BYTES", "parse_feed"]
