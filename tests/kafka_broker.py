"""A real Apache Kafka broker for tests, the crash harness and the benches.

::

    jars = fetch_jars()                     # Maven Central, once, into a cache outside the checkout
    with Broker(folder, jars=jars) as it:   # formats the folder, starts KRaft on free ports, up in about 2 s
        it.bootstrap                        # 127.0.0.1:port, the same after every restart
        it.kill(); it.start()               # SIGKILL, and again over the same files
    Broker(folder, jars=jars, users={"ingest": "word"})     # listens with SASL too: it.sasl, and it.sasl_ssl

``python -m tests.kafka_broker [FOLDER]`` runs one in the foreground until Ctrl-C.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from ingest.supervise import parent_death
from tests.ports import reserve_ports

POM: Final = Path(__file__).parent.parent / "deploy" / "kafka" / "pom.xml"
START_SECONDS: Final = 60.0
"""Up after 3 s when the machine is free; recovery after SIGKILL and a busy machine take longer."""

HOW_TO_RUN: Final = (
    "To run it, install java (17 or newer) and mvn, or name a broker: INGEST_TEST_KAFKA=host:port."
)

_PROPERTIES: Final = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners={listeners},CONTROLLER://127.0.0.1:{controller}
advertised.listeners={listeners}
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,{protocols}
log.dirs={folder}/logs
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.num.partitions=4
transaction.state.log.min.isr=1
# A broker that was killed may register again only when its former session has ended.
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=1000
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
"""

_SECURE_PROPERTIES: Final = """\
sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512
{logins}
ssl.keystore.location={folder}/broker.p12
ssl.keystore.password={keystore}
"""
_KEYSTORE_PASSWORD: Final = "of-a-throw-away-key"


class CannotStartError(Exception):
    """The broker or its jars are not available; the message names the missing part."""


def missing_tools() -> list[str]:
    """Return the names of the required programs that are not installed."""
    return [tool for tool in ("java", "mvn") if shutil.which(tool) is None]


def fetch_jars() -> Path:
    """Return the folder with the broker's jars; Maven fetches them once.

    Raises:
        CannotStartError: a tool is missing, or Maven failed; its last words are in the message.
    """
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "news-ingest"
    if missing := missing_tools():
        raise CannotStartError(f"not installed: {', '.join(missing)}")
    jars = cache / f"kafka-{hashlib.sha256(POM.read_bytes()).hexdigest()[:16]}"
    if jars.is_dir() and _archive(jars).exists():
        return jars
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as partial:
        if not jars.is_dir():
            _fetch(jars, Path(partial) / "jars")
        _write_archive(jars, Path(partial))
    return jars


def _fetch(jars: Path, fetched: Path) -> None:
    command = [
        *("mvn", "-q", "-B", "-f", str(POM), "dependency:copy-dependencies"),
        *("-DincludeScope=runtime", f"-DoutputDirectory={fetched}"),
    ]
    ended = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if ended.returncode != 0:
        raise CannotStartError(f"mvn ended with {ended.returncode}: {ended.stdout.strip()[-2000:]}")
    try:
        fetched.rename(jars)
    except OSError:
        if not jars.is_dir():  # otherwise someone else was faster, with the same jars
            raise


def _write_archive(jars: Path, folder: Path) -> None:
    written = folder / "archive"
    broker = Broker(folder / "broker", jars=jars)
    broker.start(write_archive=written)
    broker.stop()
    written.touch()  # a JVM that cannot write archives reads an empty one as none
    written.replace(_archive(jars))


def _archive(jars: Path) -> Path:
    """The shared class archive (JEP 350). A JVM of another version ignores the file."""
    return jars.with_suffix(".jsa")


class Broker:
    """One KRaft broker over ``folder``; ports and data stay the same over its restarts.

    Args:
        optimised: start with the optimising compiler, for a bench; otherwise the start is fast.
        users: passwords by user name. With users the broker also has listeners with SASL.
        settings: broker settings beside the common ones.
        tied: the kernel kills the broker when the thread that started it ends.
    """

    def __init__(
        self,
        folder: Path,
        *,
        jars: Path,
        optimised: bool = False,
        users: Mapping[str, str] | None = None,
        settings: Mapping[str, str] | None = None,
        tied: bool = False,
    ) -> None:
        self._folder = folder
        self._tied = tied
        self._classpath = f"{jars}/*"
        # A start costs 4.5 CPU seconds. This option saves 1.7 of them, the class archive 1.3.
        self._options = [] if optimised else ["-XX:TieredStopAtLevel=1"]
        self._archive = _archive(jars)
        self._formatted = jars.with_suffix(".formatted")
        self._process: subprocess.Popen[bytes] | None = None
        self._users = users or {}
        protocols = ["PLAINTEXT", *(["SASL_PLAINTEXT", "SASL_SSL"] if self._users else [])]
        controller, *ports = reserve_ports(1 + len(protocols))
        self.port = ports[0]
        self._listeners = {name: f"127.0.0.1:{port}" for name, port in zip(protocols, ports, strict=True)}
        self._properties = folder / "server.properties"
        folder.mkdir(parents=True, exist_ok=True)
        properties = _PROPERTIES.format(
            listeners=",".join(f"{name}://{address}" for name, address in self._listeners.items()),
            protocols=",".join(f"{name}:{name}" for name in protocols),
            controller=controller,
            folder=folder.resolve(),
        )
        properties += "".join(f"{name}={value}\n" for name, value in (settings or {}).items())
        if self._users:
            self._make_certificate()
            properties += _SECURE_PROPERTIES.format(
                logins=self._logins(), folder=folder.resolve(), keystore=_KEYSTORE_PASSWORD
            )
        self._properties.write_text(properties)
        self._format()

    @property
    def bootstrap(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def sasl(self) -> str:
        """``host:port`` where the users log in, in the clear."""
        return self._listeners["SASL_PLAINTEXT"]

    @property
    def sasl_ssl(self) -> str:
        """``host:port`` where the users log in, encrypted, under a certificate signed by :attr:`cafile`."""
        return self._listeners["SASL_SSL"]

    @property
    def cafile(self) -> Path:
        return self._folder / "broker.pem"

    @property
    def pid(self) -> int:
        assert self._process is not None, "the broker was not started"
        return self._process.pid

    @property
    def log(self) -> Path:
        return self._folder / "broker.log"

    def __enter__(self) -> Broker:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def start(self, *, write_archive: Path | None = None) -> None:
        """Return when it accepts connections. At its stop it writes its classes to ``write_archive``.

        Raises:
            CannotStartError: it ended, or did not listen in time; the end of its log is in the message.
        """
        command = [
            *("java", "-Xmx512m", "-XX:+UseSerialGC", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"),
            *self._options,
            f"-XX:SharedArchiveFile={self._archive}"
            if write_archive is None
            else f"-XX:ArchiveClassesAtExit={write_archive}",
            *("-cp", self._classpath, "kafka.Kafka", str(self._properties)),
        ]
        if self._tied:
            command = [sys.executable, "-I", "-S", parent_death.__file__, str(os.getpid()), *command]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            except OSError:
                time.sleep(0.05)
            else:
                return
        self.kill()
        raise CannotStartError(
            f"the broker did not listen; its log ends with: {self.log.read_text()[-2000:]}"
        )

    def kill(self) -> None:
        """Send SIGKILL, as a crash would; acknowledged records are in the broker's files."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """Send SIGTERM and wait for an orderly end."""
        self._end(signal.SIGTERM)

    def pause(self) -> None:
        """Send SIGSTOP: connections stay open without a response until :meth:`resume`. Return when it has stopped."""
        os.kill(self.pid, signal.SIGSTOP)
        os.waitid(os.P_PID, self.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)

    def resume(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    def _end(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(timeout=START_SECONDS)
            self._process = None

    def _format(self) -> None:
        """Format the storage, or copy what an earlier broker of these jars made: that saves a JVM of 2 CPU seconds."""
        storage = self._folder / "logs"
        if self._users:  # their passwords are part of the storage
            self._run_storage_tool()
        elif not storage.exists():
            if not self._formatted.exists():
                self._run_storage_tool()
                _publish(storage, self._formatted)
            else:
                shutil.copytree(self._formatted, storage)

    def _run_storage_tool(self) -> None:
        # The id only has to differ from other clusters'; Kafka wants 16 bytes in URL-safe base 64.
        cluster = "bmV3cy1pbmdlc3QtMQ"[:22].ljust(22, "A")
        command = [
            *("java", "-XX:TieredStopAtLevel=1", "-cp", self._classpath, "kafka.tools.StorageTool", "format"),
            *("--ignore-formatted", "-t", cluster, "-c", str(self._properties)),
        ]
        for user, password in self._users.items():
            for mechanism in ("SCRAM-SHA-256", "SCRAM-SHA-512"):
                command += ["--add-scram", f"{mechanism}=[name={user},password={password}]"]
        _run(command, "the storage tool")

    def _logins(self) -> str:
        plain = "".join(f' user_{user}="{password}"' for user, password in self._users.items())
        package = "org.apache.kafka.common.security"
        return "\n".join(
            line
            for listener in ("sasl_plaintext", "sasl_ssl")
            for line in (
                f"listener.name.{listener}.plain.sasl.jaas.config={package}.plain.PlainLoginModule required{plain};",
                f"listener.name.{listener}.scram-sha-256.sasl.jaas.config={package}.scram.ScramLoginModule required;",
                f"listener.name.{listener}.scram-sha-512.sasl.jaas.config={package}.scram.ScramLoginModule required;",
            )
        )

    def _make_certificate(self) -> None:
        """Make a self-signed key, and the certificate that clients trust."""
        store = ("-keystore", str(self._folder / "broker.p12"), "-storepass", _KEYSTORE_PASSWORD)
        pair = ("-keyalg", "EC", "-dname", "CN=broker", "-ext", "SAN=ip:127.0.0.1", "-validity", "3650")
        _run(["keytool", "-genkeypair", "-alias", "broker", *pair, *store], "keytool")
        export = ("-exportcert", "-rfc", "-alias", "broker", "-file", str(self.cafile))
        _run(["keytool", *export, *store], "keytool")


def _publish(folder: Path, target: Path) -> None:
    """Copy ``folder`` to ``target`` in one step, unless another process did."""
    with tempfile.TemporaryDirectory(dir=target.parent) as partial:
        copied = shutil.copytree(folder, Path(partial) / "copy")
        try:
            copied.rename(target)
        except OSError:
            if not target.is_dir():
                raise


def _run(command: list[str], name: str) -> None:
    ended = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if ended.returncode != 0:
        raise CannotStartError(f"{name} ended with {ended.returncode}: {ended.stdout.strip()[-2000:]}")


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(tempfile.mkdtemp(prefix="ingest-kafka-"))
    with Broker(folder, jars=fetch_jars()) as broker:
        print(f"{broker.bootstrap}  (files in {folder}; Ctrl-C ends it)", flush=True)
        try:
            signal.pause()
        except KeyboardInterrupt:
            print("ending")


if __name__ == "__main__":
    main()
