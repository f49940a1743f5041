"""Other people's test suites, as far as they speak of what we keep.

::

    conformance.tar.zst ─unpack─▶ cache folder ─▶ suite ─claims─▶ stated: passed / applicable, each ≥ 99.5 %
    wild feeds, recorded polls, every fixture ─▶ the real parser pool ─▶ no crash
    the same again and again, in one process  ─▶ memory stays flat

A *claim* is one thing that a suite says of one of its files. It is *applicable* where it speaks of something that
:class:`~ingest.types.ParsedFeed` or :class:`~ingest.types.Entry` has a field for; every other claim is only counted.
``explained.toml`` gives a reason for each applicable claim that does not hold. They count as failures all the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from tests.conformance import feedparser, golden, itself, w3c
from tests.conformance.claims import Suite

SUITES: Final[Mapping[str, Suite]] = {
    "feedparser": feedparser.run,
    "gofeed": golden.gofeed,
    "feed-rs": golden.feed_rs,
    "podcastparser": golden.podcastparser,
    "w3c-validator": w3c.run,
    "w3c-autodiscovery": w3c.autodiscovery,
    **itself.suites(),
}
