"""TCP ports on loopback that no other test process is given: one lock file for the machine, one byte per port.

A port of the kernel's own choosing (``bind`` to 0) is free only until the next outgoing connection takes it, and two
test processes that probe at the same moment can choose the same one.
"""

from __future__ import annotations

import fcntl
import os
import random
import socket
import tempfile
from functools import cache
from pathlib import Path
from typing import Final

_PORTS: Final = range(15_000, 32_000)
"""Below the range of outgoing connections (32,768 and up), which would take the port of a dead server."""
_reserved: Final[set[int]] = set()
# Hypothesis seeds the shared generator: every process would probe the same ports.
_random: Final = random.SystemRandom()


@cache
def _lock_file() -> int:
    """The descriptor that holds the locks. The process never closes it: closing releases all of them."""
    return os.open(
        Path(tempfile.gettempdir()) / f"news-ingest-ports-{os.getuid()}", os.O_RDWR | os.O_CREAT, 0o600
    )


def reserve_ports(count: int) -> list[int]:
    """Return free ports, reserved until this process ends."""
    ports: list[int] = []
    while len(ports) < count:
        port = _random.choice(_PORTS)
        if port not in _reserved and _lock(port) and _is_free(port):
            _reserved.add(port)
            ports.append(port)
    return ports


def _lock(port: int) -> bool:
    try:
        fcntl.lockf(_lock_file(), fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
    except OSError:
        return False
    return True


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
