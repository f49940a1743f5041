"""Content codings beyond the standard library's, for worlds that test a client's decoders."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import brotli  # type: ignore[import-untyped]  # it ships no types
import zstandard

from ingest.demo.pages import CODINGS

ALL_CODINGS: Final[Mapping[str, Callable[[bytes], bytes]]] = {
    **CODINGS,
    "br": lambda body: bytes(brotli.compress(body, quality=5)),
    "zstd": lambda body: zstandard.ZstdCompressor(level=3).compress(body),
}
"""gzip, deflate, br and zstd: ``FeedWorld(codings=ALL_CODINGS)`` and ``publish(…, codings=("br",))``."""
