"""``ingest demo``: the whole service on invented news, without internet access."""

from __future__ import annotations

import json
import logging
import os
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

import click

from ingest import app, runtime
from ingest.cli.render import KIND_COLOURS, phrase_text
from ingest.db import article_search, feeds
from ingest.db.engine import Engine, open_engine
from ingest.demo.play import DemoWorld
from ingest.errors import IngestError, Unavailable
from ingest.log.api import stream_topic
from ingest.query import ArticleQuery
from ingest.runtime import Stop
from ingest.search import parse_search
from ingest.settings import Settings, parse_path
from ingest.usecases import demo as results

TOPIC: Final = "russia-north-korea"
START_SECONDS: Final = 60.0
SETTLE_SECONDS: Final = 30.0
"""Time for the last articles to arrive after the last publication."""
_EXPLANATIONS: Final = {
    "created": "a new article",
    "updated": "a correction: a new revision of a stored article",
    "merged": "a repost: without the boilerplate around it, its text is that of a stored story",
    "reclassified": "an article that left the topic",
}


@dataclass(slots=True)
class _Service:
    """The process tree of ``ingest up``, run by a thread."""

    settings: Settings
    lines: list[str] = field(default_factory=list)
    stop: Stop = field(default_factory=Stop)
    ready: threading.Event = field(default_factory=threading.Event)
    database: str = ""
    api: str = ""
    failure: BaseException | None = None

    def run(self) -> None:
        try:
            app.run_up(
                self.settings,
                self.stop,
                echo=self.lines.append,
                on_ready=self._on_ready,
                environment=os.environ,
            )
        except IngestError as error:
            self.failure = error
        finally:
            self.ready.set()

    def _on_ready(self, tree: app.RunningTree) -> None:
        self.database, self.api = tree.database, tree.api
        self.ready.set()


@click.command()
@click.option(
    "--seconds", type=click.FloatRange(5, 600), default=40.0, show_default=True, help="Duration of the news."
)
@click.option("--keep", is_flag=True, help="Keep the service running at the end, until Ctrl-C.")
@click.option(
    "--data-dir",
    "folder",
    metavar="PATH",
    help="Keep the database in this folder; default: delete it at the end.",
)
@click.pass_obj
def demo(settings: Settings, *, seconds: float, keep: bool, folder: str | None) -> None:
    """Watch the service process four days of invented news.

    Sixteen invented outlets publish in several languages. The service polls them, detects reposts and corrections, and
    streams the topic Russia–North Korea relations. It uses neither the internet nor your database.

    \b
    Examples:
      ingest demo
      ingest demo --keep --seconds 20
    """
    logging.getLogger().setLevel(logging.ERROR)
    data_dir = (
        Path(tempfile.mkdtemp(prefix="ingest-demo-")) if folder is None else parse_path("--data-dir", folder)
    )
    service = _Service(_demo_settings(settings, data_dir))
    stop = Stop()
    stop.install_signal_handlers()
    try:
        with DemoWorld(now=runtime.now(), seconds=seconds) as world, _running(service) as engine:
            _add_feeds(world, engine, service)
            _follow(world, engine, service, stop)
            if stop.requested:
                return
            complete = _show_results(world, engine)
            _show_next_steps(service, keep=keep)
            while keep and not stop.wait(0.5) and service.failure is None:
                pass
            if not complete:
                raise SystemExit(1)
    finally:
        if folder is None:
            shutil.rmtree(data_dir, ignore_errors=True)


def _demo_settings(settings: Settings, folder: Path) -> Settings:
    """Return settings for fast polls of loopback addresses.

    Nothing of the user's own service takes part: no database, no broker, no hub, and no webhook that would receive
    alerts about invented feeds.
    """
    second = timedelta(seconds=1)
    return replace(
        settings,
        data_dir=folder,
        database_url=None,
        log="postgres",
        kafka_bootstrap=None,
        topics_file=None,
        public_url=None,
        alert_webhook=None,
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
            reason = service.failure or f"not ready within {START_SECONDS:g} s"
            raise Unavailable("the service", "\n".join([str(reason), *service.lines[-20:]]))
        engine = open_engine(service.database, name="ingest demo")
        try:
            yield engine
        finally:
            engine.dispose()
    finally:
        service.stop.request()
        thread.join(timeout=60)


def _add_feeds(world: DemoWorld, engine: Engine, service: _Service) -> None:
    click.secho(f"\nPolling {len(world.feeds)} invented outlets:", bold=True)
    for feed in world.feeds:
        note = click.style(f"  ({feed.note})", fg="red") if feed.note else ""
        click.echo(f"  {feed.name:<28} {feed.language}{note}")
    interval = service.settings.poll_interval
    for feed in world.feeds:
        feeds.add_feed(engine, feed.url, title=feed.name, now=runtime.now(), interval=interval)


def _follow(world: DemoWorld, engine: Engine, service: _Service, stop: Stop) -> None:
    """Print the events of the topic until all news are published and no article is missing."""
    heading = (
        f"Four days of news in {world.seconds:g} seconds. The stream {TOPIC}, as subscribers receive it:"
    )
    click.secho(f"\n{heading}", bold=True)
    log = app.open_database_log(engine)
    cursor = 0
    explained: set[str] = set()
    world.play()
    published_at: float | None = None
    while not stop.wait(0.2):
        if service.failure is not None:
            raise service.failure
        for record in log.read(stream_topic(TOPIC), after=cursor, limit=100):
            cursor = record.offset
            event = json.loads(record.value)
            _show_event(cursor, event, explain=event["kind"] not in explained)
            explained.add(event["kind"])
        if world.done:
            published_at = published_at or time.monotonic()
            if not _missing(world, engine) or time.monotonic() - published_at > SETTLE_SECONDS:
                return


def _show_event(cursor: int, event: dict[str, Any], *, explain: bool) -> None:
    article = event["article"]
    kind = click.style(f"{event['kind']:<8}", fg=KIND_COLOURS.get(event["kind"]))
    click.echo(f"  {cursor:>3}  {kind} {article['language'] or '--':<3}{article['title']}")
    if explain:
        click.secho(f"       {'':<8} ↳ {event['kind']}: {_EXPLANATIONS.get(event['kind'], '')}", dim=True)


def _show_results(world: DemoWorld, engine: Engine) -> bool:
    """Print search, repost, failures and the count of articles; tell whether all articles are stored."""
    _show_search(engine)
    _show_repost(engine)
    _show_failures(world, engine)
    return _show_counts(world, engine)


def _show_search(engine: Engine) -> None:
    query = "ammunition"
    click.secho(f'\nThe article database: `ingest articles search "{query}"`', bold=True)
    page = article_search.find(engine, ArticleQuery(q=parse_search(query), limit=5))
    for article in page.articles:
        click.echo(f"  {article.source:<26} {article.title}")


def _show_repost(engine: Engine) -> None:
    repost = results.find_repost(engine, TOPIC)
    if repost is None:
        return
    click.secho("\nOne article in detail, a repost by an aggregator:", bold=True)
    click.echo(f"  {repost.title}")
    click.echo(f"  url         {repost.url}")
    click.echo(f"  authors     {', '.join(repost.authors) or 'not declared'}")
    click.echo(f"  first in    {repost.publisher}, because of the text: “{repost.evidence}”")
    click.echo("  same story  " + ("\n              ".join(repost.copies) or "no other article"))
    click.echo(f"  matched by  {repost.explanation['rule']}")
    for hit in repost.explanation["matches"][:3]:
        click.echo(f"              {phrase_text(hit)}")


def _show_failures(world: DemoWorld, engine: Engine) -> None:
    click.secho("\nResults of the feeds with faults (no article is lost or retracted):", bold=True)
    for feed in world.feeds:
        if feed.note is None:
            continue
        counts = ", ".join(
            f"{each.count} × {each.result}{' ' + each.failure if each.failure else ''}"
            for each in results.poll_results(engine, feed.url)
        )
        click.echo(f"  {feed.name:<28} {feed.note}: {counts}")


def _missing(world: DemoWorld, engine: Engine) -> set[str]:
    return results.missing_articles(engine, [(article.url, article.title) for article in world.articles])


def _show_counts(world: DemoWorld, engine: Engine) -> bool:
    missing = _missing(world, engine)
    articles, stories = results.count_articles(engine)
    published = f"{len(world.articles)} articles were published, {articles} are stored ({stories} stories)"
    click.secho(f"\n{published}, {len(missing)} are missing.", bold=True, fg="red" if missing else "green")
    for url in sorted(missing):
        click.echo(f"  missing: {url}", err=True)
    return not missing


def _show_next_steps(service: _Service, *, keep: bool) -> None:
    click.secho("\nWhat to try next", bold=True)
    if keep:
        click.echo(f"  curl '{service.api}/v1/articles?q=railway&limit=3'")
        click.echo(f"  curl -N '{service.api}/v1/topics/{TOPIC}/stream?after=0'")
        click.echo(f"  INGEST_DATA_DIR={service.settings.data_dir} ingest tail {TOPIC} --from 0")
        click.echo("  Ctrl-C ends the demo.")
        return
    click.echo("  ingest demo --keep                 run the demo again, and keep the API running")
    click.echo("  ingest up                          run the service on this machine")
    click.echo("  ingest feeds add URL               add a feed, in another terminal")
    click.echo(f"  ingest tail {TOPIC}     follow the topic")
    click.echo("  (in a checkout without installation: ./run up, ./run ingest feeds add URL, …)")


commands: tuple[click.Command, ...] = (demo,)
