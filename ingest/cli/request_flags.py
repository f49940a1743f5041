"""Request options of a feed as command line options: user agent, headers, proxy, TLS."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, TextIO, TypeVar

import click

from ingest import request_options as readers
from ingest.errors import Refused
from ingest.types import (
    DEFAULT_REQUEST,
    MaskedOptions,
    RequestOptions,
    TlsException,
    UserAgentState,
    UserAgentTrial,
)

CLEARED: Final = ("user-agent", "headers", "proxy", "tls", "ca", "all")
_FIELDS: Final = {
    "user-agent": "user_agent",
    "headers": "headers",
    "proxy": "proxy",
    "tls": "tls",
    "ca": "ca",
}
_Command = TypeVar("_Command", bound=Callable[..., Any])

_OPTIONS: Final = (
    click.option("--user-agent", metavar="TEXT", help="Send this user agent instead of INGEST_USER_AGENT."),
    click.option(
        "--header",
        "headers",
        metavar="'NAME: VALUE'",
        multiple=True,
        help="Send this header, to the feed's own server only; 'NAME:' without a value removes it.",
    ),
    click.option(
        "--headers-from",
        metavar="FILE",
        type=click.File("r", encoding="utf-8"),
        help="Read headers from FILE (-: standard input), one per line; keeps secrets out of the shell's history.",
    ),
    click.option(
        "--proxy",
        metavar="URL",
        help="Send requests through this HTTP proxy: http://[name:password@]host:port.",
    ),
    click.option(
        "--tls",
        "tls",
        multiple=True,
        type=click.Choice([exception.value for exception in TlsException]),
        help="Allow this TLS exception, for the feed's own host only; replaces earlier exceptions.",
    ),
    click.option(
        "--ca-file",
        metavar="FILE",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="Trust these certificates (PEM), too, for the feed's own host only; they are stored.",
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestChange:
    """A change of request options, as the options of one command line express it."""

    user_agent: str | None
    headers: tuple[tuple[str, str], ...]
    proxy: str | None
    tls: frozenset[TlsException]
    ca: str | None
    clear: frozenset[str]

    def __call__(self, before: RequestOptions) -> RequestOptions:
        """Return the changed options.

        Raises:
            Refused: a header is set twice, or there are too many headers.
        """
        after = _cleared(before, self.clear)
        after = readers.with_headers(after, self.headers, thing="--header")
        return replace(
            after,
            user_agent=self.user_agent or after.user_agent,
            proxy=self.proxy or after.proxy,
            tls=self.tls or after.tls,
            ca=self.ca or after.ca,
        )

    @property
    def changes_nothing(self) -> bool:
        """True where no option was set on the command line."""
        return self == NO_CHANGE


NO_CHANGE: Final = RequestChange(
    user_agent=None, headers=(), proxy=None, tls=frozenset(), ca=None, clear=frozenset()
)


def request_options(command: _Command) -> _Command:
    """Decorate a command with these options; :func:`read_change` reads their values."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def read_change(
    *,
    user_agent: str | None,
    headers: Sequence[str],
    headers_from: TextIO | None,
    proxy: str | None,
    tls: Sequence[str],
    ca_file: Path | None,
    clear: Sequence[str] = (),
) -> RequestChange:
    """Return the change that the values of the options express.

    Raises:
        Refused: a value is not valid.
    """
    lines = [] if headers_from is None else _numbered_lines(headers_from)
    return RequestChange(
        user_agent=None if user_agent is None else readers.read_user_agent("--user-agent", user_agent),
        headers=(
            *(readers.read_header("--header", header) for header in headers),
            *(readers.read_header(f"--headers-from, line {number}", line) for number, line in lines),
        ),
        proxy=None if proxy is None else readers.read_proxy("--proxy", proxy),
        tls=frozenset(TlsException(value) for value in tls),
        ca=None if ca_file is None else readers.read_ca(f"--ca-file {ca_file}", _read_ca_file(ca_file)),
        clear=frozenset(clear),
    )


def describe_request(request: MaskedOptions | None, trial: UserAgentTrial | None) -> list[str]:
    """Return the request options of a feed as lines for people; empty where it has none of its own."""
    lines: list[str] = []
    if request is not None:
        if request.user_agent is not None:
            lines.append(f"user agent {request.user_agent}")
        lines += [f"header     {name}: {value}" for name, value in request.headers.items()]
        if request.proxy is not None:
            lines.append(f"proxy      {request.proxy}")
        if request.tls:
            lines.append(f"TLS        exceptions: {', '.join(request.tls)}")
        lines += [f"trusts CA  {fingerprint}" for fingerprint in request.ca]
    if trial is not None:
        lines.append(f"user agent {_TRIAL_TEXTS[trial.state]}")
    return lines


_TRIAL_TEXTS: Final = {
    UserAgentState.TRYING: "INGEST_FALLBACK_USER_AGENT at the next poll: INGEST_USER_AGENT was refused",
    UserAgentState.FALLBACK: "INGEST_FALLBACK_USER_AGENT: INGEST_USER_AGENT was refused",
    UserAgentState.NEITHER: "INGEST_USER_AGENT: both it and INGEST_FALLBACK_USER_AGENT were refused",
}


def _cleared(before: RequestOptions, names: frozenset[str]) -> RequestOptions:
    if "all" in names:
        return DEFAULT_REQUEST
    return replace(before, **{_FIELDS[name]: getattr(DEFAULT_REQUEST, _FIELDS[name]) for name in names})


def _numbered_lines(file: TextIO) -> list[tuple[int, str]]:
    """Return the lines that are not blank, with their numbers.

    Raises:
        Refused: the file has no such line, or is not text in UTF-8.
    """
    accepted = "lines such as Authorization: Bearer …, in UTF-8"
    try:
        lines = [(number, line) for number, line in enumerate(file.read().splitlines(), 1) if line.strip()]
    except UnicodeDecodeError:
        raise Refused("--headers-from", file.name, accepted) from None
    if not lines:
        raise Refused("--headers-from", file.name, accepted)
    return lines


def _read_ca_file(path: Path) -> str:
    try:
        return path.read_text("ascii", errors="replace")
    except OSError as error:
        raise Refused("--ca-file", str(path), f"a readable file ({error.strerror})") from None
