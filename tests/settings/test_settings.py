"""Settings come from a file and the environment; every refusal names the setting, the value and what is accepted."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, fields
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from ingest.cli import root
from ingest.errors import Refused
from ingest.settings import Settings, environment_name, format_setting, read_settings


def test_without_anything_the_defaults_hold() -> None:
    assert read_settings({"PATH": "/bin", "HOME": "/"}) == Settings()


def test_every_setting_says_what_it_means_and_what_it_takes() -> None:
    for setting in fields(Settings):
        assert setting.metadata["about"], setting.name
        assert setting.metadata["accepted"], setting.name


def test_a_variable_wins_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / "ingest.toml"
    file.write_text('api_port = 9000\npoll_interval = "20m"\nallow_private_addresses = true\n')
    settings = read_settings({"INGEST_CONFIG": str(file), "INGEST_API_PORT": "9001"})
    assert settings.api_port == 9001
    assert settings.poll_interval == timedelta(minutes=20)
    assert settings.allow_private_addresses is True


@pytest.mark.parametrize(
    ("name", "value", "read"),
    [
        ("poll_interval", "90s", timedelta(seconds=90)),
        ("host_spacing", "0s", timedelta(0)),
        ("fetch_deadline", "1500ms", timedelta(seconds=1.5)),
        ("fetch_max_bytes", "512k", 512 * 1024),
        ("fetch_max_bytes", "2MiB", 2 * 1024**2),
        ("api_port", "0", 0),
        ("allow_private_addresses", "yes", True),
        ("database_url", "postgresql://u:p@db:5432/news", "postgresql://u:p@db:5432/news"),
    ],
)
def test_values_are_read_in_their_units(name: str, value: str, read: object) -> None:
    assert getattr(read_settings({environment_name(name): value}), name) == read


@pytest.mark.parametrize(
    ("variable", "value", "accepted"),
    [
        ("INGEST_POLL_INTERVAL", "soon", "15m"),
        ("INGEST_POLL_INTERVAL", "10", "15m"),
        ("INGEST_PRUNE_INTERVAL", "99999999999999d", "15m"),
        ("INGEST_PRUNE_INTERVAL", "0s", "longer than zero"),
        ("INGEST_HOST_SPACING", "-1s", "or 0s"),
        ("INGEST_POLL_CONCURRENCY", "0", "at least 1"),
        ("INGEST_POLL_CONCURRENCY", "-3", "at least 1"),
        ("INGEST_POLL_CONCURRENCY", "99999999999", "at least 1"),
        ("INGEST_API_PORT", "70000", "65535"),
        ("INGEST_LOG", "rabbit", "postgres or kafka"),
        ("INGEST_DATABASE_URL", "sqlite:///x", "postgresql://"),
        ("INGEST_KAFKA_BOOTSTRAP", "localhost", "host:port"),
        ("INGEST_KAFKA_SECURITY_PROTOCOL", "TLS", "PLAINTEXT, SSL, SASL_PLAINTEXT, SASL_SSL"),
        ("INGEST_KAFKA_SASL_MECHANISM", "GSSAPI", "PLAIN, SCRAM-SHA-256, SCRAM-SHA-512"),
        ("INGEST_FETCH_MAX_BYTES", "lots", "16m"),
        ("INGEST_ALLOW_PRIVATE_ADDRESSES", "perhaps", "true or false"),
        ("INGEST_USER_AGENT", "two\nlines", "one line"),
        ("INGEST_DATA_DIR", "", "not empty"),
        ("INGEST_DATA_DIR", " ", "not empty"),
        ("INGEST_TOPICS_FILE", "", "not empty"),
        ("INGEST_CONFIG", "", "readable TOML"),
        ("INGEST_POLL_INTERVALL", "15m", "INGEST_POLL_INTERVAL"),
        ("INGEST_CONFIG", "/nowhere/ingest.toml", "readable TOML"),
    ],
)
def test_a_refusal_names_the_variable_and_what_is_accepted(variable: str, value: str, accepted: str) -> None:
    with pytest.raises(Refused) as refused:
        read_settings({variable: value})
    assert variable in str(refused.value)
    assert accepted in str(refused.value)


def test_a_password_is_not_shown_in_a_refusal() -> None:
    for variable, value in (
        ("INGEST_DATABASE_URL", "mysql://user:hunter2@db/news"),
        ("INGEST_KAFKA_SASL_PASSWORD", "hunter2\n"),
    ):
        with pytest.raises(Refused) as refused:
            read_settings({variable: value})
        assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize(
    ("content", "named"),
    [("polls = 3\n", "polls"), ("api_port = 'x'\n", "api_port"), ("api_port =\n", "TOML"), ("\xff", "TOML")],
)
def test_a_bad_file_is_refused_by_name(tmp_path: Path, content: str, named: str) -> None:
    file = tmp_path / "ingest.toml"
    file.write_bytes(content.encode("latin-1"))
    with pytest.raises(Refused) as refused:
        read_settings({"INGEST_CONFIG": str(file)})
    assert named in str(refused.value)
    assert str(file) in str(refused.value)


@pytest.mark.parametrize(
    ("environment", "named"),
    [
        ({"INGEST_LOG": "kafka"}, "INGEST_KAFKA_BOOTSTRAP"),
        (
            {"INGEST_POLL_INTERVAL": "10s"},
            r"INGEST_POLL_INTERVAL: '10s' .* from INGEST_POLL_INTERVAL_MIN \(1m\) to INGEST_POLL_INTERVAL_MAX \(1d\)",
        ),
        (
            {"INGEST_POLL_INTERVAL_MIN": "2h", "INGEST_POLL_INTERVAL_MAX": "1h"},
            r"INGEST_POLL_INTERVAL_MIN: '2h' .* at most INGEST_POLL_INTERVAL_MAX \(1h\)",
        ),
        ({"INGEST_POLL_LEASE": "30s"}, r"INGEST_POLL_LEASE: '30s' .* more than INGEST_FETCH_DEADLINE \(1m\)"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(environment: dict[str, str], named: str) -> None:
    with pytest.raises(Refused, match=named):
        read_settings(environment)


@pytest.mark.parametrize(
    ("name", "value", "spelled"),
    [
        ("retention_polls", timedelta(days=30), "30d"),
        ("poll_interval", timedelta(minutes=90), "90m"),
        ("fetch_deadline", timedelta(seconds=1.5), "1500ms"),
        ("fetch_deadline", timedelta(microseconds=1500), "1.5ms"),
        ("host_spacing", timedelta(0), "0s"),
        ("poll_adaptive", False, "false"),
        ("fetch_max_bytes", 16 * 1024**2, "16m"),
        ("fetch_max_bytes", 1000, "1000"),
        ("consume_batch", 1024, "1024"),
        ("topics_file", Path("mine.yaml"), "mine.yaml"),
        ("topics_file", None, None),
    ],
)
def test_a_value_is_spelled_as_it_is_taken(name: str, value: object, spelled: str | None) -> None:
    said = format_setting(name, value)
    assert said == spelled
    if said is not None:
        (setting,) = (setting for setting in fields(Settings) if setting.name == name)
        assert setting.metadata["read"](said) == value


LOG_IN = {
    "INGEST_KAFKA_SASL_MECHANISM": "SCRAM-SHA-512",
    "INGEST_KAFKA_SASL_USERNAME": "ingest",
    "INGEST_KAFKA_SASL_PASSWORD": "hunter2",
}
CAFILE = {"INGEST_KAFKA_SSL_CAFILE": "/etc/ssl/brokers.pem"}


@pytest.mark.parametrize(
    ("protocol", "others"),
    [
        ("PLAINTEXT", {}),
        ("SSL", {}),
        ("SSL", CAFILE),
        ("SASL_PLAINTEXT", LOG_IN),
        ("SASL_SSL", LOG_IN),
        ("SASL_SSL", LOG_IN | CAFILE),
    ],
)
def test_a_kafka_protocol_is_taken_with_what_it_needs(protocol: str, others: dict[str, str]) -> None:
    settings = read_settings({"INGEST_KAFKA_SECURITY_PROTOCOL": protocol, **others})
    assert settings.kafka_security_protocol == protocol
    assert settings.kafka_sasl_password == others.get("INGEST_KAFKA_SASL_PASSWORD")
    assert "hunter2" not in repr(settings)


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_the_command_does_not_show_passwords(options: list[str]) -> None:
    given = {"INGEST_CONFIG": None, "INGEST_KAFKA_SECURITY_PROTOCOL": "SASL_SSL", **LOG_IN}
    done = CliRunner().invoke(root, ["settings", *options], env=given)
    assert done.exit_code == 0
    assert "SCRAM-SHA-512" in done.output
    assert "hunter2" not in done.output


@pytest.mark.parametrize("protocol", ["SASL_PLAINTEXT", "SASL_SSL"])
@pytest.mark.parametrize("missing", LOG_IN)
def test_a_log_in_that_lacks_something_is_refused_by_its_name(protocol: str, missing: str) -> None:
    others = {name: value for name, value in LOG_IN.items() if name != missing}
    with pytest.raises(Refused) as refused:
        read_settings({"INGEST_KAFKA_SECURITY_PROTOCOL": protocol, **others})
    assert refused.value.thing == missing
    assert f"because INGEST_KAFKA_SECURITY_PROTOCOL is {protocol}" in str(refused.value)
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize(
    ("protocol", "unused"),
    [
        *(("PLAINTEXT", {name: value}) for name, value in (LOG_IN | CAFILE).items()),
        *(("SSL", {name: value}) for name, value in LOG_IN.items()),
    ],
)
def test_what_a_kafka_protocol_does_not_use_is_refused_by_its_name(
    protocol: str, unused: dict[str, str]
) -> None:
    with pytest.raises(Refused) as refused:
        read_settings({"INGEST_KAFKA_SECURITY_PROTOCOL": protocol, **unused})
    assert [refused.value.thing] == list(unused)
    assert protocol in str(refused.value)
    assert "hunter2" not in str(refused.value)


def test_certificates_are_refused_with_a_log_in_in_the_clear() -> None:
    with pytest.raises(Refused, match=r"INGEST_KAFKA_SSL_CAFILE.*SASL_PLAINTEXT"):
        read_settings({"INGEST_KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT", **LOG_IN, **CAFILE})


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        Settings().api_port = 1  # type: ignore[misc]
