"""Plan what a run kills and when: cycles of strikes, derived from the failpoints, the mode and a seed."""

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
    """Kill ``target`` when a process reaches ``label`` for the ``occurrence``-th time."""

    label: Label
    target: Target
    occurrence: int = 1

    def __str__(self) -> str:
        again = f" #{self.occurrence}" if self.occurrence > 1 else ""
        return f"{self.label.name}{again} → {self.target}"


@dataclass(frozen=True, slots=True)
class Cycle:
    """A round of news and the strikes during it: at most one strike for each process, or a single strike on a
    server."""

    strikes: tuple[Strike, ...]

    def __str__(self) -> str:
        return ", ".join(map(str, self.strikes)) or "nothing"


COMMANDS: Final = (Role.MIGRATE, Role.REPLAY)
"""Roles that are commands: they run once, on demand."""


ONLY_KAFKA: Final = frozenset({"poll.appended-singly"})
"""Failpoints behind a message that the log refuses. The embedded log has no size limit; a broker has its operator's."""


def in_mode(labels: Sequence[Label], log: str) -> list[Label]:
    """Return the labels that must be reached with this log: without Kafka there is no relay."""
    return [
        label
        for label in labels
        if log == "kafka" or not (label.role is Role.RELAY or label.name in ONLY_KAFKA)
    ]


def bundled(strikes: Sequence[Strike]) -> Iterator[Cycle]:
    """Bundle strikes into as few cycles as possible: each process is struck once at most, and a command runs alone."""
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
    """Strike every failpoint once, and kill the database and the broker at some of them."""
    by_name = {label.name: label for label in in_mode(labels, log)}
    strikes = [Strike(label=label, target=Target.PROCESS) for label in by_name.values()]
    strikes += [
        Strike(label=by_name[name], target=Target.POSTGRES) for name in SHORT_POSTGRES if name in by_name
    ]
    if log == "kafka":
        strikes += [
            Strike(label=by_name[name], target=Target.BROKER) for name in SHORT_BROKER if name in by_name
        ]
    return list(bundled(strikes))


def full(labels: Sequence[Label], log: str, *, kills: int, chance: random.Random) -> list[Cycle]:
    """Plan strikes for more than ``kills`` kills: the process at every failpoint in turn, with database and broker in
    between.

    Each pass combines the failpoints differently and also chooses later occurrences of a step. A round of news may not
    reach a later occurrence, so some strikes never happen.
    """
    reachable = in_mode(labels, log)
    infrastructure = [Target.POSTGRES] if log == "postgres" else [Target.POSTGRES, Target.BROKER]
    cycles: list[Cycle] = []
    struck = 0
    while struck < 1.5 * kills:
        chance.shuffle(reachable)
        strikes = [
            Strike(
                label=label,
                target=Target.PROCESS,
                occurrence=1 if label.role in COMMANDS else chance.choice((1, 1, 2, 3)),
            )
            for label in reachable
        ]
        live = [label for label in reachable if label.role not in COMMANDS]
        strikes += [
            Strike(label=chance.choice(live), target=target, occurrence=chance.choice((1, 1, 2)))
            for target in infrastructure
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
    """Plan for CI: strike each failpoint once over the two logs together, and the servers at the most critical ones."""
    by_name = {label.name: label for label in in_mode(labels, log)}
    if log == "kafka":
        covered = [
            label
            for label in by_name.values()
            if label.role is Role.RELAY or label.name in ONLY_KAFKA or label.name.startswith("consume.")
        ]
        infrastructure_strikes = [Strike(label=by_name[name], target=Target.BROKER) for name in CI_BROKER]
    else:
        covered = list(by_name.values())
        infrastructure_strikes = [Strike(label=by_name[name], target=Target.POSTGRES) for name in CI_POSTGRES]
    return list(
        bundled([*(Strike(label=label, target=Target.PROCESS) for label in covered), *infrastructure_strikes])
    )


PAIRS: Final = (
    "poll.fetched",
    "poll.appended",
    "consume.polled",
    "persist.stored",
    "relay.sent",
    "relay.marked",
)


def pairs(labels: Sequence[Label], log: str) -> list[Cycle]:
    """Plan for two processes of each kind: kill one of each, and leave a cycle without kills after every strike."""
    by_name = {label.name: label for label in in_mode(labels, log)}
    strikes = [Strike(label=by_name[name], target=Target.PROCESS) for name in PAIRS if name in by_name]
    struck = list(bundled(strikes))
    return [cycle for pair in zip(struck, [Cycle(())] * len(struck), strict=True) for cycle in pair]


def repeated(labels: Sequence[Label], *, times: int = 4) -> list[Cycle]:
    """Strike the process at each of ``labels``, ``times`` times over."""
    return [Cycle((Strike(label=label, target=Target.PROCESS),)) for _ in range(times) for label in labels]
