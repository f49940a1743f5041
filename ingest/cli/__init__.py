"""The command ``ingest``: the only place that reads the environment, prints and exits."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any, Final

import click

from ingest import __version__
from ingest.errors import IngestError
from ingest.runtime import CRASH_SOCKET, connect_crash_harness
from ingest.settings import read_settings

_MODULES: Final = {
    "up": "processes",
    "demo": "demo",
    "feeds": "feeds",
    "hosts": "hosts",
    "subscriptions": "subscriptions",
    "topics": "streams",
    "tail": "streams",
    "alerts": "streams",
    "articles": "articles",
    "explain": "articles",
    "status": "status",
    "quarantine": "quarantine",
    "schema": "streams",
    "settings": "processes",
    "migrate": "processes",
    "poll": "processes",
    "consume": "processes",
    "relay": "processes",
    "notify": "processes",
    "serve": "processes",
    "health": "processes",
}
"""Where each command is, in the order of ``--help``. Only the one that runs is imported: a start takes half as long."""


class _Root(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_MODULES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _MODULES:
            return None
        commands: Sequence[click.Command] = import_module(f"ingest.cli.{_MODULES[cmd_name]}").commands
        return next(command for command in commands if command.name == cmd_name)

    def invoke(self, ctx: click.Context) -> Any:
        """Our errors are sentences for people: no traceback, and an exit code per reaction (``ingest.errors``)."""
        try:
            return super().invoke(ctx)
        except IngestError as error:
            click.echo(f"ingest: {error}", err=True)
            raise SystemExit(error.exit_code) from error


@click.group(cls=_Root, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="ingest")
@click.option("-v", "--verbose", is_flag=True, help="Log more.")
@click.pass_context
def root(ctx: click.Context, *, verbose: bool) -> None:
    """Poll news feeds, store their articles, stream their topics; lose nothing.

    \b
    Examples:
      ingest up                          run the whole service on this machine
      ingest feeds add https://…         have a feed polled
      ingest tail russia-north-korea     follow a topic
      ingest articles search "summit"    query the article database

    Settings are INGEST_… variables or a TOML file named by INGEST_CONFIG: see `ingest settings`.
    """
    logging.basicConfig(
        level=logging.DEBUG if verbose else logging.INFO,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
        stream=sys.stderr,
    )
    for chatty in ("httpx", "httpcore", "alembic", "kafka"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    ctx.obj = read_settings(os.environ)


def main(arguments: Sequence[str] | None = None) -> None:
    if CRASH_SOCKET in os.environ:
        connect_crash_harness(os.environ[CRASH_SOCKET])
    root.main(args=None if arguments is None else list(arguments), prog_name="ingest")


__all__ = ["main", "root"]
