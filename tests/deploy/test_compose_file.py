"""The compose file says what compose accepts, what the service takes, and what keeps it safe."""

from __future__ import annotations

import subprocess
import sys
from graphlib import TopologicalSorter

import pytest
import yaml

from ingest.db import embedded
from ingest.settings import read_settings
from tests.deploy.composefile import COMMANDS, COMPOSE, services

SERVICES = services(profiles=["deliver"])
OURS = sorted(name for name, service in SERVICES.items() if service.ours)
PROCESSES = sorted({*OURS} - {"migrate"})


def test_it_is_valid() -> None:
    check = [
        sys.executable,
        "-m",
        "check_jsonschema",
        "--builtin-schema",
        "vendor.compose-spec",
        str(COMPOSE),
    ]
    checked = subprocess.run(check, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_it_holds_the_stores_and_the_five_processes_and_one_for_those_with_a_webhook() -> None:
    assert set(services()) == {"kafka", "postgres", "migrate", "poll", "consume", "relay", "serve"}
    assert {*OURS} == {"migrate", "poll", "consume", "relay", "serve", "deliver"}


@pytest.mark.parametrize("name", OURS)
def test_every_command_is_one_of_ours(name: str) -> None:
    program, command, *rest = SERVICES[name].command
    assert program == "ingest"
    assert command in COMMANDS
    assert not rest


@pytest.mark.parametrize("name", OURS)
def test_every_setting_is_accepted(name: str) -> None:
    settings = read_settings(SERVICES[name].environment)
    assert settings.log == "kafka"
    assert settings.kafka_bootstrap == "kafka:9092"
    assert settings.database_url == "postgresql://ingest:ingest@postgres:5432/ingest"


@pytest.mark.parametrize("name", OURS)
def test_settings_of_the_operators_own_reach_every_process(name: str) -> None:
    assert SERVICES[name].raw["env_file"] == [{"path": ".env", "required": False}]


def test_the_database_is_made_as_the_embedded_one_is() -> None:
    arguments = SERVICES["postgres"].environment["POSTGRES_INITDB_ARGS"]
    assert tuple(arguments.split()) == embedded.LOCALE


def test_a_password_of_ones_own_reaches_the_server_and_every_client() -> None:
    changed = services({"POSTGRES_PASSWORD": "sesame"}, profiles=["deliver"])
    assert changed["postgres"].environment["POSTGRES_PASSWORD"] == "sesame"
    assert {changed[name].environment["INGEST_DATABASE_URL"] for name in OURS} == {
        "postgresql://ingest:sesame@postgres:5432/ingest"
    }


@pytest.mark.parametrize("name", PROCESSES)
def test_a_process_starts_after_migration_and_healthy_stores_and_is_restarted(name: str) -> None:
    service = SERVICES[name]
    assert service.needs["migrate"] == "service_completed_successfully"
    assert service.needs["postgres"] == service.needs["kafka"] == "service_healthy"
    assert service.raw["restart"] == "unless-stopped"
    assert service.health is not None


def test_stores_are_checked_kept_and_restarted() -> None:
    for name, folder in (("kafka", "/var/lib/kafka/data"), ("postgres", "/var/lib/postgresql")):
        raw = SERVICES[name].raw
        assert raw["volumes"] == [f"{name}:{folder}"]
        assert raw["restart"] == "unless-stopped"
        assert raw["healthcheck"]["test"]
    assert SERVICES["kafka"].environment["KAFKA_LOG_DIRS"] == "/var/lib/kafka/data"


def test_migration_runs_once_and_a_failure_is_looked_at() -> None:
    assert SERVICES["migrate"].raw["restart"] == "no"


def test_compose_stops_pollers_first_and_stores_last() -> None:
    """Compose stops whoever needs others before those others."""
    needs = {name: set(service.needs) for name, service in SERVICES.items()}
    sorter = TopologicalSorter(needs)
    sorter.prepare()
    start_order: list[list[str]] = []
    while sorter.is_active():
        together = sorted(sorter.get_ready())
        start_order.append(together)
        sorter.done(*together)
    assert start_order[::-1] == [
        ["poll"],
        ["consume"],
        ["deliver", "relay"],
        ["serve"],
        ["migrate"],
        ["kafka", "postgres"],
    ]


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_ports_are_open_on_loopback_only(name: str) -> None:
    for port in SERVICES[name].raw.get("ports", []):
        assert port.startswith("127.0.0.1:")


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_nothing_is_privileged_and_logs_are_bounded(name: str) -> None:
    raw = SERVICES[name].raw
    assert raw["cap_drop"] == ["ALL"]
    assert raw["security_opt"] == ["no-new-privileges:true"]
    assert "privileged" not in raw
    assert raw["logging"]["options"].keys() == {"max-size", "max-file"}


@pytest.mark.parametrize("name", [*OURS, "postgres"])
def test_whatever_can_runs_without_root_on_a_read_only_file_system(name: str) -> None:
    raw = SERVICES[name].raw
    assert raw["user"] in {"10001:10001", "postgres"}
    assert raw["read_only"] is True
    assert "/tmp" in raw["tmpfs"]


@pytest.mark.parametrize("name", ["poll", "consume"])
def test_pollers_and_consumers_can_be_scaled(name: str) -> None:
    assert not {"container_name", "ports", "hostname"} & SERVICES[name].raw.keys()


def test_stores_cannot_be_reached_from_outside_and_only_who_needs_the_internet_has_it() -> None:
    networks = yaml.safe_load(COMPOSE.read_text())["networks"]
    assert networks["inside"] == {"internal": True}
    outside = {name for name, service in SERVICES.items() if "outside" in service.raw["networks"]}
    assert outside == {"poll", "serve", "deliver"}


@pytest.mark.parametrize("name", PROCESSES)
def test_grace_is_longer_than_any_orderly_stop(name: str) -> None:
    assert SERVICES[name].grace >= 60
