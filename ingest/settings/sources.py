"""Read settings from a TOML file and from variables, check them together, and format them again."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import Field, fields
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from ingest.errors import Refused
from ingest.settings.declarations import PATH, SPACING, Settings
from ingest.settings.value_readers import SIZES, UNITS, read_path, read_size, read_spacing

PREFIX: Final = "INGEST_"
CONFIG_VARIABLE: Final = "INGEST_CONFIG"
NOT_SETTINGS: Final = frozenset({"INGEST_CONFIG", "INGEST_CORPUS", "INGEST_CRASH_SOCKET"})
"""Variables with the prefix that are not settings, besides all that begin with ``INGEST_TEST_``."""
HIDDEN: Final = "(not shown: secret)"


def parse_spacing(thing: str, text: str) -> timedelta:
    """Return a duration that may be zero, from an argument named ``thing``.

    Raises:
        Refused: the text is not a duration.
    """
    try:
        return read_spacing(text)
    except ValueError:
        raise Refused(thing, text, SPACING) from None


def parse_path(thing: str, text: str) -> Path:
    """Return a path, from an argument named ``thing``.

    Raises:
        Refused: the path is empty.
    """
    try:
        return read_path(text)
    except ValueError:
        raise Refused(thing, text, PATH) from None


def format_setting(name: str, value: Any) -> str | None:
    """Return the value of a setting in the form that its variable accepts; None: not set."""
    (read,) = (setting.metadata["read"] for setting in fields(Settings) if setting.name == name)
    match value:
        case None:
            return None
        case bool():
            return str(value).lower()
        case timedelta():
            return _format_duration(value)
        case int() if read is read_size:
            return next(f"{value // of}{unit}" for unit, of in reversed(SIZES.items()) if value % of == 0)
    return str(value)


def _format_duration(value: timedelta) -> str:
    if not value:
        return "0s"
    for unit, seconds in reversed(UNITS.items()):
        whole = timedelta(seconds=seconds)
        if value % whole == timedelta(0):
            return f"{value // whole}{unit}"
    return f"{value / timedelta(milliseconds=1):.3f}".rstrip("0") + "ms"


def environment_name(name: str) -> str:
    """Return the variable of a setting."""
    return PREFIX + name.upper()


def read_settings(environment: Mapping[str, str]) -> Settings:
    """Return the settings of a TOML file (``INGEST_CONFIG``) and of variables, which take precedence.

    Raises:
        Refused: a name is not a setting, or a value is not accepted.
    """
    declared = {setting.name: setting for setting in fields(Settings)}
    values: dict[str, Any] = {}
    if CONFIG_VARIABLE in environment:
        for name, value in _read_file(Path(environment[CONFIG_VARIABLE])).items():
            if name not in declared:
                raise Refused(
                    f"setting in {environment[CONFIG_VARIABLE]}", name, f"one of {', '.join(declared)}"
                )
            text = str(value).lower() if isinstance(value, bool) else str(value)
            values[name] = _read_value(f"{name} in {environment[CONFIG_VARIABLE]}", declared[name], text)
    for variable, value in environment.items():
        if not variable.startswith(PREFIX) or variable in NOT_SETTINGS or variable.startswith("INGEST_TEST_"):
            continue
        name = variable.removeprefix(PREFIX).lower()
        if name not in declared:
            raise Refused(
                "environment variable", variable, f"one of {', '.join(map(environment_name, declared))}"
            )
        values[name] = _read_value(variable, declared[name], value)
    return _checked(Settings(**values))


def _read_file(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise Refused(CONFIG_VARIABLE, str(path), f"a readable TOML file ({error.strerror})") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Refused(CONFIG_VARIABLE, str(path), f"a file in TOML ({error})") from None


def _read_value(thing: str, setting: Field[Any], text: str) -> Any:
    try:
        return setting.metadata["read"](text)
    except (ValueError, KeyError):
        shown = HIDDEN if setting.metadata["secret"] else text
        raise Refused(thing, shown, setting.metadata["accepted"]) from None


def _checked(settings: Settings) -> Settings:
    if settings.log == "kafka" and settings.kafka_bootstrap is None:
        raise Refused(
            "INGEST_KAFKA_BOOTSTRAP", None, "host:port of a Kafka broker, because INGEST_LOG is kafka"
        )
    _check_kafka_security(settings)
    least, most = (_format_duration(at) for at in (settings.poll_interval_min, settings.poll_interval_max))
    if settings.poll_interval_min > settings.poll_interval_max:
        raise Refused("INGEST_POLL_INTERVAL_MIN", least, f"at most INGEST_POLL_INTERVAL_MAX ({most})")
    if not settings.poll_interval_min <= settings.poll_interval <= settings.poll_interval_max:
        raise Refused(
            "INGEST_POLL_INTERVAL",
            _format_duration(settings.poll_interval),
            f"a duration from INGEST_POLL_INTERVAL_MIN ({least}) to INGEST_POLL_INTERVAL_MAX ({most})",
        )
    if settings.poll_lease <= settings.fetch_deadline + settings.parse_deadline:
        raise Refused(
            "INGEST_POLL_LEASE",
            _format_duration(settings.poll_lease),
            f"more than INGEST_FETCH_DEADLINE ({_format_duration(settings.fetch_deadline)}) and INGEST_PARSE_DEADLINE "
            f"({_format_duration(settings.parse_deadline)}) together, "
            "because another poller would take over a poll in progress",
        )
    return settings


def _check_kafka_security(settings: Settings) -> None:
    """Check that the settings of a protocol are complete, and that no unused setting suggests protection."""
    protocol = settings.kafka_security_protocol
    because = f"because INGEST_KAFKA_SECURITY_PROTOCOL is {protocol}"
    for name in ("kafka_sasl_mechanism", "kafka_sasl_username", "kafka_sasl_password"):
        value = getattr(settings, name)
        metadata = Settings.__dataclass_fields__[name].metadata
        if protocol.startswith("SASL_") and value is None:
            raise Refused(environment_name(name), None, f"{metadata['accepted']}, {because}")
        if not protocol.startswith("SASL_") and value is not None:
            shown = HIDDEN if metadata["secret"] else value
            raise Refused(
                environment_name(name), shown, f"nothing, {because}: without SASL there is no authentication"
            )
    if settings.kafka_ssl_cafile is not None and not protocol.endswith("SSL"):
        raise Refused(
            "INGEST_KAFKA_SSL_CAFILE",
            str(settings.kafka_ssl_cafile),
            f"nothing, {because}: without SSL there are no certificates",
        )
