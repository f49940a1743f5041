"""Readers of values: each returns the value that a text stands for, or raises ValueError or KeyError."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

LONGEST: Final = timedelta(days=36_500)
UNITS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
SIZES: Final = {"": 1, "k": 1024, "m": 1024**2, "g": 1024**3}


def read_duration(text: str) -> timedelta:
    """Read a duration: ``500ms``, ``30s``, ``15m``, ``6h`` or ``1d``."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)", text)
    if not match:
        raise ValueError
    seconds = float(match[1]) * UNITS[match[2]]
    if not 0 < seconds <= LONGEST.total_seconds():
        raise ValueError
    return timedelta(seconds=seconds)


def read_spacing(text: str) -> timedelta:
    """Read a duration that may be zero."""
    return timedelta(0) if re.fullmatch(r"0+(?:ms|s|m|h|d)", text) else read_duration(text)


def read_size(text: str) -> int:
    """Read a number of bytes: ``512k``, ``16m``, ``1g``, also with ``iB`` or ``B``."""
    match = re.fullmatch(r"(\d+)\s*([kmg]?)(?:i?b)?", text.lower())
    if not match or int(match[1]) == 0:
        raise ValueError
    return int(match[1]) * SIZES[match[2]]


def read_count(text: str) -> int:
    """Read a positive whole number."""
    if not re.fullmatch(r"\d{1,9}", text) or int(text) == 0:
        raise ValueError
    return int(text)


def read_port(text: str) -> int:
    """Read a port number; 0 stands for any free port."""
    if not re.fullmatch(r"\d{1,5}", text) or int(text) > 65535:
        raise ValueError
    return int(text)


def read_switch(text: str) -> bool:
    """Read a boolean."""
    return {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}[text.lower()]


def read_database_url(text: str) -> str:
    """Read a URL of a PostgreSQL database."""
    split = urlsplit(text)
    if split.scheme not in {"postgresql", "postgres"} or len(split.path) < 2:
        raise ValueError
    return text


def read_web_address(text: str) -> str:
    """Read an http or https URL."""
    split = urlsplit(text)
    if split.scheme not in {"http", "https"} or not split.hostname or not text.isprintable() or " " in text:
        raise ValueError
    return text


def read_bootstrap(text: str) -> str:
    """Read a list of Kafka brokers."""
    if not re.fullmatch(r"[^\s,:]+:\d+(,[^\s,:]+:\d+)*", text):
        raise ValueError
    return text


def read_public_url(text: str) -> str:
    """Read the base URL of the API, without query and fragment."""
    split = urlsplit(text)
    if split.scheme not in {"http", "https"} or not split.hostname or "@" in split.netloc or split.port == 0:
        raise ValueError
    if split.query or split.fragment or " " in text or not text.isprintable():
        raise ValueError
    return text.rstrip("/")


def read_one_of(*choices: str) -> Callable[[str], str]:
    """Return a reader that accepts only ``choices``."""

    def read(text: str) -> str:
        if text not in choices:
            raise ValueError
        return text

    return read


def read_text(text: str) -> str:
    """Read one line of text."""
    if not text.strip() or "\n" in text:
        raise ValueError
    return text


def read_text_or_nothing(text: str) -> str:
    """Read one line of text, or nothing."""
    return read_text(text) if text.strip() else ""


def read_path(text: str) -> Path:
    """Read a path that is not empty."""
    # Path("") is the current folder, which an empty variable does not mean.
    if not text.strip() or "\0" in text:
        raise ValueError
    return Path(text)
