"""Runs the services of the compose file without containers: their own commands, settings, health checks and order.

Host names and ports become loopback ones; ``ingest`` and ``python`` are those of this environment. PostgreSQL is an
embedded server with the role and database that the compose file's service would make; Kafka is started from its
jars with a configuration made of the service's own variables, as the image does it.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final
from urllib.parse import quote, urlsplit

import psycopg
from psycopg import sql

from ingest.db import embedded
from tests.deploy.composefile import PROJECT, Service
from tests.ports import reserve_ports

NOT_BROKER_SETTINGS: Final = frozenset({"KAFKA_HEAP_OPTS"})
HEALTHY_SECONDS: Final = 90.0


class Program:
    """A running service, or one copy of a scaled one."""

    def __init__(self, name: str, command: Sequence[str], environment: Mapping[str, str], log: Path) -> None:
        self.name = name
        self.log = log
        with log.open("wb") as out:
            self._process = subprocess.Popen(
                command, env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=out, cwd=PROJECT
            )

    @property
    def running(self) -> bool:
        return self._process.poll() is None

    def said(self) -> str:
        return self.log.read_text("utf-8", "replace")

    def stop(self, number: signal.Signals, *, within: float) -> int:
        """Its exit code; SIGKILL after ``within`` seconds, as compose does."""
        self._process.send_signal(number)
        try:
            return self._process.wait(within)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()

    def kill(self) -> None:
        if self.running:
            self._process.kill()
        self._process.wait()


class Native:
    """The services on this machine."""

    def __init__(self, folder: Path, services: Mapping[str, Service], *, more: Mapping[str, str]) -> None:
        self.folder = folder
        self.services = services
        self._more = more
        self._api_port, self._kafka_port, self._controller_port = reserve_ports(3)
        self._database: embedded.EmbeddedPostgres | None = None
        self.programs: list[Program] = []

    @property
    def api(self) -> str:
        return f"http://127.0.0.1:{self._api_port}"

    @property
    def bootstrap(self) -> str:
        return f"127.0.0.1:{self._kafka_port}"

    # --- the stores ---

    def start_postgres(self) -> None:
        """Create user and database as the image's entry point does with POSTGRES_USER, _PASSWORD and _DB.

        Unlike there, the user is not a superuser.
        """
        given = self.services["postgres"].environment
        self._database = embedded.start(self.folder / "postgres")
        user, database = sql.Identifier(given["POSTGRES_USER"]), sql.Identifier(given["POSTGRES_DB"])
        with psycopg.connect(self._database.url(), autocommit=True) as connection:
            password = sql.Literal(given["POSTGRES_PASSWORD"])
            connection.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(user, password))
            connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(database, user))

    def start_kafka(self, jars: Path) -> None:
        """``KAFKA_A_B`` is the broker's setting ``a.b``; the storage is formatted first."""
        lines = []
        for variable, value in self.services["kafka"].environment.items():
            if variable.startswith("KAFKA_") and variable not in NOT_BROKER_SETTINGS:
                setting = variable.removeprefix("KAFKA_").lower().replace("_", ".")
                lines.append(f"{setting}={self._mapped(value)}")
        properties = self.folder / "server.properties"
        properties.write_text("\n".join(lines) + "\n")
        java = ["java", *self.services["kafka"].environment["KAFKA_HEAP_OPTS"].split(), "-cp", f"{jars}/*"]
        form = [
            *java,
            "kafka.tools.StorageTool",
            "format",
            "-t",
            "bmV3cy1pbmdlc3QtMQAAAA",
            "-c",
            str(properties),
        ]
        formatted = subprocess.run(form, capture_output=True, text=True, check=False)
        assert formatted.returncode == 0, formatted.stdout + formatted.stderr
        self._start("kafka", [*java, "kafka.Kafka", str(properties)], os.environ, "kafka")

    def kafka_is_healthy(self) -> bool:
        """The image's script is not among the jars; what it asks for is an answer on this address."""
        try:
            socket.create_connection(("127.0.0.1", self._kafka_port), timeout=1).close()
        except OSError:
            return False
        return True

    # --- the processes ---

    def start(self, name: str, *, copy: int = 1) -> Program:
        service = self.services[name]
        return self._start(name, self.command(service.command), self.environment(name), f"{name}-{copy}")

    def run(self, name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """``docker compose run --rm NAME ARGUMENTS``."""
        program = self.services[name].command[:1]
        return self._run((*program, *arguments), name)

    def is_healthy(self, name: str) -> bool:
        """The service's own health check, once."""
        if name == "kafka":
            return self.kafka_is_healthy()
        health = self.services[name].health
        assert health is not None
        return self._run(health, name).returncode == 0

    def wait_until_healthy(self, name: str) -> None:
        deadline = time.monotonic() + HEALTHY_SECONDS
        while not self.is_healthy(name):
            dead = [program for program in self.programs if not program.running]
            assert not dead, f"{dead[0].name} ended:\n{dead[0].said()[-3000:]}"
            assert time.monotonic() < deadline, f"{name} is not healthy:\n{self._last_words(name)}"
            time.sleep(0.3)

    def command(self, wanted: Sequence[str]) -> list[str]:
        program, *arguments = map(self._mapped, wanted)
        found = {
            "ingest": [sys.executable, "-m", "ingest"],
            "python": [sys.executable],
            "pg_isready": [str(embedded.binary("pg_isready"))],
        }
        return [*found[program], *arguments]

    def environment(self, name: str) -> dict[str, str]:
        """The service's own variables, and of ours only what a container would have anyway."""
        kept = {key: os.environ[key] for key in ("PATH", "HOME", "LANG") if key in os.environ}
        given = {key: self._mapped(value) for key, value in self.services[name].environment.items()}
        if "INGEST_API_PORT" in given:
            given["INGEST_API_PORT"] = str(self._api_port)
        if "INGEST_API_HOST" in given:
            given["INGEST_API_HOST"] = "127.0.0.1"
        ours = self._more if self.services[name].ours else {}
        return kept | {"PYTHONPATH": str(PROJECT)} | given | dict(ours)

    # --- the end ---

    def stop(self, name: str) -> list[int]:
        """Exit codes of all copies, stopped as compose would stop them."""
        service = self.services[name]
        if name == "postgres":
            assert self._database is not None
            return [0 if self._database.stop() else 1]
        mine = [program for program in self.programs if program.name == name]
        number = signal.Signals[service.stop_signal]
        return [program.stop(number, within=service.grace) for program in mine]

    def close(self) -> None:
        for program in self.programs:
            program.kill()
        if self._database is not None:
            self._database.stop()

    def database_url(self) -> str:
        return self.environment("migrate")["INGEST_DATABASE_URL"]

    def _start(self, name: str, command: Sequence[str], environment: Mapping[str, str], log: str) -> Program:
        program = Program(name, command, environment, self.folder / f"{log}.log")
        self.programs.append(program)
        return program

    def _run(self, command: Sequence[str], name: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(command),
            env=self.environment(name),
            cwd=PROJECT,
            capture_output=True,
            text=True,
            check=False,
        )

    def _mapped(self, text: str) -> str:
        """Hosts and ports of the compose network, on loopback."""
        if self._database is not None and text.startswith("postgresql://"):
            split = urlsplit(text)
            here = dict(pair.split("=") for pair in urlsplit(self._database.url()).query.split("&"))
            login = f"{split.username}:{quote(split.password or '')}"
            return f"postgresql://{login}@{split.path}?host={here['host']}&port={here['port']}"
        if self._database is not None and text == "--host=127.0.0.1":
            return f"--host={self.folder / 'postgres' / 'postgres'}"
        for old, new in (
            ("kafka:9092", self.bootstrap),
            ("://:9092", f"://{self.bootstrap}"),
            ("://:9093", f"://127.0.0.1:{self._controller_port}"),
            ("localhost:9093", f"127.0.0.1:{self._controller_port}"),
            ("127.0.0.1:8080", f"127.0.0.1:{self._api_port}"),
            ("/var/lib/kafka/data", str(self.folder / "kafka-data")),
        ):
            text = text.replace(old, new)
        return text

    def _last_words(self, name: str) -> str:
        return "\n".join(program.said()[-2000:] for program in self.programs if program.name == name)
