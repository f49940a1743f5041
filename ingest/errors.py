"""Exceptions: one class per reaction, not per cause.

::

    IngestError
    ├── Refused            the caller's input is not accepted: report it, change nothing
    ├── Unusable           one input cannot be handled: quarantine it, continue
    ├── Unavailable        our own infrastructure failed: stop this process, a restart resumes
    ├── NeedsOperator      a child process failed in a way no restart mends: exit with its exit code
    └── WrongMigration     the database schema has another version than this code: stop, an operator decides

A remote failure (a feed that responds with 500, a host name that does not resolve) is not an exception: it is the value
:class:`ingest.types.Failed`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar


class IngestError(Exception):
    """Base class of all exceptions of news-ingest."""

    exit_code: int = 1


class Refused(IngestError):
    """A request, setting or file was refused, and nothing was changed.

    The message names the refused thing, its value (``None`` when it is missing) and the accepted values.
    """

    exit_code = 2

    def __init__(self, thing: str, value: object, accepted: str) -> None:
        super().__init__(thing, value, accepted)
        self.thing = thing
        self.value = value
        self.accepted = accepted

    def __str__(self) -> str:
        if self.value is None:
            return f"{self.thing}: no value; expected {self.accepted}"
        shown = repr(self.value)
        if len(shown) > 200:
            shown = f"{shown[:200]}… ({len(shown)} characters)"
        return f"{self.thing}: {shown} is not accepted; expected {self.accepted}"


class RefusedTogether(Refused):
    """Several values of one file were refused; :attr:`refusals` has one :class:`Refused` for each."""

    SHOWN: ClassVar[int] = 50

    def __init__(self, refusals: Sequence[Refused]) -> None:
        super().__init__(refusals[0].thing, refusals[0].value, refusals[0].accepted)
        self.refusals = tuple(refusals)

    def __str__(self) -> str:
        messages = [str(refused) for refused in self.refusals[: self.SHOWN]]
        if len(self.refusals) > self.SHOWN:
            messages.append(f"and {len(self.refusals) - self.SHOWN} more")
        return "\n  ".join([f"{len(self.refusals)} values are not accepted:", *messages])


class Unusable(IngestError):
    """One input (a record, an entry) cannot be handled now or later; it belongs in quarantine."""

    def __init__(self, subject: str, reason: str) -> None:
        super().__init__(subject, reason)
        self.subject = subject
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.subject}: {self.reason}"


class Unavailable(IngestError):
    """A component of our own infrastructure (database, log) failed; the process stops and a restart resumes."""

    exit_code = 3

    def __init__(self, component: str, reason: str) -> None:
        super().__init__(component, reason)
        self.component = component
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.component} is not available: {self.reason}"


class NeedsOperator(IngestError):
    """A child process was refused something; the process tree exits with the exit code of that process."""

    def __init__(self, component: str, reason: str, *, exit_code: int) -> None:
        super().__init__(component, reason, exit_code)
        self.component = component
        self.reason = reason
        self.exit_code = exit_code

    def __str__(self) -> str:
        return f"{self.component} needs an operator: {self.reason}"


class WrongMigration(IngestError):
    """The database schema has another version than this code requires."""

    exit_code = 4

    def __init__(self, *, current: str | None, required: str, remedy: str) -> None:
        super().__init__(current, required, remedy)
        self.current = current
        self.required = required
        self.remedy = remedy

    def __str__(self) -> str:
        return (
            f"database migration is {self.current or 'none'}, this code needs {self.required}: {self.remedy}"
        )
