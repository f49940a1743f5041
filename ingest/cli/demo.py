"""``ingest demo``: the whole service on invented news, for somebody who has just heard of it."""

from __future__ import annotations

import json
import logging
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import click

from ingest import app, runtime
from ingest.cli import render
from ingest.db import article_search as stored_articles
from ingest.db import feeds
from ingest.db.engine import Engine, open_engine
from ingest.demo.play import DemoWorld
from ingest.errors import IngestError, Unavailable
from ingest.log.api import stream_topic
from ingest.log.postgres import PostgresLog
from ingest.query import ArticleQuery
from ingest.runtime import Stop
from ingest.settings import Settings, read_path

TOPIC: Final = "russia-north-korea"
START_SECONDS: Final = 60.0
SETTLE_SECONDS: Final = 30.0
"""How long the last articles may take to arrive once the story is told."""
_COLOURS: Final = {"created": "green", "updated": "yellow", "merged": "cyan", "reclassified": "magenta"}
_MEANING: Final = {
    "created": "a new article",
    "updated": "a correction: a new revision of one seen before",
    "merged": "a repost: its text, without the boilerplate around it, is a story seen before",
    "reclassified": "an article that left the topic",
}


@dataclass(slots=True)
class _Service:
    """The tree of ``ingest up`` in a thread of ours."""

    settings: Settings
    lines: list[str] = field(default_factory=list)
    stop: Stop = field(default_factory=Stop)
    ready: threading.Event = field(default_factory=threading.Event)
    database: str = ""
    api: str = ""
    failure: BaseException | None = None

    def run(self) -> None:
        try:
            app.run_up(self.settings, self.stop, echo=self.lines.append, on_ready=self._on_ready)
        except IngestError as error:
            self.failure = error
        finally:
            self.ready.set()

    def _on_ready(self, running: app.Running) -> None:
        self.database, self.api = running.database, running.api
        self.ready.set()


@click.command()
@click.option(
    "--seconds",
    type=click.FloatRange(5, 600),
    default=40.0,
    show_default=True,
    help="How long the news take.",
)
@click.option(
    "--keep", is_flag=True, help="Keep the service running at the end, to try things, until Ctrl-C."
)
@click.option("--data-dir", "folder", metavar="PATH", help="Keep the database here; else it is thrown away.")
@click.pass_obj
def demo(settings: Settings, *, seconds: float, keep: bool, folder: str | None) -> None:
    """Watch the service work on four days of invented news, without internet.

    Sixteen outlets that do not exist publish in several languages; the service polls them, sees through reposts and
    corrections, and streams the topic Russia–North Korea relations. Nothing of yours is touched.

    \b
    Examples:
      ingest demo
      ingest demo --keep --seconds 20
    """
    logging.getLogger().setLevel(logging.ERROR)
    data_dir = (
        Path(tempfile.mkdtemp(prefix="ingest-demo-")) if folder is None else read_path("--data-dir", folder)
    )
    service = _Service(_demo_settings(settings, data_dir))
    stop_asked = Stop()
    stop_asked.install_signal_handlers()
    try:
        with DemoWorld(now=runtime.now(), seconds=seconds) as world, _running(service) as engine:
            _show_outlets(world)
            for feed in world.feeds:
                feeds.add_feed(
                    engine,
                    feed.url,
                    title=feed.name,
                    now=runtime.now(),
                    interval=service.settings.poll_interval,
                )
            _follow(world, engine, service, stop_asked)
            if not stop_asked.requested:
                _show_search(engine)
                _show_repost(engine)
                _show_troubles(world, engine)
                arrived = _compare(world, engine)
                _show_next(service, keep=keep)
                if keep:
                    while not stop_asked.wait(0.5) and service.failure is None:
                        pass
                if not arrived:
                    raise SystemExit(1)
    finally:
        if folder is None:
            shutil.rmtree(data_dir, ignore_errors=True)


def _demo_settings(settings: Settings, folder: Path) -> Settings:
    """Fast, loopback only, and nothing of the user's own: neither their database nor their broker."""
    second = timedelta(seconds=1)
    return replace(
        settings,
        data_dir=folder,
        database_url=None,
        log="postgres",
        kafka_bootstrap=None,
        topics_file=None,
        api_host="127.0.0.1",
        api_port=0,
        poll_interval=second,
        poll_interval_min=second / 2,
        poll_interval_max=3 * second,
        poll_adaptive=False,
        fetch_deadline=10 * second,
        parse_deadline=10 * second,
        poll_lease=30 * second,
        allow_private_addresses=True,
    )


@contextmanager
def _running(service: _Service) -> Iterator[Engine]:
    click.echo("Starting a database, a poller, a consumer and the API …")
    thread = threading.Thread(target=service.run, name="demo-service", daemon=True)
    thread.start()
    try:
        if not service.ready.wait(START_SECONDS) or not service.database:
            said = service.failure or f"not ready within {START_SECONDS:g} s"
            raise Unavailable("the service", "\n".join([str(said), *service.lines[-20:]]))
        engine = open_engine(service.database, name="ingest demo")
        try:
            yield engine
        finally:
            engine.dispose()
    finally:
        service.stop.request()
        thread.join(timeout=60)


def _show_outlets(world: DemoWorld) -> None:
    click.secho(f"\nPolling {len(world.feeds)} outlets that do not exist:", bold=True)
    for feed in world.feeds:
        note = click.style(f"  ({feed.note})", fg="red") if feed.note else ""
        click.echo(f"  {feed.name:<28} {feed.language}{note}")


def _follow(world: DemoWorld, engine: Engine, service: _Service, stop: Stop) -> None:
    """Print the events of the topic as they come, until the story is told and nothing more arrives."""
    click.secho(
        f"\nFour days of news in {world.seconds:g} seconds. The stream {TOPIC}, as its subscribers see it:",
        bold=True,
    )
    log, cursor, explained = PostgresLog(engine), 0, set[str]()
    world.play()
    told_at = None
    while not stop.wait(0.2):
        if service.failure is not None:
            raise service.failure
        for record in log.read(stream_topic(TOPIC), after=cursor, limit=100):
            cursor = record.offset
            event = json.loads(record.value)
            _show_event(cursor, event, explain=event["kind"] not in explained)
            explained.add(event["kind"])
        if world.done:
            told_at = told_at or time.monotonic()
            if not _missing(world, engine) or time.monotonic() - told_at > SETTLE_SECONDS:
                return


def _show_event(cursor: int, event: dict[str, Any], *, explain: bool) -> None:
    article = event["article"]
    kind = click.style(f"{event['kind']:<8}", fg=_COLOURS.get(event["kind"]))
    click.echo(f"  {cursor:>3}  {kind} {article['language'] or '--':<3}{article['title']}")
    if explain:
        click.secho(f"       {'':<8} ↳ {event['kind']}: {_MEANING.get(event['kind'], '')}", dim=True)


def _show_search(engine: Engine) -> None:
    query = "ammunition"
    click.secho(f'\nThe article database: `ingest articles search "{query}"`', bold=True)
    page = stored_articles.find(engine, ArticleQuery(q=query, limit=5))
    for found in page.articles:
        click.echo(f"  {found.source:<26} {found.title}")


_REPOST: Final = """
    SELECT r.title, a.url, r.authors, r.publisher, r.attribution ->> 'evidence', m.explanation,
           ARRAY(SELECT o.url FROM articles o WHERE o.story_id = a.story_id AND o.id <> a.id ORDER BY o.sort_at)
    FROM matches m JOIN articles a ON a.id = m.article_id JOIN revisions r ON r.article_id = a.id AND r.current
    WHERE m.topic = %s AND r.attribution IS NOT NULL
    ORDER BY cardinality(ARRAY(SELECT 1 FROM articles o WHERE o.story_id = a.story_id)) DESC, a.sort_at LIMIT 1"""


def _show_repost(engine: Engine) -> None:
    """One article that says where it comes from: what the service made of it, and why it matched."""
    with engine.connect() as connection:
        row = connection.exec_driver_sql(_REPOST, (TOPIC,)).fetchone()
    if row is None:
        return
    title, url, authors, publisher, evidence, explanation, copies = row
    click.secho("\nOne of them more closely, a repost from an aggregator:", bold=True)
    click.echo(f"  {title}")
    click.echo(f"  found at    {url}")
    click.echo(f"  written by  {', '.join(authors) or 'nobody says'}")
    click.echo(f"  first ran   {publisher}, for it says: “{evidence}”")
    click.echo("  same story  " + ("\n              ".join(copies) or "none other"))
    click.echo(f"  matched by  {explanation['rule']}")
    for found in explanation["matches"][:3]:
        click.echo(f"              {render.at_place(found)}")


def _show_troubles(world: DemoWorld, engine: Engine) -> None:
    click.secho(
        "\nWhat the broken ones came to (every poll has an outcome; nothing is lost, nothing is retracted):",
        bold=True,
    )
    for feed in world.feeds:
        if feed.note is None:
            continue
        with engine.connect() as connection:
            rows = connection.exec_driver_sql(
                "SELECT result, coalesce(failure, ''), count(*) FROM polls JOIN feeds f ON f.id = feed_id"
                " WHERE f.url = %s GROUP BY 1, 2 ORDER BY 3 DESC",
                (feed.url,),
            ).fetchall()
        said = ", ".join(f"{count} × {result}{' ' + why if why else ''}" for result, why, count in rows)
        click.echo(f"  {feed.name:<28} {feed.note}: {said}")


def _missing(world: DemoWorld, engine: Engine) -> set[str]:
    """Articles of the story, in their last wording, that are not in the store."""
    with engine.connect() as connection:
        rows = connection.exec_driver_sql(
            "SELECT a.url, r.title FROM articles a JOIN revisions r ON r.article_id = a.id AND r.current"
        ).fetchall()
    stored = {(_path(row[0]), row[1]) for row in rows}
    return {
        printed.url
        for printed in world.articles
        if (_path(printed.url), " ".join(printed.title.split())) not in stored
    }


def _path(url: str) -> str:
    """Host and path: whatever spelling the rest of the address has."""
    split = urlsplit(url)
    return f"{split.hostname}{split.path}".rstrip("/")


def _compare(world: DemoWorld, engine: Engine) -> bool:
    missing = _missing(world, engine)
    with engine.connect() as connection:
        count = connection.exec_driver_sql("SELECT count(*) FROM articles").scalar_one()
        stories = connection.exec_driver_sql("SELECT count(DISTINCT story_id) FROM articles").scalar_one()
    click.secho(
        f"\n{len(world.articles)} articles were published, {count} are stored ({stories} stories),"
        f" {len(missing)} are missing.",
        bold=True,
        fg="red" if missing else "green",
    )
    for url in sorted(missing):
        click.echo(f"  missing: {url}", err=True)
    return not missing


def _show_next(service: _Service, *, keep: bool) -> None:
    click.secho("\nWhat to try next", bold=True)
    if keep:
        click.echo(f"  curl '{service.api}/v1/articles?q=railway&limit=3'")
        click.echo(f"  curl -N '{service.api}/v1/topics/{TOPIC}/stream?after=0'")
        click.echo(f"  INGEST_DATA_DIR={service.settings.data_dir} ingest tail {TOPIC} --from 0")
        click.echo("  Ctrl-C ends the demo.")
        return
    click.echo("  ingest demo --keep                 the same, and the API stays up to be asked")
    click.echo("  ingest up                          the service for real, on this machine")
    click.echo("  ingest feeds add URL               and a feed of yours (in another terminal)")
    click.echo(f"  ingest tail {TOPIC}     follow the topic")
    click.echo("  (in a checkout that was not installed: ./run up, ./run ingest feeds add URL, …)")


commands: tuple[click.Command, ...] = (demo,)
