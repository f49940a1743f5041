"""Tests of :mod:`ingest.search`."""
