"""Dates of feeds, in every language and calendar notation that is certain."""

from ingest.dates.reader import LONGEST, NO_EVIDENCE, Evidence, read_date

__all__ = ["LONGEST", "NO_EVIDENCE", "Evidence", "read_date"]
