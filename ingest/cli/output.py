"""JSON output and options that many commands share."""

from __future__ import annotations

import json

import click

from ingest.jsonable import json_line, jsonable

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
json_lines_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, one object per line.")
feed_names_argument = click.argument("names", metavar="URL|ID...", nargs=-1, required=True)
optional_feed_names_argument = click.argument("names", metavar="[URL|ID...]", nargs=-1)


def print_json(value: object) -> None:
    """Print a value as indented JSON."""
    click.echo(json.dumps(jsonable(value), indent=2, ensure_ascii=False))


def print_json_line(value: object) -> None:
    """Print a value as one line of JSON."""
    click.echo(json_line(value))
