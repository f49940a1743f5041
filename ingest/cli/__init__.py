"""The command ``ingest``: the only place that reads the environment, prints and exits."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Sequence
from typing import Any

import click

from ingest import __version__
from ingest.cli import articles, feeds, processes, quarantine, streams
from ingest.errors import IngestError
from ingest.settings import read_settings


class _Root(click.Group):
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


for command in (
    *processes.commands,
    *feeds.commands,
    *articles.commands,
    *streams.commands,
    *quarantine.commands,
):
    root.add_command(command)


def main(arguments: Sequence[str] | None = None) -> None:
    root.main(args=None if arguments is None else list(arguments), prog_name="ingest")


__all__ = ["main", "root"]
