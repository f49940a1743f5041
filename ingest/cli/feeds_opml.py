"""``ingest feeds import`` and ``ingest feeds export``."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

import click

from ingest import app, runtime
from ingest.cli.feeds_view import NAME
from ingest.cli.output import json_option, print_json
from ingest.cli.render import clean
from ingest.errors import Refused
from ingest.settings import Settings
from ingest.usecases.opml import export_feeds, import_feeds, read_import


@click.command("import")
@click.argument("file", metavar="FILE", type=click.File("rb"))
@json_option
@click.pass_obj
def import_command(settings: Settings, file: BinaryIO, *, as_json: bool) -> None:
    """Add the feeds of an OPML file, with its folders as tags.

    FILE may be - for standard input. Each line is counted once: as added, as already registered, or as not usable, with
    the reason. A file that is not well-formed XML is read line by line. A nested folder is one tag, such as Asia/East.
    So is each path in the attribute category. Feeds that are registered already get the file's tags too. --json names
    the registered feed of each line that added none (duplicates).

    \b
    Examples:
      ingest feeds import subscriptions.opml
      curl -s https://example.org/blogroll.opml | ingest feeds import -
    """
    document = read_import(file.read(), name=getattr(file, "name", "<stdin>"))
    with app.open_database(settings, name=NAME) as engine:
        imported = import_feeds(engine, document, now=runtime.now(), interval=settings.poll_interval)
    if as_json:
        print_json(
            {
                "lines": imported.lines,
                "added": sorted(imported.added),
                "duplicates": imported.duplicates,
                "unusable": imported.unusable,
                "tagged": sorted(imported.tagged),
                "error": document.error,
            }
        )
        return
    if document.error is not None:
        click.echo(
            f"not well-formed XML, so its lines were read one by one: {clean(document.error)}", err=True
        )
    for line in imported.unusable:
        click.echo(f"line {line.line}: {clean(line.reason)}", err=True)
    for duplicate in imported.duplicates:
        if duplicate.feed != duplicate.url:
            click.echo(f"line {duplicate.line}: {duplicate.url} is {duplicate.feed}", err=True)
    counts = f"{len(imported.duplicates)} already there, {len(imported.unusable)} not usable"
    tagged = f", {len(imported.tagged)} with new tags" if imported.tagged else ""
    click.echo(f"{len(imported.added)} added, {counts}{tagged}")


@click.command("export")
@click.argument("file", metavar="[FILE]", type=click.Path(dir_okay=False, path_type=Path), required=False)
@click.pass_obj
def export_command(settings: Settings, file: Path | None) -> None:
    """Write all feeds as OPML, to FILE or standard output.

    Tags are written as folders.

    Feeds keep their own user agents. Headers, proxies and TLS exceptions are left out, because they may be secrets.

    \b
    Examples:
      ingest feeds export subscriptions.opml
      ingest feeds export | gzip > subscriptions.opml.gz
    """
    with app.open_database(settings, name=NAME) as engine:
        exported = export_feeds(engine, now=runtime.now())
    if exported.with_private_options:
        left_out = "have headers, a proxy or TLS exceptions, which the export leaves out"
        click.echo(f"{exported.with_private_options} feeds {left_out}", err=True)
    if file is None:
        click.echo(exported.document, nl=False)
        return
    try:
        file.write_bytes(exported.document)
    except OSError as error:
        raise Refused("FILE", str(file), f"a writable file ({error.strerror})") from None
    click.echo(f"{exported.feeds} feeds written to {file}", err=True)
