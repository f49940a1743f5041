"""Dates of feeds, in every language and calendar notation that is certain."""

from ingest.dates.parts import NO_EVIDENCE, Evidence
from ingest.dates.reader import LONGEST, read_date

__all__ = ["LONGEST", "NO_EVIDENCE", "Evidence", "read_date"]
