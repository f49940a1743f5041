"""The processes of the service, one command each, and the commands that prepare and check them."""

from __future__ import annotations

import json
import os
from dataclasses import fields
from typing import Any, Final

import click

from ingest import app
from ingest.cli.output import json_option
from ingest.db import migrate as migrations
from ingest.errors import Refused
from ingest.runtime import Stop
from ingest.settings import Settings, environment_name, format_setting

SECRET_SET: Final = "(set)"  # noqa: S105 - a placeholder for people
_WITHOUT_VALUE: Final = {None: " is not set", SECRET_SET: " is set, and not shown"}


def _stop_on_signals() -> Stop:
    stop = Stop()
    stop.install_signal_handlers()
    return stop


@click.command()
@click.pass_obj
def up(settings: Settings) -> None:
    """Run the whole service on this machine until Ctrl-C.

    Database, poller, consumer and API run as one supervised tree. INGEST_LOG=kafka adds the relay, and
    INGEST_ALERT_WEBHOOK adds the process that delivers alerts.

    \b
    Examples:
      ingest up
      INGEST_DATA_DIR=/var/lib/news-ingest/data INGEST_API_PORT=8090 ingest up
    """

    def on_ready(tree: app.RunningTree) -> None:
        click.echo(
            f"ready: API at {tree.api}/v1/articles; add feeds with `ingest feeds add URL`; Ctrl-C stops"
        )

    app.run_up(
        settings,
        _stop_on_signals(),
        echo=lambda line: click.echo(line, err=True),
        on_ready=on_ready,
        environment=os.environ,
    )
    click.echo("stopped")


@click.command()
@click.option(
    "--to", default="head", show_default=True, help="Migration to reach; `base` reverts all migrations."
)
@click.option("--yes", is_flag=True, help="Confirm a downgrade, which can drop columns and tables.")
@click.pass_obj
def migrate(settings: Settings, *, to: str, yes: bool) -> None:
    """Migrate the database to this version, and load the topics.

    Run it before the processes of a new version start. Running it again changes nothing.

    \b
    Example:
      INGEST_DATABASE_URL=postgresql://ingest@db/news ingest migrate
    """
    with app.open_database(settings, name="ingest migrate", check=False) as engine:
        if to == "head":
            app.migrate_database(settings, engine)
        elif not yes:
            raise Refused(
                "--to", to, "--yes beside it, because a downgrade can drop columns and tables with their rows"
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
    app.run_poller(settings, _stop_on_signals())


@click.command()
@click.pass_obj
def consume(settings: Settings) -> None:
    """Store the articles of the log, until stopped.

    On Kafka any number of consumers share the partitions. On the embedded log one consumer is active and the others
    stand by.

    \b
    Example:
      ingest consume
    """
    app.run_consumer(settings, _stop_on_signals())


@click.command()
@click.pass_obj
def relay(settings: Settings) -> None:
    """Copy every stream to Kafka exactly once, until stopped.

    The stream of a topic goes to the log topic news.topic.SLUG. One relay is active and the others stand by.

    \b
    Example:
      INGEST_LOG=kafka INGEST_KAFKA_BOOTSTRAP=kafka:9092 ingest relay
    """
    app.run_relay(settings, _stop_on_signals())


@click.command()
@click.pass_obj
def deliver(settings: Settings) -> None:
    """Deliver alerts to the webhook, until stopped.

    Alerts are delivered to INGEST_ALERT_WEBHOOK in order and at least once. One process is active and the others stand
    by.

    \b
    Example:
      INGEST_ALERT_WEBHOOK=https://ops.example.org/hooks/news ingest deliver
    """
    app.run_deliver(settings, _stop_on_signals())


@click.command()
@click.pass_obj
def serve(settings: Settings) -> None:
    """Serve the HTTP API and the streams, until stopped.

    Articles, streams, feeds, the callbacks of hubs, health and metrics.

    \b
    Example:
      INGEST_API_PORT=8090 ingest serve
    """
    from ingest.api import (  # takes half a second to import, and only this command needs it
        create_api,
        serve_api,
    )

    stop = _stop_on_signals()
    with (
        app.open_database(settings, name="ingest serve", pool_size=10) as engine,
        app.open_retention(settings, engine, stop) as retention,
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
            on_bound=lambda url: click.echo(f"API at {url}"),
        )
        retention.check()


@click.command()
@click.pass_obj
def health(settings: Settings) -> None:
    """Check database, migration and log; exit 0 if all are usable.

    Use it as the health check of processes without an HTTP port.

    \b
    Example:
      ingest health || echo "not healthy"
    """
    app.check_health(settings)
    click.echo("healthy")


@click.command(name="settings")
@json_option
@click.pass_obj
def settings_command(settings: Settings, *, as_json: bool) -> None:
    """Show all settings with their values and meanings.

    Values are printed in the form that the variables accept. Secrets are not printed.

    \b
    Example:
      ingest settings --json
    """
    rows: list[dict[str, Any]] = []
    for setting in fields(settings):
        value = format_setting(setting.name, getattr(settings, setting.name))
        if setting.metadata["secret"] and value is not None:
            value = SECRET_SET
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
        value_text = _WITHOUT_VALUE.get(row["value"], f" = {row['value']}")
        click.echo(click.style(row["variable"], bold=True) + value_text)
        click.echo(f"    {row['about']}; {row['accepted']}")


commands: tuple[click.Command, ...] = (
    up,
    migrate,
    poll,
    consume,
    relay,
    deliver,
    serve,
    health,
    settings_command,
)
