"""Tests of :mod:`ingest.text`."""
