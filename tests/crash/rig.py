"""The running service with its database and broker; strikes at armed failpoints and restarts whatever was killed."""

from __future__ import annotations

import os
import random
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from ingest.runtime import CRASH_SOCKET
from ingest.settings import PREFIX
from tests.crash.compare import Kind
from tests.crash.labels import Role
from tests.crash.news import TOPICS
from tests.crash.parts import Kafka, Part, Postgres
from tests.crash.plan import Cycle, Strike, Target
from tests.crash.processes import UNAVAILABLE_EXIT, End, Service, command
from tests.crash.steps import Reached, Steps
from tests.kafka_broker import Broker
from tests.ports import reserve_ports

CHECKOUT: Final = Path(__file__).resolve().parents[2]
PARTITIONS: Final = 4
DOWN_SECONDS: Final = 0.3
"""Longest time that a killed database or broker stays down. It is random, so that clients notice it or do not."""
EXCUSED_SECONDS: Final = 90.0
"""Time after a server's death within which a process may exit because of it: Kafka's clients wait for a minute."""
TICK_SECONDS: Final = 0.02
COMMAND_SECONDS: Final = 60.0


class StuckError(Exception):
    """The service makes no progress, so the run ends here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """Settings of the poller, in milliseconds."""

    interval: int
    interval_min: int
    lease: int


ALONE: Final = Timing(interval=300, interval_min=100, lease=2100)
PAIRED: Final = Timing(interval=1000, interval_min=1000, lease=4000)
"""Longer, so that an interval that was cut short is visible."""


class Rig:
    """Built by :func:`build`; ``source`` is the folder whose package ``ingest`` is run."""

    def __init__(
        self,
        *,
        folder: Path,
        source: Path,
        pairs: bool,
        chance: random.Random,
        steps: Steps,
        postgres: Postgres,
        kafka: Kafka | None,
        on_violation: Callable[[Kind, str], None],
    ) -> None:
        self.postgres = postgres
        self.kafka = kafka
        self.steps = steps
        self.paired = pairs
        self.timing = PAIRED if pairs else ALONE
        self.port = reserve_ports(1)[0]
        self.kills: Counter[Target] = Counter()
        self.struck: set[str] = set()
        self._chance = chance
        self._folder = folder
        self._source = source
        self._on_violation = on_violation
        self._parts: dict[Target, Part] = {Target.POSTGRES: postgres}
        if kafka is not None:
            self._parts[Target.BROKER] = kafka
        self.settings = self._spell_out()
        """Settings of the service, as environment variables."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
        self._environment = {
            **inherited,
            **self.settings,
            CRASH_SOCKET: str(steps.path),
            "PYTHONUNBUFFERED": "1",
        }
        self._pending: dict[str, Strike] = {}
        self._excused_until = 0.0
        self._command: subprocess.Popen[bytes] | None = None
        roles = [Role.POLL, Role.CONSUME, *([Role.RELAY] if kafka else []), Role.SERVE]
        self.services = [
            Service(role, number, folder=folder, working=source, environment=self._environment)
            for role in roles
            for number in ((1, 2) if pairs and role is not Role.SERVE else (1,))
        ]

    def _spell_out(self) -> dict[str, str]:
        topics = self._folder / "topics.yaml"
        topics.write_text(TOPICS)
        settings = {
            "database_url": self.postgres.url,
            "log": "postgres" if self.kafka is None else "kafka",
            "topics_file": str(topics),
            "allow_private_addresses": "true",
            "api_port": str(self.port),
            "public_url": f"http://127.0.0.1:{self.port}",
            "poll_interval": f"{self.timing.interval}ms",
            "poll_interval_min": f"{self.timing.interval_min}ms",
            "poll_interval_max": "1s",
            "poll_adaptive": "false",
            "fetch_deadline": "1s",
            "parse_deadline": "1s",
            "parse_workers": "1",
            "poll_lease": f"{self.timing.lease}ms",
            "poll_concurrency": "2",
            "prune_interval": "1s",
            "retention_log": "1s",
        }
        if self.kafka is not None:
            settings |= {
                "kafka_bootstrap": self.kafka.bootstrap,
                "kafka_partitions": str(PARTITIONS),
                "kafka_session_timeout": "2s",
            }
        return {PREFIX + name.upper(): value for name, value in settings.items()}

    # --- strikes ---

    def arm(self, cycle: Cycle) -> None:
        for strike in cycle.strikes:
            self._pending[strike.label.name] = strike
            self.steps.arm(strike.label.name, occurrence=strike.occurrence)

    @property
    def pending(self) -> Sequence[Strike]:
        """Strikes that are armed and have not happened yet."""
        return list(self._pending.values())

    def disarm(self) -> Sequence[Strike]:
        """Disarm every failpoint; return the strikes that never happened."""
        self.steps.disarm()
        missed = self.pending
        self._pending.clear()
        return missed

    def until(self, condition: Callable[[], bool], *, patience: float) -> bool:
        """Strike and restart until ``condition()`` holds; return False if it does not within ``patience`` seconds."""
        end = time.monotonic() + patience
        while True:
            self._tick()
            if condition():
                return True
            if time.monotonic() > end:
                return False
            time.sleep(TICK_SECONDS)

    def ask_to_stop(self, role: Role) -> None:
        """Ask the processes of ``role`` to stop, as an operator would; they are started again."""
        for service in self.services:
            if service.role is role:
                service.terminate()

    def _tick(self) -> None:
        while (reached := self.steps.take()) is not None:
            self._strike(reached)
        for service in self.services:
            if (end := service.collect_end()) is not None:
                self._explain(end)
            if service.missing:
                service.start()
            for orphan in service.left_running():
                self._on_violation(Kind.LEFT_RUNNING, orphan)

    def _strike(self, reached: Reached) -> None:
        strike = self._pending.pop(reached.label, None)
        if strike is None:  # reached at the moment it was disarmed
            self.steps.release(reached)
            return
        self.struck.add(reached.label)
        self.kills[strike.target] += 1
        if strike.target is Target.PROCESS:
            self._kill(reached.pid)
            self.steps.release(reached)
            return
        part = self._parts[strike.target]
        part.kill()
        self.steps.release(reached)
        time.sleep(self._chance.uniform(0, DOWN_SECONDS))
        part.restart()
        self._excused_until = time.monotonic() + EXCUSED_SECONDS

    def _kill(self, pid: int) -> None:
        for service in self.services:
            if service.owns(pid):
                service.kill(pid)
                return
        if self._command is None or self._command.pid != pid:
            raise StuckError(f"a process that is none of ours stands at a step: {pid}")
        self._command.kill()

    def _explain(self, end: End) -> None:
        """Report an exit that is not excused by the death of the database or the broker."""
        if end.code == UNAVAILABLE_EXIT and time.monotonic() < self._excused_until:
            return
        output_tail = end.log_tail.replace("\n", "\n    ")
        self._on_violation(Kind.UNEXPECTED_EXIT, f"{end.name} ended with {end.code}:\n    {output_tail}")

    # --- commands, starting and stopping ---

    def command(self, *arguments: str, environment: Mapping[str, str] | None = None) -> None:
        """Run a command of the service; repeat it where it was killed or its database died.

        Raises:
            StuckError: the command failed for another reason.
        """
        output = self._folder / "commands.log"
        end = time.monotonic() + COMMAND_SECONDS
        while True:
            struck = sum(self.kills.values())
            with output.open("ab") as log:
                self._command = subprocess.Popen(
                    command(*arguments),
                    cwd=self._source,
                    env={**self._environment, **(environment or {})},
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                )
            running = self._command
            if not self.until(partial(_has_ended, running), patience=COMMAND_SECONDS):
                running.kill()
                running.wait()
            self._command = None
            if running.returncode == 0:
                return
            if sum(self.kills.values()) == struck or time.monotonic() > end:
                output_tail = "\n    ".join(output.read_text("utf-8", "replace").splitlines()[-12:])
                raise StuckError(
                    f"ingest {' '.join(arguments)} ended with {running.returncode}:\n    {output_tail}"
                )

    def start(self) -> None:
        for service in self.services:
            service.start()

    def stop(self, *roles: Role) -> None:
        """Stop the processes of ``roles`` for good."""
        for service in self.services:
            if service.role in roles:
                service.stop()

    def close(self) -> None:
        for service in self.services:
            service.sweep()

    def log_tails(self) -> str:
        """Return the end of each process's output."""
        return "\n".join(
            f"--- {service.name} ({service.starts} starts, {service.kills} killed)\n{service.log_tail(25)}"
            for service in self.services
        )


def _has_ended(process: subprocess.Popen[bytes]) -> bool:
    return process.poll() is not None


@contextmanager
def build(
    *,
    folder: Path,
    source: Path,
    jars: Path | None,
    pairs: bool,
    chance: random.Random,
    on_violation: Callable[[Kind, str], None],
) -> Iterator[Rig]:
    """Everything but the service's processes is running inside; with ``jars`` of a broker the log is Kafka.

    ``folder`` must have a short path: it holds a Unix socket.
    """
    with ExitStack() as stack:
        steps = stack.enter_context(Steps(folder / "steps"))
        postgres = Postgres(folder / "data")
        stack.callback(postgres.stop)
        kafka = None
        if jars is not None:
            kafka = Kafka(stack.enter_context(Broker(folder / "kafka", jars=jars)), partitions=PARTITIONS)
        rig = Rig(
            folder=folder,
            source=source,
            pairs=pairs,
            chance=chance,
            steps=steps,
            postgres=postgres,
            kafka=kafka,
            on_violation=on_violation,
        )
        stack.callback(rig.close)
        yield rig
