"""Find every failpoint in the service's source: each call of ``failpoint("…")``."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

PACKAGE: Final = Path(__file__).resolve().parents[2] / "ingest"


class Role(StrEnum):
    """The process or operator command that runs into a failpoint."""

    POLL = "poll"
    CONSUME = "consume"
    RELAY = "relay"
    SERVE = "serve"
    MIGRATE = "migrate"
    REPLAY = "replay"


ROLES: Final = {
    "poll": Role.POLL,
    "push": Role.POLL,
    "consume": Role.CONSUME,
    "persist": Role.CONSUME,
    "relay": Role.RELAY,
    "serve": Role.SERVE,
    "housekeep": Role.SERVE,
    "prune": Role.SERVE,
    "migrate": Role.MIGRATE,
    "quarantine": Role.REPLAY,
}
"""Role of a failpoint, by the part of its label before the dot."""
TESTED_ELSEWHERE: Final = frozenset({"notify", "reindex", "segment"})
"""Stages that have crash tests of their own (the search index: ``tests/persist/test_search_crash.py``)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    name: str
    role: Role
    file: str
    """Path relative to the package's folder."""
    line: int


class UnplacedFailpointError(Exception):
    """The harness cannot assign a failpoint of the source to a process."""


def find_labels(package: Path = PACKAGE) -> tuple[Label, ...]:
    """Return every failpoint under ``package``, ordered by role and position in the source.

    Raises:
        UnplacedFailpointError: a label is not a literal, is used twice, or belongs to an unknown stage.
    """
    labels: dict[str, Label] = {}
    for path in sorted(package.rglob("*.py")):
        for call in ast.walk(ast.parse(path.read_text("utf-8"), str(path))):
            if not (isinstance(call, ast.Call) and _name(call.func) == "failpoint"):
                continue
            where = f"{path.relative_to(package)}:{call.lineno}"
            match call.args:
                case [ast.Constant(value=str(label))]:
                    pass
                case _:
                    raise UnplacedFailpointError(f"{where}: the label of a step is one string literal")
            if label.partition(".")[0] in TESTED_ELSEWHERE:
                continue
            if label in labels:
                raise UnplacedFailpointError(f"{where}: {label} is a step of {labels[label].file} already")
            if (role := ROLES.get(label.partition(".")[0])) is None:
                raise UnplacedFailpointError(
                    f"{where}: {label} belongs to none of the stages {', '.join(ROLES)}"
                )
            labels[label] = Label(
                name=label, role=role, file=str(path.relative_to(package)), line=call.lineno
            )
    return tuple(
        sorted(labels.values(), key=lambda label: (list(Role).index(label.role), label.file, label.line))
    )


def _name(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
