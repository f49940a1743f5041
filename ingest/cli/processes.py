"""The processes of the service, one command each, and what an operator needs around them."""

from __future__ import annotations

import json
import logging
from dataclasses import fields
from typing import Any, Final

import click

from ingest import app
from ingest.db import migrate as migrations
from ingest.errors import Refused
from ingest.runtime import Stop
from ingest.settings import Settings, environment_name, spell

logger = logging.getLogger(__name__)

_MISSING: Final = {None: " is not set", "(set)": " is set, and not shown"}


def _stopping() -> Stop:
    stop = Stop()
    stop.install_signal_handlers()
    return stop


@click.command()
@click.pass_obj
def up(settings: Settings) -> None:
    """Run the whole service on this machine until Ctrl-C.

    Database, poller, consumer and API as one supervised tree; with INGEST_LOG=kafka the relay too, with
    INGEST_ALERT_WEBHOOK the process that delivers alerts.

    \b
    Examples:
      ingest up
      INGEST_DATA_DIR=/var/lib/news-ingest/data INGEST_API_PORT=8090 ingest up
    """

    def ready(running: app.Running) -> None:
        click.echo(
            f"ready: API at {running.api}/v1/articles; add feeds with `ingest feeds add URL`; Ctrl-C stops"
        )

    app.run_up(settings, _stopping(), echo=lambda line: click.echo(line, err=True), on_ready=ready)
    click.echo("stopped")


@click.command()
@click.option(
    "--to", default="head", show_default=True, help="Migration to go to; `base` takes everything back."
)
@click.option(
    "--yes", is_flag=True, help="Go back to an older migration although that can drop columns and tables."
)
@click.pass_obj
def migrate(settings: Settings, *, to: str, yes: bool) -> None:
    """Bring the database to the schema of this version, and load the topics.

    Run it before the new version's processes start; running it again changes nothing.

    \b
    Example:
      INGEST_DATABASE_URL=postgresql://ingest@db/news ingest migrate
    """
    with app.open_database(settings, name="ingest migrate", check=False) as engine:
        if to == "head":
            app.migrate_database(settings, engine)
        elif not yes:
            raise Refused(
                "--to", to, "--yes beside it: going back can drop columns and tables with their rows"
            )
        else:
            migrations.downgrade(engine, to=to)
        click.echo(f"database is at migration {migrations.current(engine) or 'none'}")


@click.command()
@click.pass_obj
def poll(settings: Settings) -> None:
    """Poll the feeds that are due, until stopped.

    Any number of pollers share the feeds by leases.

    \b
    Example:
      ingest poll
    """
    app.run_poller(settings, _stopping())


@click.command()
@click.pass_obj
def consume(settings: Settings) -> None:
    """Store what the pollers bring, until stopped.

    On Kafka any number of consumers share the partitions; on the embedded log one works and the others stand by.

    \b
    Example:
      ingest consume
    """
    app.run_consumer(settings, _stopping())


@click.command()
@click.pass_obj
def relay(settings: Settings) -> None:
    """Copy every stream to its Kafka topic news.topic.SLUG, exactly once, until stopped.

    One relay works, others stand by.

    \b
    Example:
      INGEST_LOG=kafka INGEST_KAFKA_BOOTSTRAP=kafka:9092 ingest relay
    """
    app.run_relay(settings, _stopping())


@click.command()
@click.pass_obj
def notify(settings: Settings) -> None:
    """Deliver alerts to the webhook of INGEST_ALERT_WEBHOOK, in order and at least once, until stopped.

    One works, others stand by.

    \b
    Example:
      INGEST_ALERT_WEBHOOK=https://ops.example.org/hooks/news ingest notify
    """
    app.run_deliver(settings, _stopping())


@click.command()
@click.pass_obj
def serve(settings: Settings) -> None:
    """Serve the HTTP API: articles, streams, health and metrics, until stopped.

    \b
    Example:
      INGEST_API_PORT=8090 ingest serve
    """
    from ingest.api import create_api, serve_api  # takes half a second, and only this command needs it

    stop = _stopping()
    with (
        app.open_database(settings, name="ingest serve", pool_size=10) as engine,
        app.retention(settings, engine, stop) as housekeeper,
    ):
        api = create_api(
            engine,
            ready=lambda: app.check_ready(settings, engine),
            status=lambda: app.service_status(settings, engine),
            push=settings.public_url is not None,
            push_bytes=settings.fetch_max_bytes,
        )
        serve_api(
            api,
            host=settings.api_host,
            port=settings.api_port,
            stop=stop,
            on_bound=lambda where: click.echo(f"API at {where}"),
        )
        housekeeper.check()


@click.command()
@click.pass_obj
def health(settings: Settings) -> None:
    """Exit 0 if a process with these settings could work: database, its migration, and the log.

    For health checks of the processes that have no HTTP port.

    \b
    Example:
      ingest health || echo "not healthy"
    """
    app.health(settings)
    click.echo("healthy")


@click.command(name="settings")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@click.pass_obj
def settings_command(settings: Settings, *, as_json: bool) -> None:
    """Show every setting: its variable, its value now (as the variable takes it), what it takes and means.

    \b
    Example:
      ingest settings --json
    """
    rows: list[dict[str, Any]] = []
    for setting in fields(settings):
        value = spell(setting.name, getattr(settings, setting.name))
        if setting.metadata["secret"] and value is not None:
            value = "(set)"
        rows.append(
            {
                "name": setting.name,
                "variable": environment_name(setting.name),
                "value": value,
                "accepted": setting.metadata["accepted"],
                "about": setting.metadata["about"],
            }
        )
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    for row in rows:
        said = _MISSING.get(row["value"], f" = {row['value']}")
        click.echo(click.style(row["variable"], bold=True) + said)
        click.echo(f"    {row['about']}; {row['accepted']}")


commands: tuple[click.Command, ...] = (
    up,
    migrate,
    poll,
    consume,
    relay,
    notify,
    serve,
    health,
    settings_command,
)
