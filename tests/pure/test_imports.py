"""Importing any module of ``ingest`` reads no environment variable and opens no socket."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import ingest

PACKAGE = Path(ingest.__file__).parent
PROBE = """
import os, sys
from importlib import import_module
from pathlib import Path

package = Path(sys.argv[1])
effects = []

def note(effect):
    frame = sys._getframe(2)
    while frame is not None and frame.f_globals["__name__"] in ("os", "collections.abc", "socket", "__main__"):
        frame = frame.f_back
    if frame is not None and Path(frame.f_code.co_filename).is_relative_to(package):
        effects.append(f"{Path(frame.f_code.co_filename).relative_to(package)}:{frame.f_lineno} {effect}")

class Environment(type(os.environ)):
    def __getitem__(self, name):
        note(f"reads {name}")
        return super().__getitem__(name)

    def __contains__(self, name):
        note(f"looks for {name}")
        return super().__contains__(name)

    def __iter__(self):
        note("lists the environment")
        return super().__iter__()

def audit(event, arguments):
    if event == "socket.__new__":
        note("opens a socket")
    elif event == "socket.connect":
        effects.append(f"connects to {arguments[1]}")

os.environ.__class__ = Environment
sys.addaudithook(audit)
for module in sys.argv[2:]:
    import_module(module)
print(*effects, sep="\\n", end="")
"""


def modules() -> list[str]:
    names = []
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        if "migrations" not in parts and parts[-1] != "__main__":
            names.append(".".join(parts).removesuffix(".__init__"))
    return names


def effects(package: Path, *names: str) -> list[str]:
    probe = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", PROBE, str(package), *names],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
        env={**os.environ, "PYTHONPATH": str(package.parent), "INGEST_CRASH_SOCKET": "/no/such/socket"},
    )
    assert probe.returncode == 0, probe.stderr
    return probe.stdout.splitlines()


def test_no_import_reads_the_environment_or_opens_a_socket() -> None:
    assert effects(PACKAGE, *modules()) == []


@pytest.mark.parametrize(
    ("line", "effect"),
    [
        ("x = os.environ['HOME']", "reads HOME"),
        ("x = os.environ.get('HOME')", "reads HOME"),
        ("x = os.getenv('HOME')", "reads HOME"),
        ("x = 'HOME' in os.environ", "looks for HOME"),
        ("x = dict(os.environ)", "lists the environment"),
        ("x = socket.socket()", "opens a socket"),
    ],
)
def test_the_probe_detects_an_effect(tmp_path: Path, line: str, effect: str) -> None:
    package = tmp_path / "probed"
    package.mkdir()
    (package / "__init__.py").write_text(f"import os, socket\n{line}\n")
    assert effects(package, "probed")[0] == f"__init__.py:2 {effect}"
