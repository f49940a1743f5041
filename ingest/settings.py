"""Configuration: one frozen object from an optional TOML file and ``INGEST_…`` variables (which win).

Only ``cli`` calls :func:`read_settings`; everything below it is handed the values it needs. Every field's
metadata says what it means; ``ingest settings`` prints them.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import Field, dataclass, field, fields
from datetime import timedelta
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from ingest.errors import Refused

PREFIX: Final = "INGEST_"
CONFIG_VARIABLE: Final = "INGEST_CONFIG"
NOT_SETTINGS: Final = frozenset({"INGEST_CONFIG", "INGEST_CORPUS", "INGEST_CRASH_SOCKET"})
"""Variables with our prefix that are not settings; so is everything that starts with ``INGEST_TEST_``."""

HIDDEN: Final = "(not shown: secret)"
LONGEST: Final = timedelta(days=36_500)
_UNITS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_SIZES: Final = {"": 1, "k": 1024, "m": 1024**2, "g": 1024**3}


def _duration(text: str) -> timedelta:
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)", text)
    if not found:
        raise ValueError
    seconds = float(found[1]) * _UNITS[found[2]]
    if not 0 < seconds <= LONGEST.total_seconds():
        raise ValueError
    return timedelta(seconds=seconds)


def _spacing(text: str) -> timedelta:
    return timedelta(0) if re.fullmatch(r"0+(?:ms|s|m|h|d)", text) else _duration(text)


def _size(text: str) -> int:
    found = re.fullmatch(r"(\d+)\s*([kmg]?)(?:i?b)?", text.lower())
    if not found or int(found[1]) == 0:
        raise ValueError
    return int(found[1]) * _SIZES[found[2]]


def _count(text: str) -> int:
    if not re.fullmatch(r"\d{1,9}", text) or int(text) == 0:
        raise ValueError
    return int(text)


def _port(text: str) -> int:
    if not re.fullmatch(r"\d{1,5}", text) or int(text) > 65535:
        raise ValueError
    return int(text)


def _switch(text: str) -> bool:
    return {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}[text.lower()]


def _database_url(text: str) -> str:
    split = urlsplit(text)
    if split.scheme not in {"postgresql", "postgres"} or len(split.path) < 2:
        raise ValueError
    return text


def _web_address(text: str) -> str:
    split = urlsplit(text)
    if split.scheme not in {"http", "https"} or not split.hostname or not text.isprintable() or " " in text:
        raise ValueError
    return text


def _bootstrap(text: str) -> str:
    if not re.fullmatch(r"[^\s,:]+:\d+(,[^\s,:]+:\d+)*", text):
        raise ValueError
    return text


def _public_url(text: str) -> str:
    split = urlsplit(text)
    if split.scheme not in {"http", "https"} or not split.hostname or "@" in split.netloc or split.port == 0:
        raise ValueError
    if split.query or split.fragment or " " in text or not text.isprintable():
        raise ValueError
    return text.rstrip("/")


def _one_of(*choices: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text not in choices:
            raise ValueError
        return text

    return read


def _text(text: str) -> str:
    if not text.strip() or "\n" in text:
        raise ValueError
    return text


def _text_or_nothing(text: str) -> str:
    return _text(text) if text.strip() else ""


def _path(text: str) -> Path:
    # Path("") is the current folder, which nobody means who leaves a variable empty.
    if not text.strip() or "\0" in text:
        raise ValueError
    return Path(text)


def _setting(
    default: Any, read: Callable[[str], Any], accepted: str, about: str, *, secret: bool = False
) -> Any:
    metadata = {"read": read, "accepted": accepted, "about": about, "secret": secret}
    return field(default=default, metadata=metadata, repr=not secret)


_DURATION = "a duration such as 500ms, 30s, 15m, 6h or 1d, longer than nothing"
_SPACING = "a duration such as 500ms, 30s or 5m, or 0s"
_SIZE = "a size such as 512k, 16m or 1g"
_COUNT = "a whole number of at least 1"
_PATH = "a path, not empty"
SECURITY_PROTOCOLS: Final = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
SASL_MECHANISMS: Final = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Every setting, with its default."""

    data_dir: Path = _setting(
        Path("data"), _path, _PATH, "where the embedded PostgreSQL keeps its files; made when missing"
    )
    database_url: str | None = _setting(
        None,
        _database_url,
        "postgresql://user:password@host:port/database",
        "PostgreSQL 15 or newer; without it the service starts its own in data_dir",
        secret=True,
    )
    log: str = _setting(
        "postgres",
        _one_of("postgres", "kafka"),
        "postgres or kafka",
        "what lies between the stages: tables in the database, or Apache Kafka",
    )
    kafka_bootstrap: str | None = _setting(
        None, _bootstrap, "host:port[,host:port…]", "the Kafka brokers; needed where log is kafka"
    )
    kafka_partitions: int = _setting(6, _count, _COUNT, "partitions of news.articles when we create it")
    kafka_replication: int = _setting(1, _count, _COUNT, "replicas of the log topics we create")
    kafka_session_timeout: timedelta = _setting(
        timedelta(seconds=10),
        _duration,
        _DURATION,
        "after this the partitions of a consumer that died go to the others (the brokers bound it: 6s to 30m)",
    )
    kafka_security_protocol: str = _setting(
        "PLAINTEXT",
        _one_of(*SECURITY_PROTOCOLS),
        f"one of {', '.join(SECURITY_PROTOCOLS)}",
        "how brokers are spoken to: encrypted (SSL), with a log-in (SASL), both or neither",
    )
    kafka_sasl_mechanism: str | None = _setting(
        None,
        _one_of(*SASL_MECHANISMS),
        f"one of {', '.join(SASL_MECHANISMS)}",
        "how we log in to the brokers; PLAIN sends them the password itself",
    )
    kafka_sasl_username: str | None = _setting(None, _text, "one line of text", "as whom we log in")
    kafka_sasl_password: str | None = _setting(
        None, _text, "one line of text", "what we log in with", secret=True
    )
    kafka_ssl_cafile: Path | None = _setting(
        None,
        _path,
        "a path of a PEM file, not empty",
        "certificates of those who sign the brokers'; without it the ones that this machine trusts",
    )
    topics_file: Path | None = _setting(
        None,
        _path,
        "a path of a YAML file, not empty",
        "topics to load at start; without it the ones that ship with us",
    )
    api_host: str = _setting("127.0.0.1", _text, "an address", "where the API listens")
    api_port: int = _setting(8080, _port, "a port from 0 (any free one) to 65535", "where the API listens")
    public_url: str | None = _setting(
        None,
        _public_url,
        "an address such as https://news.example.org, without ? and #",
        "where hubs on the internet reach the API; without it none is asked to send what a feed has new",
    )
    poll_concurrency: int = _setting(100, _count, _COUNT, "feeds fetched at once by one poller")
    poll_interval: timedelta = _setting(
        timedelta(minutes=15), _duration, _DURATION, "between two polls of a feed that has an entry an hour"
    )
    poll_adaptive: bool = _setting(
        True,
        _switch,
        "true or false",
        "poll feeds more or less often as they publish more or less; false: every poll_interval",
    )
    poll_interval_min: timedelta = _setting(
        timedelta(minutes=1), _duration, _DURATION, "never poll a feed more often, whatever it says"
    )
    poll_interval_max: timedelta = _setting(
        timedelta(days=1),
        _duration,
        _DURATION,
        "never poll a feed less often, whatever it says or how often it failed",
    )
    sitemap_max_children: int = _setting(
        50, _count, _COUNT, "sitemaps of one index that are polled at most, the latest first"
    )
    sitemap_stagger: timedelta = _setting(
        timedelta(minutes=1), _spacing, _SPACING, "between the first polls of two sitemaps of one index"
    )
    poll_interval_with_hub: timedelta = _setting(
        timedelta(days=1),
        _duration,
        _DURATION,
        "between two polls of a feed whose hub is trusted to send what is new",
    )
    host_concurrency: int = _setting(
        2, _count, _COUNT, "polls of one host under way at once, by all pollers together"
    )
    host_spacing: timedelta = _setting(
        timedelta(seconds=1),
        _spacing,
        _SPACING,
        "between two polls of one host on average; `ingest hosts set` gives one host another",
    )
    poll_lease: timedelta = _setting(
        timedelta(minutes=5),
        _duration,
        _DURATION,
        "after this a poll that was not recorded is given to another poller",
    )
    fetch_deadline: timedelta = _setting(
        timedelta(seconds=60), _duration, _DURATION, "for one fetch in all, redirects and body included"
    )
    fetch_max_bytes: int = _setting(16 * 1024**2, _size, _SIZE, "largest body of a feed, after decompression")
    fetch_max_redirects: int = _setting(10, _count, _COUNT, "redirects followed by one fetch")
    alert_webhook: str | None = _setting(
        None,
        _web_address,
        "an http or https address",
        "where alerts are delivered, each as JSON in a POST, in order and at least once",
        secret=True,
    )
    alert_webhook_secret: str | None = _setting(
        None,
        _text,
        "one line of text, not empty",
        "signs what goes to the webhook (HMAC with SHA-256)",
        secret=True,
    )
    alert_webhook_private: bool = _setting(
        False, _switch, "true or false", "the webhook may be at a loopback, private or link-local address"
    )
    allow_private_addresses: bool = _setting(
        False, _switch, "true or false", "fetch from loopback, private and link-local addresses too"
    )
    user_agent: str = _setting(
        "news-ingest/0.1 (+https://github.com/news-ingest/news-ingest)",
        _text,
        "one line of text",
        "how we identify ourselves; name yourself and a contact",
    )
    fallback_user_agent: str = _setting(
        "Mozilla/5.0 (compatible; news-ingest/0.1; +https://github.com/news-ingest/news-ingest)",
        _text_or_nothing,
        "one line of text, or nothing",
        "how we identify ourselves to a feed that refuses user_agent (name the same); empty: never otherwise",
    )
    parse_workers: int = _setting(
        os.cpu_count() or 1, _count, _COUNT, "parser processes of one poller (default: the number of cores)"
    )
    parse_deadline: timedelta = _setting(
        timedelta(seconds=30), _duration, _DURATION, "after this a parser process is killed and replaced"
    )
    parse_memory: int = _setting(
        1024**3, _size, _SIZE, "a parser process that wants more fails that one feed and is replaced"
    )
    consume_batch: int = _setting(500, _count, _COUNT, "records stored in one transaction at most")
    prune_interval: timedelta = _setting(
        timedelta(minutes=10), _duration, _DURATION, "how often what is past its retention is deleted"
    )
    retention_polls: timedelta = _setting(
        timedelta(days=30), _duration, _DURATION, "how long the history of polls is kept"
    )
    retention_log: timedelta = _setting(
        timedelta(days=7),
        _duration,
        _DURATION,
        "how long the embedded log keeps records every group has read",
    )
    retention_streams: timedelta = _setting(
        timedelta(days=90),
        _duration,
        _DURATION,
        "how long a stream can be resumed; older cursors get a gap answer",
    )


def read_spacing(thing: str, text: str) -> timedelta:
    """``0s``, ``500ms``, ``30s``, ``15m``, ``6h`` or ``1d``.

    Raises:
        Refused: it is none; ``thing`` is what it was given for.
    """
    try:
        return _spacing(text)
    except ValueError:
        raise Refused(thing, text, _SPACING) from None


def read_path(thing: str, text: str) -> Path:
    """
    Raises:
        Refused: it is empty; ``thing`` is what it was given for.
    """
    try:
        return _path(text)
    except ValueError:
        raise Refused(thing, text, _PATH) from None


def spell(name: str, value: Any) -> str | None:
    """``value`` of the setting ``name`` as a variable takes it; None: not set."""
    (read,) = (setting.metadata["read"] for setting in fields(Settings) if setting.name == name)
    match value:
        case None:
            return None
        case bool():
            return str(value).lower()
        case timedelta():
            return _spell_duration(value)
        case int() if read is _size:
            return next(f"{value // of}{unit}" for unit, of in reversed(_SIZES.items()) if value % of == 0)
    return str(value)


def _spell_duration(value: timedelta) -> str:
    if not value:
        return "0s"
    for unit, seconds in reversed(_UNITS.items()):
        whole = timedelta(seconds=seconds)
        if value % whole == timedelta(0):
            return f"{value // whole}{unit}"
    return f"{value / timedelta(milliseconds=1):.3f}".rstrip("0") + "ms"


def environment_name(name: str) -> str:
    return PREFIX + name.upper()


def read_settings(environment: Mapping[str, str]) -> Settings:
    """Settings from ``INGEST_CONFIG`` (a TOML file, if named) and the ``INGEST_…`` variables, which win.

    Raises:
        Refused: a name that is no setting, or a value that is not accepted.
    """
    known = {f.name: f for f in fields(Settings)}
    values: dict[str, Any] = {}
    if CONFIG_VARIABLE in environment:
        for name, value in _read_file(Path(environment[CONFIG_VARIABLE])).items():
            if name not in known:
                raise Refused(
                    f"setting in {environment[CONFIG_VARIABLE]}", name, f"one of {', '.join(known)}"
                )
            shown = str(value).lower() if isinstance(value, bool) else str(value)
            values[name] = _read_one(f"{name} in {environment[CONFIG_VARIABLE]}", known[name], shown)
    for variable, value in environment.items():
        if not variable.startswith(PREFIX) or variable in NOT_SETTINGS or variable.startswith("INGEST_TEST_"):
            continue
        name = variable.removeprefix(PREFIX).lower()
        if name not in known:
            raise Refused(
                "environment variable", variable, f"one of {', '.join(map(environment_name, known))}"
            )
        values[name] = _read_one(variable, known[name], value)
    return _checked(Settings(**values))


def _read_file(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise Refused(CONFIG_VARIABLE, str(path), f"a readable TOML file ({error.strerror})") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Refused(CONFIG_VARIABLE, str(path), f"a file in TOML ({error})") from None


def _read_one(thing: str, setting: Field[Any], text: str) -> Any:
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
    least, most = (_spell_duration(at) for at in (settings.poll_interval_min, settings.poll_interval_max))
    if settings.poll_interval_min > settings.poll_interval_max:
        raise Refused("INGEST_POLL_INTERVAL_MIN", least, f"at most INGEST_POLL_INTERVAL_MAX ({most})")
    if not settings.poll_interval_min <= settings.poll_interval <= settings.poll_interval_max:
        raise Refused(
            "INGEST_POLL_INTERVAL",
            _spell_duration(settings.poll_interval),
            f"a duration from INGEST_POLL_INTERVAL_MIN ({least}) to INGEST_POLL_INTERVAL_MAX ({most})",
        )
    if settings.poll_lease <= settings.fetch_deadline + settings.parse_deadline:
        raise Refused(
            "INGEST_POLL_LEASE",
            _spell_duration(settings.poll_lease),
            f"more than INGEST_FETCH_DEADLINE ({_spell_duration(settings.fetch_deadline)}) and INGEST_PARSE_DEADLINE "
            f"({_spell_duration(settings.parse_deadline)}) together, or a poll would be given away while under way",
        )
    return settings


def _check_kafka_security(settings: Settings) -> None:
    """What a protocol needs must be there, and what it does not use must not: it would protect nothing, unnoticed."""
    protocol = settings.kafka_security_protocol
    because = f"because INGEST_KAFKA_SECURITY_PROTOCOL is {protocol}"
    for name in ("kafka_sasl_mechanism", "kafka_sasl_username", "kafka_sasl_password"):
        value = getattr(settings, name)
        metadata = Settings.__dataclass_fields__[name].metadata
        if protocol.startswith("SASL_") and value is None:
            raise Refused(environment_name(name), None, f"{metadata['accepted']}, {because}")
        if not protocol.startswith("SASL_") and value is not None:
            shown = HIDDEN if metadata["secret"] else value
            raise Refused(environment_name(name), shown, f"nothing, {because}: without SASL nobody logs in")
    if settings.kafka_ssl_cafile is not None and not protocol.endswith("SSL"):
        raise Refused(
            "INGEST_KAFKA_SSL_CAFILE",
            str(settings.kafka_ssl_cafile),
            f"nothing, {because}: without SSL there are no certificates",
        )
