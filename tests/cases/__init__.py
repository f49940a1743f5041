"""Faults that users of feed readers and crawlers reported in public, each through the whole service."""
