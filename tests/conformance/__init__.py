"""Run the test suites of other feed readers, as far as they concern fields that the service keeps.

::

    conformance.tar.zst ─unpack─▶ cache folder ─▶ suite ─claims─▶ stated: passed / applicable, each ≥ 99.5 %
    wild feeds, recorded polls, every fixture ─▶ the real parser pool ─▶ no crash
    the same again and again, in one process  ─▶ memory stays flat

A *claim* is a statement of a suite about one of its files. A claim is *applicable* if a field of
:class:`~ingest.types.ParsedFeed` or :class:`~ingest.types.Entry` holds the value; every other claim is only counted.
``explained.toml`` gives a reason for each applicable claim that fails. Explained claims still count as failures.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from tests.conformance import feedparser, golden, self_described, w3c
from tests.conformance.claims import Suite

SUITES: Final[Mapping[str, Suite]] = {
    "feedparser": feedparser.run,
    "gofeed": golden.gofeed,
    "feed-rs": golden.feed_rs,
    "podcastparser": golden.podcastparser,
    "w3c-validator": w3c.run,
    "w3c-autodiscovery": w3c.autodiscovery,
    **self_described.suites(),
}
