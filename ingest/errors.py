"""Errors, one class per reaction (not per cause).

::

    IngestError
    ├── Refused            the caller asked for something we cannot take: say so, change nothing
    ├── Unusable           one input cannot be handled: quarantine it, go on
    ├── Unavailable        our own infrastructure failed: stop this process, a restart resumes
    ├── NeedsOperator      a process of ours ended with what no restart mends: end as it did
    └── WrongMigration     the database is at another version than this code: stop, an operator decides

Remote failure (a feed that answers 500, a name that does not resolve) is never an exception: it is the value
:class:`ingest.types.Failed`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar


class IngestError(Exception):
    """Something went wrong in news-ingest."""

    exit_code: int = 1


class Refused(IngestError):
    """A request, setting or file was refused; nothing was changed.

    The message always names the thing, the value that was given (``None``: there was none), and what would be accepted.
    """

    exit_code = 2

    def __init__(self, thing: str, value: object, accepted: str) -> None:
        super().__init__(thing, value, accepted)
        self.thing = thing
        self.value = value
        self.accepted = accepted

    def __str__(self) -> str:
        if self.value is None:
            return f"{self.thing}: nothing is given; expected {self.accepted}"
        shown = repr(self.value)
        if len(shown) > 200:
            shown = f"{shown[:200]}… ({len(shown)} characters)"
        return f"{self.thing}: {shown} is not accepted; expected {self.accepted}"


class RefusedTogether(Refused):
    """Several things of one file were refused; each of :attr:`refusals` says what a :class:`Refused` does."""

    SHOWN: ClassVar[int] = 50

    def __init__(self, refusals: Sequence[Refused]) -> None:
        super().__init__(refusals[0].thing, refusals[0].value, refusals[0].accepted)
        self.refusals = tuple(refusals)

    def __str__(self) -> str:
        said = [str(refused) for refused in self.refusals[: self.SHOWN]]
        if len(self.refusals) > self.SHOWN:
            said.append(f"and {len(self.refusals) - self.SHOWN} more")
        return "\n  ".join([f"{len(self.refusals)} things are not accepted:", *said])


class Unusable(IngestError):
    """One input (a record, an entry) cannot be handled now or ever; it belongs in quarantine."""

    def __init__(self, what: str, why: str) -> None:
        super().__init__(what, why)
        self.what = what
        self.why = why

    def __str__(self) -> str:
        return f"{self.what}: {self.why}"


class Unavailable(IngestError):
    """A part of our own infrastructure (database, log) failed; the process stops and a restart resumes."""

    exit_code = 3

    def __init__(self, part: str, why: str) -> None:
        super().__init__(part, why)
        self.part = part
        self.why = why

    def __str__(self) -> str:
        return f"{self.part} is not available: {self.why}"


class NeedsOperator(IngestError):
    """A part of the process tree was refused something; the tree ends with the exit code of that part."""

    def __init__(self, part: str, why: str, *, exit_code: int) -> None:
        super().__init__(part, why, exit_code)
        self.part = part
        self.why = why
        self.exit_code = exit_code

    def __str__(self) -> str:
        return f"{self.part} needs an operator: {self.why}"


class WrongMigration(IngestError):
    """The database schema is at another version than this code needs."""

    exit_code = 4

    def __init__(self, *, found: str | None, needed: str, remedy: str) -> None:
        super().__init__(found, needed, remedy)
        self.found = found
        self.needed = needed
        self.remedy = remedy

    def __str__(self) -> str:
        return f"database migration is {self.found or 'none'}, this code needs {self.needed}: {self.remedy}"
