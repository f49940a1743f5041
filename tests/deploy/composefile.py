"""Reading the deployment files as the tools that run them would."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any, Final

import click
import yaml

from ingest.cli import root

PROJECT: Final = Path(__file__).resolve().parents[2]
COMPOSE: Final = PROJECT / "docker-compose.yml"
DOCKERFILE: Final = PROJECT / "deploy" / "Dockerfile"
UNITS: Final = PROJECT / "deploy" / "systemd"
COMMANDS: Final = frozenset(root.list_commands(click.Context(root)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One service of the compose file, with what its image adds."""

    name: str
    image: str
    ours: bool
    command: tuple[str, ...]
    environment: Mapping[str, str]
    health: tuple[str, ...] | None
    """Program and arguments of the health check."""
    needs: Mapping[str, str]
    """Service → condition."""
    stop_signal: str
    grace: float
    """Seconds between the stop signal and SIGKILL."""
    raw: Mapping[str, Any]


def interpolate(text: str, environment: Mapping[str, str]) -> str:
    """``${NAME:-default}`` and ``${NAME}`` as compose reads them."""

    def value(found: re.Match[str]) -> str:
        return environment.get(found[1]) or found[2] or ""

    return re.sub(r"\$\{(\w+)(?::-([^}]*))?\}", value, text)


def services(
    environment: Mapping[str, str] | None = None, *, profiles: Collection[str] = ()
) -> dict[str, Service]:
    """Every service that starts with these profiles, in an order in which they can be started."""
    content = yaml.safe_load(interpolate(COMPOSE.read_text(), environment or {}))
    found = {
        name: _service(name, raw)
        for name, raw in content["services"].items()
        if set(raw.get("profiles", ())) <= {*profiles}
    }
    order = TopologicalSorter({name: set(service.needs) for name, service in found.items()}).static_order()
    return {name: found[name] for name in order}


def _service(name: str, raw: Mapping[str, Any]) -> Service:
    ours = "build" in raw
    image = dict(_image_environment()) if ours else {}
    check = raw.get("healthcheck", {})
    test = () if check.get("disable") else tuple(check["test"])
    assert not test or test[0] == "CMD", f"{name}: a health check without a shell"
    return Service(
        name=name,
        image=raw["image"],
        ours=ours,
        command=(*entrypoint(), *raw["command"]) if ours else (),
        environment=image | {key: str(value) for key, value in raw["environment"].items()},
        health=test[1:] or None,
        needs={needed: how["condition"] for needed, how in raw.get("depends_on", {}).items()},
        stop_signal=raw.get("stop_signal", "SIGTERM"),
        grace=float(str(raw["stop_grace_period"]).removesuffix("s")),
        raw=raw,
    )


def instructions() -> Iterator[tuple[str, str]]:
    """The Dockerfile's instructions, continued lines joined."""
    text = re.sub(r"\\\n\s*", "", DOCKERFILE.read_text())
    for line in text.splitlines():
        if line.strip() and not line.startswith("#"):
            name, rest = line.split(maxsplit=1)
            yield name, rest


def last_stage() -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for name, rest in instructions():
        if name == "FROM":
            found = []
        found.append((name, rest))
    return found


def entrypoint() -> tuple[str, ...]:
    return next(tuple(json.loads(rest)) for name, rest in last_stage() if name == "ENTRYPOINT")


def _image_environment() -> Iterator[tuple[str, str]]:
    for name, rest in last_stage():
        if name == "ENV":
            for pair in rest.split():
                variable, value = pair.split("=", 1)
                if variable.startswith("INGEST_"):
                    yield variable, value
