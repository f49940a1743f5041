"""The root command: settings, logging, exit codes, and the commands in groups by purpose."""

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

SECTIONS: Final = {
    "Run the service": {
        "up": "processes",
        "demo": "demo",
    },
    "Use it": {
        "feeds": "feeds",
        "topics": "topics",
        "tail": "tail",
        "articles": "articles",
        "explain": "articles",
        "schema": "topics",
    },
    "Operate it": {
        "status": "status",
        "alerts": "tail",
        "hosts": "hosts",
        "websub": "websub",
        "quarantine": "quarantine",
        "settings": "processes",
        "migrate": "processes",
        "health": "processes",
    },
    "Processes of a cluster": {
        "poll": "processes",
        "consume": "processes",
        "relay": "processes",
        "deliver": "processes",
        "serve": "processes",
    },
}
"""Commands in the order of ``--help``, each with its module. Only the module of the command that runs is imported,
which halves the start time."""
_MODULES: Final = {name: module for commands in SECTIONS.values() for name, module in commands.items()}
_VERBOSE_LOGGERS: Final = ("httpx", "httpcore", "alembic", "kafka")


class RootGroup(click.Group):
    """Loads commands on demand, lists them by section, and turns errors into messages and exit codes."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_MODULES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _MODULES:
            return None
        commands: Sequence[click.Command] = import_module(f"ingest.cli.{_MODULES[cmd_name]}").commands
        return next(command for command in commands if command.name == cmd_name)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        width = formatter.width - 6 - max(map(len, _MODULES))
        for section, names in SECTIONS.items():
            rows = [
                (name, command.get_short_help_str(width))
                for name in names
                if (command := self.get_command(ctx, name)) is not None
            ]
            with formatter.section(section):
                formatter.write_dl(rows, col_max=max(map(len, _MODULES)))

    def invoke(self, ctx: click.Context) -> Any:
        """Print our own errors as messages without traceback, and exit with the code of the error's class."""
        try:
            return super().invoke(ctx)
        except IngestError as error:
            click.echo(f"ingest: {error}", err=True)
            raise SystemExit(error.exit_code) from error


@click.group(
    cls=RootGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110}
)
@click.version_option(__version__, prog_name="ingest")
@click.option("-v", "--verbose", is_flag=True, help="Log debug messages, too.")
@click.pass_context
def root(ctx: click.Context, *, verbose: bool) -> None:
    """Poll news feeds, store their articles and stream their topics, without loss.

    \b
    Examples:
      ingest up                          run the whole service on this machine
      ingest feeds add https://…         add a feed
      ingest tail russia-north-korea     follow a topic
      ingest articles search "summit"    search the article database

    Settings are INGEST_… variables, or keys of a TOML file named by INGEST_CONFIG; `ingest settings` lists them.
    """
    logging.basicConfig(
        level=logging.DEBUG if verbose else logging.INFO,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
        stream=sys.stderr,
    )
    for name in _VERBOSE_LOGGERS:
        logging.getLogger(name).setLevel(logging.WARNING)
    ctx.obj = read_settings(os.environ)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command ``ingest``."""
    if CRASH_SOCKET in os.environ:
        connect_crash_harness(os.environ[CRASH_SOCKET])
    root.main(args=None if arguments is None else list(arguments), prog_name="ingest")
