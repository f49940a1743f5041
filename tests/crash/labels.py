"""The labelled steps of the service, as its source has them: every ``failpoint("…")``."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

PACKAGE: Final = Path(__file__).resolve().parents[2] / "ingest"


class Role(StrEnum):
    """What runs a step: one of the service's processes, or a command of an operator."""

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
"""Who runs the steps of a stage, by the part of the label before the dot."""
ELSEWHERE: Final = frozenset({"notify"})
"""Stages whose processes are killed at each of their steps by tests of their own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    name: str
    role: Role
    file: str
    """Relative to the package's folder."""
    line: int


class StrangeStepError(Exception):
    """A step of the source that the harness cannot place."""


def find_labels(package: Path = PACKAGE) -> tuple[Label, ...]:
    """Every labelled step under ``package``, in the order of the source.

    Raises:
        StrangeStepError: one whose label is no literal, is used twice, or belongs to a stage we do not know.
    """
    found: dict[str, Label] = {}
    for path in sorted(package.rglob("*.py")):
        for call in ast.walk(ast.parse(path.read_text("utf-8"), str(path))):
            if not (isinstance(call, ast.Call) and _name(call.func) == "failpoint"):
                continue
            where = f"{path.relative_to(package)}:{call.lineno}"
            match call.args:
                case [ast.Constant(value=str(label))]:
                    pass
                case _:
                    raise StrangeStepError(f"{where}: the label of a step is one string literal")
            if label.partition(".")[0] in ELSEWHERE:
                continue
            if label in found:
                raise StrangeStepError(f"{where}: {label} is a step of {found[label].file} already")
            if (role := ROLES.get(label.partition(".")[0])) is None:
                raise StrangeStepError(f"{where}: {label} belongs to none of the stages {', '.join(ROLES)}")
            found[label] = Label(name=label, role=role, file=str(path.relative_to(package)), line=call.lineno)
    return tuple(
        sorted(found.values(), key=lambda label: (list(Role).index(label.role), label.file, label.line))
    )


def _name(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
