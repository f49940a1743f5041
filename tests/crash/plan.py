"""What a run kills, and when: cycles of strikes, decided by the labels, the mode and a seed."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import zip_longest
from typing import Final

from tests.crash.labels import Label, Role


class Target(StrEnum):
    PROCESS = "process"
    POSTGRES = "postgres"
    BROKER = "broker"


@dataclass(frozen=True, slots=True, kw_only=True)
class Strike:
    """Kill ``target`` when a process stands at ``label`` for the ``occurrence``-th time."""

    label: Label
    target: Target
    occurrence: int = 1

    def __str__(self) -> str:
        again = f" #{self.occurrence}" if self.occurrence > 1 else ""
        return f"{self.label.name}{again} → {self.target}"


@dataclass(frozen=True, slots=True)
class Cycle:
    """A round of news, and what is killed meanwhile: one strike a process, or one strike at all."""

    strikes: tuple[Strike, ...]

    def __str__(self) -> str:
        return ", ".join(map(str, self.strikes)) or "nothing"


COMMANDS: Final = (Role.MIGRATE, Role.REPLAY)
"""Roles that are commands: they run once, on demand."""


ONLY_KAFKA: Final = frozenset({"poll.appended-singly"})
"""The embedded log takes every message that a feed can lead to; a broker has the limit of its operator."""


def in_mode(labels: Sequence[Label], log: str) -> list[Label]:
    """The labels that must be reached with this log: without Kafka there is nothing to relay."""
    return [
        label
        for label in labels
        if log == "kafka" or not (label.role is Role.RELAY or label.name in ONLY_KAFKA)
    ]


def bundled(strikes: Sequence[Strike]) -> Iterator[Cycle]:
    """As few cycles as there can be: in each a process is struck once at most, and a command runs alone."""
    by_role: dict[Role, list[Strike]] = {}
    for strike in strikes:
        if strike.label.role in COMMANDS or strike.target is not Target.PROCESS:
            yield Cycle((strike,))
        else:
            by_role.setdefault(strike.label.role, []).append(strike)
    for together in zip_longest(*by_role.values()):
        yield Cycle(tuple(strike for strike in together if strike is not None))


SHORT_POSTGRES: Final = (
    "poll.appended",
    "persist.written",
    "persist.stored",
    "consume.committed",
    "serve.read",
)
SHORT_BROKER: Final = ("poll.appended", "consume.persisted", "relay.sent", "relay.committed")


def short(labels: Sequence[Label], log: str) -> list[Cycle]:
    """Every label once, and the database and the broker at some."""
    known = {label.name: label for label in in_mode(labels, log)}
    strikes = [Strike(label=label, target=Target.PROCESS) for label in known.values()]
    strikes += [Strike(label=known[name], target=Target.POSTGRES) for name in SHORT_POSTGRES if name in known]
    if log == "kafka":
        strikes += [Strike(label=known[name], target=Target.BROKER) for name in SHORT_BROKER if name in known]
    return list(bundled(strikes))


def full(labels: Sequence[Label], log: str, *, kills: int, chance: random.Random) -> list[Cycle]:
    """Strikes for more than ``kills`` kills: the process at every label in turn, database and broker now and then.

    Each time round the labels meet in other company, and later occurrences of a step are chosen too: whether there
    are so many in a round of news is not certain, so some strikes come to nothing.
    """
    known = in_mode(labels, log)
    others = [Target.POSTGRES] if log == "postgres" else [Target.POSTGRES, Target.BROKER]
    cycles: list[Cycle] = []
    struck = 0
    while struck < 1.5 * kills:
        chance.shuffle(known)
        strikes = [
            Strike(
                label=label,
                target=Target.PROCESS,
                occurrence=1 if label.role in COMMANDS else chance.choice((1, 1, 2, 3)),
            )
            for label in known
        ]
        live = [label for label in known if label.role not in COMMANDS]
        strikes += [
            Strike(label=chance.choice(live), target=target, occurrence=chance.choice((1, 1, 2)))
            for target in others
            for _ in range(4)
        ]
        round_of_cycles = list(bundled(strikes))
        chance.shuffle(round_of_cycles)
        cycles += round_of_cycles
        struck += len(strikes)
    return cycles


CI_POSTGRES: Final = ("poll.appended", "persist.stored")
CI_BROKER: Final = ("poll.appended", "relay.sent")


def ci(labels: Sequence[Label], log: str) -> list[Cycle]:
    """For every test run: each label once over the two logs together, and the rest where it matters most."""
    known = {label.name: label for label in in_mode(labels, log)}
    if log == "kafka":
        here = [
            label
            for label in known.values()
            if label.role is Role.RELAY or label.name in ONLY_KAFKA or label.name.startswith("consume.")
        ]
        rest = [Strike(label=known[name], target=Target.BROKER) for name in CI_BROKER]
    else:
        here = list(known.values())
        rest = [Strike(label=known[name], target=Target.POSTGRES) for name in CI_POSTGRES]
    return list(bundled([*(Strike(label=label, target=Target.PROCESS) for label in here), *rest]))


PAIRS: Final = (
    "poll.fetched",
    "poll.appended",
    "consume.polled",
    "persist.stored",
    "relay.sent",
    "relay.marked",
)


def pairs(labels: Sequence[Label], log: str) -> list[Cycle]:
    """For two processes of each kind: one of each is killed, twice, and in between nothing is."""
    known = {label.name: label for label in in_mode(labels, log)}
    strikes = [Strike(label=known[name], target=Target.PROCESS) for name in PAIRS if name in known]
    struck = list(bundled(strikes))
    return [cycle for pair in zip(struck, [Cycle(())] * len(struck), strict=True) for cycle in pair]


def repeated(labels: Sequence[Label], *, times: int = 4) -> list[Cycle]:
    """The process at each of ``labels``, ``times`` over."""
    return [Cycle((Strike(label=label, target=Target.PROCESS),)) for _ in range(times) for label in labels]
