"""Commands ``ingest feeds …`` as people and scripts use them."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import Engine, text

from ingest.cli import root
from ingest.cli.render import timestamp as when
from ingest.db.engine import open_engine
from ingest.db.feeds import find_feed, list_feeds
from ingest.db.polls import lease_due, record
from ingest.runtime import now
from ingest.schedule import Policy, decide_outcome
from ingest.schedule.rate_limit import HostLimits
from ingest.types import DocumentSummary, Failed, FailureKind, Fetched, NotModified

pytestmark = pytest.mark.store
Feeds = Callable[..., Result]


@pytest.fixture
def feeds(database_url: str) -> Feeds:
    """Run ``ingest feeds`` with these arguments."""

    def run(*arguments: str, given: bytes | None = None) -> Result:
        environment = {"INGEST_DATABASE_URL": database_url}
        if arguments[0] == "add":  # the sites of these tests do not exist
            arguments = ("add", "--as-given", *arguments[1:])
        return CliRunner().invoke(root, ["feeds", *arguments], env=environment, input=given)

    return run


def poll(engine: Engine) -> None:
    """Record two polls of the first feed."""
    (lease,) = lease_due(engine, now=now(), limit=1, lease=timedelta(minutes=5), host_limits=HostLimits())
    fetched = Fetched(url=lease.url, status=200, body=b"x", content_type=None, etag=None, last_modified=None)
    reading = DocumentSummary(
        title="Its own", entries=30, appended=29, created=20, duplicates=1, seen=(), complete=True
    )
    record(engine, [decide_outcome(lease, fetched, reading, now=now(), policy=Policy())], now=now())
    later = now() + timedelta(hours=1)
    (lease,) = lease_due(engine, now=later, limit=1, lease=timedelta(minutes=5), host_limits=HostLimits())
    failed = Failed(kind=FailureKind.STATUS, detail="503 Service Unavailable", status=503)
    record(engine, [decide_outcome(lease, failed, None, now=later, policy=Policy())], now=later)


def test_feeds_are_added_once_in_one_spelling(feeds: Feeds, database: Engine) -> None:
    first = feeds("add", "https://A.example/rss", "https://b.example:443/rss#top", "feed:https://c.example/")
    assert first.exit_code == 0, first.output
    assert (
        first.stdout
        == "added: 1 https://a.example/rss\nadded: 2 https://b.example/rss\nadded: 3 https://c.example/\n"
    )
    again = feeds("add", "https://a.example/rss")
    assert again.stdout == "already there: 1 https://a.example/rss\n"
    assert len(list_feeds(database)) == 3


NO_POLLER = "no poller is running; start one with `ingest up` or `ingest poll`\n"


def test_who_adds_a_feed_is_told_where_no_poller_runs(
    feeds: Feeds, database: Engine, database_url: str
) -> None:
    assert feeds("add", "https://a.example/").stderr == NO_POLLER
    poller = open_engine(database_url, name="ingest poll")  # one that is connected and has nothing to do
    with poller.connect():
        assert feeds("add", "https://b.example/").stderr == ""
    poller.dispose()
    assert feeds("add", "https://c.example/").stderr == NO_POLLER
    (lease,) = lease_due(database, now=now(), limit=1, lease=timedelta(minutes=5), host_limits=HostLimits())
    assert feeds("add", "https://d.example/").stderr == ""
    failed = Failed(kind=FailureKind.STATUS, detail="503", status=503)
    record(database, [decide_outcome(lease, failed, None, now=now(), policy=Policy())], now=now())
    assert feeds("add", "https://e.example/").stderr == ""


def test_a_title_belongs_to_one_feed(feeds: Feeds, database: Engine) -> None:
    assert feeds("add", "https://a.example/", "--title", "The A").exit_code == 0
    assert list_feeds(database)[0].title == "The A"
    refused = feeds("add", "https://b.example/", "https://c.example/", "--title", "Both")
    assert (refused.exit_code, "--title: 'Both' is not accepted" in refused.output) == (2, True)
    assert feeds("add", "https://b.example/", "--title", "two\nlines").exit_code == 2
    assert len(list_feeds(database)) == 1


@pytest.mark.parametrize(
    "url",
    [
        "nonsense",
        "ftp://a.example/",
        "http://",
        "https://user:pw@a.example/",
        "https://a.example/" + "x" * 3000,
    ],
)
def test_a_bad_url_is_refused_by_name_and_nothing_is_added(feeds: Feeds, database: Engine, url: str) -> None:
    refused = feeds("add", "https://good.example/", url)
    assert refused.exit_code == 2
    assert refused.output.startswith("ingest: feed URL: '")
    assert "expected" in refused.output
    assert list_feeds(database) == []


def test_json_is_for_programs(feeds: Feeds) -> None:
    (added,) = json.loads(feeds("add", "https://a.example/", "--json").stdout)
    assert (added["added"], added["url"], added["interval"], added["failures"]) == (
        True,
        "https://a.example/",
        900,
        0,
    )
    (listed,) = json.loads(feeds("list", "--json").output)
    assert listed.pop("last_failure") is None
    assert listed == {name: value for name, value in added.items() if name != "added"}


def test_the_list_says_how_each_feed_stands(feeds: Feeds, database: Engine) -> None:
    assert "no feeds yet" in feeds("list").output
    feeds("add", "https://a.example/")
    assert "new" in feeds("list").output
    poll(database)
    (line,) = feeds("list").output.splitlines()
    assert line.startswith("1  healthy ×1  status 503  20")
    assert line.endswith("Its own  https://a.example/")
    (told,) = json.loads(feeds("list", "--json").output)
    assert told["last_failure"] == {"kind": "status", "status": 503}


def test_feeds_that_do_not_fail_have_no_reason_for_it(feeds: Feeds, database: Engine) -> None:
    feeds("add", "https://a.example/")
    poll(database)
    feeds("add", "https://b.example/")
    first, second = feeds("list").output.splitlines()
    assert second.split()[:2] == ["2", "new"]
    assert second.index("20") == first.index("20")  # columns stand below each other
    assert json.loads(feeds("list", "--json").output)[1]["last_failure"] is None


def test_columns_have_heads_on_a_terminal_only(feeds: Feeds, database_url: str) -> None:
    feeds("add", "https://a.example/")
    ours, theirs = pty.openpty()
    environment = {**os.environ, "INGEST_DATABASE_URL": database_url}
    subprocess.run(
        [sys.executable, "-m", "ingest", "feeds", "list"], stdout=theirs, env=environment, check=True
    )
    heads, row = os.read(ours, 10_000).decode().splitlines()
    os.close(theirs)
    os.close(ours)
    assert re.sub(r"\x1b\[\d*m", "", heads).split() == [
        "id",
        "state",
        "failure",
        "next",
        "poll",
        "title",
        "and",
        "URL",
    ]
    assert row.rstrip().endswith("https://a.example/")
    assert "failure" not in feeds("list").output


@pytest.mark.parametrize("name", ["1", "https://a.example/", "HTTPS://A.example"])
def test_show_tells_when_the_next_poll_is_and_why(feeds: Feeds, database: Engine, name: str) -> None:
    feeds("add", "https://a.example/")
    assert "because: new feeds are polled at once" in feeds("show", name).output
    poll(database)
    shown = feeds("show", name).output
    assert "because: failed once" in shown
    assert "failed (status 503): 503 Service Unavailable" in shown
    assert "fetched 200, 30 entries, 20 new, 9 changed" in shown
    assert "publishes  1 entry an hour; 30 in its document" in shown
    told = json.loads(feeds("show", name, "--json").output)
    assert [each["result"] for each in told["polls"]] == ["failed", "fetched"]
    assert told["last_reason"] == "failed once"


@pytest.mark.parametrize("command", ["show", "remove"])
@pytest.mark.parametrize("name", ["7", "https://none.example/", "99999999999999999999", "x"])
def test_a_feed_that_is_not_there_is_refused_by_name(feeds: Feeds, command: str, name: str) -> None:
    refused = feeds(command, name)
    assert refused.exit_code == 2
    assert repr(name) in refused.output


def test_feeds_are_removed_all_or_none(feeds: Feeds, database: Engine) -> None:
    feeds("add", "https://a.example/", "https://b.example/", "https://c.example/")
    assert feeds("remove", "1", "99").exit_code == 2
    assert len(list_feeds(database)) == 3
    removed = feeds("remove", "1", "https://c.example/")
    assert removed.output == "removed: 1 https://a.example/\nremoved: 3 https://c.example/\n"
    assert [feed.url for feed in list_feeds(database)] == ["https://b.example/"]


OPML = b"""<opml version="2.0"><body>
<outline text="a" xmlUrl="https://a.example/rss"/>
<outline text="no address" xmlUrl="nowhere"/>
<outline text="folder"><outline text="b" xmlUrl="http://b.example/rss"/></outline>
<outline text="a again" xmlUrl="https://A.example/rss#x"/>
<outline type="rss" text="none"/>
</body></opml>"""


def test_an_import_adds_what_it_can_and_names_the_rest_by_line(
    feeds: Feeds, database: Engine, tmp_path: Path
) -> None:
    file = tmp_path / "mine.opml"
    file.write_bytes(OPML)
    imported = feeds("import", str(file))
    assert imported.exit_code == 0, imported.output
    assert "line 3: feed URL: 'nowhere' is not accepted" in imported.stderr
    assert "line 6: feed URL: '' is not accepted" in imported.stderr
    assert "line 5: https://A.example/rss#x is https://a.example/rss\n" in imported.stderr
    assert imported.stdout == "2 added, 1 already there, 2 not usable\n"
    assert [(feed.url, feed.title) for feed in list_feeds(database)] == [
        ("https://a.example/rss", "a"),
        ("http://b.example/rss", "b"),
    ]
    again = json.loads(feeds("import", "-", "--json", given=OPML).output)
    assert (again["added"], len(again["duplicates"]), [row["line"] for row in again["unusable"]]) == (
        [],
        3,
        [3, 6],
    )
    assert [(row["line"], row["url"], row["feed"]) for row in again["duplicates"]] == [
        (2, "https://a.example/rss", "https://a.example/rss"),
        (4, "http://b.example/rss", "http://b.example/rss"),
        (5, "https://A.example/rss#x", "https://a.example/rss"),
    ]
    assert again["lines"] == 5


@pytest.mark.parametrize("document", [b"", b"<html/>", b"<!DOCTYPE opml [<!ENTITY a 'b'>]><opml/>", b"feeds"])
def test_a_file_that_is_no_opml_adds_nothing(feeds: Feeds, database: Engine, document: bytes) -> None:
    refused = feeds("import", "-", given=document)
    assert (refused.exit_code, refused.output.startswith("ingest: <stdin>")) == (2, True)
    assert list_feeds(database) == []


def test_a_missing_file_is_a_usage_error(feeds: Feeds) -> None:
    assert feeds("import", "/no/such/file.opml").exit_code == 2


def test_what_is_exported_can_be_imported(feeds: Feeds, database: Engine, tmp_path: Path) -> None:
    feeds("add", "https://a.example/?x=1&y=2", "--title", "Tom & Jerry")
    feeds("add", "https://b.example/")
    file = tmp_path / "all.opml"
    assert feeds("export", str(file)).exit_code == 0
    made = re.compile(rb"<dateCreated>[^<]*")  # another second, it may be
    assert made.sub(b"", feeds("export").stdout_bytes) == made.sub(b"", file.read_bytes())
    before = [(feed.url, feed.title) for feed in list_feeds(database)]
    feeds("remove", "1", "2")
    feeds("import", str(file))
    after = [(feed.url, feed.title) for feed in list_feeds(database)]
    assert before[0] == after[0]
    assert before[1] == after[1] == ("https://b.example/", None)  # it is still to say what it is called


def test_an_export_to_a_place_we_may_not_write_is_refused(feeds: Feeds) -> None:
    refused = feeds("export", "/no/such/folder/x.opml")
    assert (refused.exit_code, "FILE: '/no/such/folder/x.opml'" in refused.output) == (2, True)


@pytest.mark.parametrize(
    "command", ["", "add", "remove", "list", "show", "import", "export", "unmute", "confirm-site"]
)
def test_every_command_helps_with_an_example(feeds: Feeds, command: str) -> None:
    helped = feeds(*command.split(), "--help")
    assert helped.exit_code == 0
    assert "Example" in helped.output
    assert "  ingest feeds " in helped.output


def test_a_feed_is_muted_and_resumed(feeds: Feeds, database: Engine) -> None:
    feeds("add", "https://a.example/", "https://b.example/")
    assert feeds("mute", "1").output == "muted: 1 https://a.example/\n"
    assert feeds("mute", "1").output == "already muted: 1 https://a.example/\n"
    leased = lease_due(database, now=now(), limit=9, lease=timedelta(minutes=5), host_limits=HostLimits())
    assert [lease.url for lease in leased] == ["https://b.example/"]
    assert "1  muted" in feeds("list").output
    assert (
        "`ingest feeds unmute` polls it again\nnext poll  none while it is muted\n"
        in feeds("show", "1").output
    )
    assert re.search(r"(?m)^1  muted +none +https://a.example/$", feeds("list").output)
    assert (
        feeds("refresh", "1").output
        == "0 polled sooner\n1 https://a.example/  next poll none while it is muted\n"
    )
    assert feeds("unmute", "https://a.example/").output == "unmuted: 1 https://a.example/\n"
    (lease,) = lease_due(database, now=now(), limit=9, lease=timedelta(minutes=5), host_limits=HostLimits())
    assert lease.url == "https://a.example/"
    assert feeds("mute", "99").exit_code == 2


def test_a_feed_is_polled_sooner_when_asked_by_hand(feeds: Feeds, database: Engine) -> None:
    feeds("add", "https://a.example/", "https://b.example/")
    early = feeds("refresh", "--all")
    assert early.stdout == "0 polled sooner\n"  # new feeds are due at once
    assert early.stderr == NO_POLLER
    at = now() - timedelta(minutes=10)
    leases = lease_due(database, now=now(), limit=9, lease=timedelta(minutes=5), host_limits=HostLimits())
    busy = Failed(kind=FailureKind.STATUS, detail="503", status=503, retry_after=timedelta(hours=2))
    unchanged = NotModified(url="u", etag=None, last_modified=None)
    for lease in leases:
        result = busy if lease.url == "https://b.example/" else unchanged
        record(database, [decide_outcome(lease, result, None, now=at, policy=Policy())], now=at)
    told = feeds("refresh", "1", "2")
    assert told.exit_code == 0
    first, second = list_feeds(database)
    assert first.next_poll_at <= now()
    assert first.last_reason == "requested by an operator"
    assert second.next_poll_at == at + timedelta(hours=2)
    assert re.fullmatch(
        r"2 polled sooner\n1 https://a.example/  next poll 2\S+ \S+Z  because: requested by an operator\n"
        r"2 https://b.example/  next poll 2\S+ \S+Z  because: requested by an operator; "
        r"the server requested a wait until then\n",
        told.stdout,
    )
    assert feeds("refresh").exit_code == 2
    assert feeds("refresh", "--all", "1").exit_code == 2


def test_refresh_tells_when_the_host_has_room(feeds: Feeds, database: Engine) -> None:
    feeds("add", "https://a.example/1", "https://a.example/2")
    told, other = lease_due(
        database, now=now(), limit=9, lease=timedelta(minutes=5), host_limits=HostLimits()
    )
    at = now()
    unchanged = NotModified(url=other.url, etag=None, last_modified=None)
    long_ago = at - timedelta(minutes=10)
    record(database, [decide_outcome(other, unchanged, None, now=long_ago, policy=Policy())], now=long_ago)
    hour = timedelta(hours=1)
    busy = Failed(kind=FailureKind.STATUS, detail="429", status=429, retry_after=hour, url=told.url)
    record(database, [decide_outcome(told, busy, None, now=at, policy=Policy())], now=at)
    until = when(at + hour)
    why = "a.example is paused until then: 429 for https://a.example/1, Retry-After 1h"
    said = f"next poll {until} at the earliest  because: requested by an operator; {why}\n"
    assert feeds("refresh", "2").stdout == f"1 polled sooner\n2 https://a.example/2  {said}"
    assert said.replace("next poll ", "next poll  ") in feeds("show", "2").stdout


def test_a_feed_that_has_its_turn_is_told_it_and_no_later_one(feeds: Feeds, database: Engine) -> None:
    feeds("add", *(f"https://a.example/{n}" for n in range(4)))
    lease_due(database, now=now(), limit=9, lease=timedelta(minutes=5), host_limits=HostLimits())
    waiting = find_feed(database, url="https://a.example/3")
    assert waiting is not None
    assert (
        f"next poll  {when(waiting.next_poll_at)}  because: waits for a slot at a.example, which is rate-limited\n"
    ) in feeds("show", "4").output


def test_a_poll_under_way_is_told(feeds: Feeds, database: Engine) -> None:
    feeds("add", "https://a.example/")
    began = now()
    minutes = timedelta(minutes=5)
    (lease,) = lease_due(database, now=began, limit=1, lease=minutes, host_limits=HostLimits())
    takes = f"another poller takes over if it has not ended by {when(began + minutes)}"
    assert f"next poll  in progress since {when(began)}; {takes}\n" in feeds("show", "1").output
    assert f"0 polled sooner\n1 https://a.example/  next poll in progress since {when(began)}" in (
        feeds("refresh", "1").output
    )
    assert re.search(r"(?m)^1  new +in progress +https://a.example/$", feeds("list").output)
    assert json.loads(feeds("show", "1", "--json").output)["polling_since"] is not None
    unchanged = NotModified(url=lease.url, etag=None, last_modified=None)
    record(database, [decide_outcome(lease, unchanged, None, now=now(), policy=Policy())], now=now())
    assert json.loads(feeds("show", "1", "--json").output)["polling_since"] is None
    # The lease of a poller that went away has expired.
    lost = began - minutes
    feeds("add", "https://b.example/")
    with database.begin() as connection:
        connection.execute(text("UPDATE feeds SET next_poll_at = :at WHERE id = 2"), {"at": lost - minutes})
    lease_due(database, now=lost, limit=1, lease=minutes, host_limits=HostLimits())
    said = f"next poll  {when(began)}  because: the poll that began at {when(lost)} has not ended\n"
    assert said in feeds("show", "2").output


def test_a_feed_that_was_just_polled_is_not_asked_again_at_once(feeds: Feeds, database: Engine) -> None:
    feeds("add", "https://a.example/")
    (lease,) = lease_due(database, now=now(), limit=9, lease=timedelta(minutes=5), host_limits=HostLimits())
    unchanged = NotModified(url="u", etag=None, last_modified=None)
    polled = now()
    record(database, [decide_outcome(lease, unchanged, None, now=polled, policy=Policy())], now=polled)
    feeds("refresh", "1")
    (feed,) = list_feeds(database)
    assert feed.next_poll_at == polled + timedelta(minutes=1)
    assert feed.last_reason == "requested by an operator; polls of a feed are at least 1m apart"
