"""What a feed is asked with, as options of a command: user agent, headers, proxy, exceptions from TLS."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, TextIO, TypeVar

import click

from ingest import request_options as asking
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
_Command = TypeVar("_Command", bound=Callable[..., Any])

_OPTIONS: Final = (
    click.option("--user-agent", metavar="TEXT", help="Ask under this name, in place of INGEST_USER_AGENT."),
    click.option(
        "--header",
        "headers",
        metavar="'NAME: VALUE'",
        multiple=True,
        help="Send this header, to the feed's own server only; NAME: without a value takes it away.",
    ),
    click.option(
        "--headers-from",
        metavar="FILE",
        type=click.File("r", encoding="utf-8"),
        help="The same, one on each line of FILE (-: standard input): secrets then stay out of the shell's history.",
    ),
    click.option(
        "--proxy", metavar="URL", help="Ask through this HTTP proxy: http://[name:password@]host:port."
    ),
    click.option(
        "--tls",
        "tls",
        multiple=True,
        type=click.Choice([exception.value for exception in TlsException]),
        help="Let this pass, at the feed's own host only. Those given replace those there were.",
    ),
    click.option(
        "--ca-file",
        metavar="FILE",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="Trust these certificates (PEM) as well, at the feed's own host only. They are stored.",
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What the options of a command line make of a feed's."""

    user_agent: str | None
    headers: tuple[tuple[str, str], ...]
    proxy: str | None
    tls: frozenset[TlsException]
    ca: str | None
    clear: frozenset[str]

    def __call__(self, before: RequestOptions) -> RequestOptions:
        """
        Raises:
            Refused: a header is given twice, or there are too many.
        """
        after = _cleared(before, self.clear)
        after = asking.with_headers(after, self.headers, thing="--header")
        return replace(
            after,
            user_agent=self.user_agent or after.user_agent,
            proxy=self.proxy or after.proxy,
            tls=self.tls or after.tls,
            ca=self.ca or after.ca,
        )

    @property
    def changes_nothing(self) -> bool:
        return self == NOTHING


NOTHING: Final = Change(user_agent=None, headers=(), proxy=None, tls=frozenset(), ca=None, clear=frozenset())


def request_options(command: _Command) -> _Command:
    """Give a command these options; :func:`read_change` reads what they bring."""
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
) -> Change:
    """
    Raises:
        Refused: one of them.
    """
    lines = [] if headers_from is None else _lines_of(headers_from)
    return Change(
        user_agent=None if user_agent is None else asking.read_user_agent("--user-agent", user_agent),
        headers=(
            *(asking.read_header("--header", header) for header in headers),
            *(asking.read_header(f"--headers-from, line {number}", line) for number, line in lines),
        ),
        proxy=None if proxy is None else asking.read_proxy("--proxy", proxy),
        tls=frozenset(TlsException(each) for each in tls),
        ca=None if ca_file is None else asking.read_ca(f"--ca-file {ca_file}", _text_of(ca_file)),
        clear=frozenset(clear),
    )


def describe_request(request: MaskedOptions | None, agent: UserAgentTrial | None) -> list[str]:
    """Lines for people about how a feed is asked; none where it is asked as all are."""
    lines: list[str] = []
    if request is not None:
        if request.user_agent is not None:
            lines.append(f"asked as   {request.user_agent}")
        lines += [f"header     {name}: {value}" for name, value in request.headers.items()]
        if request.proxy is not None:
            lines.append(f"proxy      {request.proxy}")
        if request.tls:
            lines.append(f"TLS        lets pass: {', '.join(request.tls)}")
        lines += [f"trusts     {fingerprint}" for fingerprint in request.ca]
    if agent is not None:
        lines.append(f"asked as   {_USES[agent.state]}")
    return lines


_USES: Final = {
    UserAgentState.TRYING: "INGEST_FALLBACK_USER_AGENT at its next poll: INGEST_USER_AGENT was refused",
    UserAgentState.FALLBACK: "INGEST_FALLBACK_USER_AGENT: INGEST_USER_AGENT was refused",
    UserAgentState.NEITHER: "INGEST_USER_AGENT, though it was refused: so was INGEST_FALLBACK_USER_AGENT",
}


def _cleared(before: RequestOptions, names: frozenset[str]) -> RequestOptions:
    if "all" in names:
        return DEFAULT_REQUEST
    fields = {"user-agent": "user_agent", "headers": "headers", "proxy": "proxy", "tls": "tls", "ca": "ca"}
    return replace(before, **{fields[name]: getattr(DEFAULT_REQUEST, fields[name]) for name in names})


def _lines_of(file: TextIO) -> list[tuple[int, str]]:
    """Those that say something, with their numbers.

    Raises:
        Refused: it has none, or is no text.
    """
    accepted = "lines such as Authorization: Bearer …, in UTF-8"
    try:
        lines = [(n, line) for n, line in enumerate(file.read().splitlines(), 1) if line.strip()]
    except UnicodeDecodeError:
        raise Refused("--headers-from", file.name, accepted) from None
    if not lines:
        raise Refused("--headers-from", file.name, accepted)
    return lines


def _text_of(path: Path) -> str:
    """
    Raises:
        Refused: it cannot be read.
    """
    try:
        return path.read_text("ascii", errors="replace")
    except OSError as error:
        raise Refused("--ca-file", str(path), f"a readable file ({error.strerror})") from None
