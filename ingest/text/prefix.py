"""Prefixes of a text by its size in bytes, for limits that count bytes."""

from __future__ import annotations


def utf8_size(value: str) -> int:
    """Return the size of ``value`` in UTF-8; a lone surrogate counts as three bytes."""
    return len(value) if value.isascii() else len(value.encode("utf-8", "surrogatepass"))


def utf8_prefix(value: str, limit: int) -> str:
    """Return the longest prefix of ``value`` that has at most ``limit`` bytes in UTF-8."""
    if len(value) * 4 <= limit or (len(value) <= limit and value.isascii()):
        return value
    encoded = value[:limit].encode("utf-8", "surrogatepass")
    if len(encoded) <= limit:
        return value[:limit]
    end = limit
    while end > 0 and encoded[end] & 0xC0 == 0x80:  # within a character
        end -= 1
    return encoded[:end].decode("utf-8", "surrogatepass")
