"""Request options of feeds through ``ingest feeds set``, ``add``, ``show``, ``import`` and ``export``."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
import trustme
from click.testing import CliRunner, Result
from sqlalchemy import Engine

from ingest.cli import root
from ingest.db.feeds import find_feed
from ingest.db.polls import lease_due
from ingest.request_options import HIDDEN
from ingest.runtime import now
from ingest.schedule.rate_limit import HostLimits
from ingest.types import RequestOptions, TlsException

pytestmark = pytest.mark.store
Feeds = Callable[..., Result]
URL = "https://a.example/rss"
SECRET = "hunter2"


@pytest.fixture
def feeds(database_url: str) -> Feeds:
    """Run ``ingest feeds`` with these arguments."""

    def run(*arguments: str, given: str | None = None) -> Result:
        environment = {"INGEST_DATABASE_URL": database_url}
        result = CliRunner().invoke(root, ["feeds", *arguments], env=environment, input=given)
        assert SECRET not in result.output
        return result

    return run


def asked_with(engine: Engine) -> RequestOptions:
    """Return the request options of the only feed's next poll."""
    host_limits = HostLimits(concurrency=100, spacing=timedelta(0))
    (lease,) = lease_due(engine, now=now(), limit=1, lease=timedelta(0), host_limits=host_limits)
    return lease.request_options


def test_a_feed_is_set_shown_and_asked_as_it_was_set(feeds: Feeds, database: Engine, tmp_path: Path) -> None:
    authority = tmp_path / "ca.pem"
    trustme.CA().cert_pem.write_to_path(str(authority))
    feeds("add", URL)
    result = feeds(
        "set", "1", "--user-agent", "Example/1 (ops@example.org)", "--header", f"X-Token: {SECRET}",
        "--header", "Accept-Language: ko", "--proxy", f"http://me:{SECRET}@proxy.example:3128",
        "--tls", "weak", "--tls", "legacy-renegotiation", "--ca-file", str(authority),
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    shown = [
        "user agent Example/1 (ops@example.org)",
        f"header     X-Token: {HIDDEN}",
        "header     Accept-Language: ko",
        f"proxy      http://{HIDDEN}@proxy.example:3128",
        "TLS        exceptions: legacy-renegotiation, weak",
    ]
    lines = result.stdout.splitlines()
    assert lines[0] == f"set: 1 {URL}"
    assert [line.strip() for line in lines[1:6]] == shown
    assert re.fullmatch("  trusts CA  sha256:[0-9a-f]{64}", lines[6])
    said = feeds("show", "1").stdout.splitlines()
    assert [line for line in said if line in shown] == shown
    assert asked_with(database) == RequestOptions(
        user_agent="Example/1 (ops@example.org)",
        headers=(("X-Token", SECRET), ("Accept-Language", "ko")),
        proxy=f"http://me:{SECRET}@proxy.example:3128",
        tls=frozenset({TlsException.WEAK, TlsException.RENEGOTIATION}),
        ca=authority.read_text().strip(),
    )


def test_a_program_reads_it_without_secrets(feeds: Feeds) -> None:
    feeds("add", URL)
    assert json.loads(feeds("show", "1", "--json").stdout)["request_options"] is None
    result = feeds("set", URL, "--header", f"X-Token: {SECRET}", "--json")
    (feed,) = json.loads(result.stdout)
    assert feed["request_options"] == {
        "user_agent": None,
        "headers": {"X-Token": HIDDEN},
        "proxy": None,
        "tls": [],
        "ca": [],
    }
    assert json.loads(feeds("show", "1", "--json").stdout)["request_options"] == feed["request_options"]
    assert json.loads(feeds("list", "--json").stdout)[0]["request_options"] == feed["request_options"]


def test_what_is_not_named_stays_and_what_is_cleared_goes(feeds: Feeds, database: Engine) -> None:
    feeds("add", URL, "--user-agent", "Example/1", "--header", f"X-A: {SECRET}", "--header", "X-B: 2")
    feeds("set", "1", "--header", "x-b: 3", "--tls", "weak")
    assert asked_with(database) == RequestOptions(
        user_agent="Example/1",
        headers=(("X-A", SECRET), ("x-b", "3")),
        tls=frozenset({TlsException.WEAK}),
    )
    feeds("set", "1", "--header", "X-A:", "--tls", "tls1.0", "--clear", "user-agent")
    assert asked_with(database) == RequestOptions(
        headers=(("x-b", "3"),), tls=frozenset({TlsException.OLD_VERSIONS})
    )
    feeds("set", "1", "--clear", "headers", "--header", "X-C: 4")
    assert asked_with(database).headers == (("X-C", "4"),)
    assert feeds("set", "1", "--clear", "all").stdout == f"set: 1 {URL}\n  default request options\n"
    assert asked_with(database) == RequestOptions()


def test_secrets_may_come_from_a_file_or_standard_input(feeds: Feeds, database: Engine) -> None:
    feeds("add", URL)
    result = feeds("set", "1", "--headers-from", "-", given=f"X-Token: {SECRET}\n\nX-B: 2\n")
    assert result.exit_code == 0, result.output
    assert asked_with(database).headers == (("X-Token", SECRET), ("X-B", "2"))


def test_a_bad_line_of_a_file_is_named_by_its_number_and_not_shown(feeds: Feeds) -> None:
    feeds("add", URL)
    refused = feeds("set", "1", "--headers-from", "-", given=f"X-Token: 1\n\nBearer {SECRET}\n")
    assert refused.exit_code == 2
    assert "--headers-from, line 3: '(hidden)' is not accepted; expected Name: value" in refused.output
    assert SECRET not in refused.output


def test_adding_a_feed_that_is_there_leaves_it_as_it_is_asked(feeds: Feeds, database: Engine) -> None:
    feeds("add", URL)
    again = feeds("add", URL, "--user-agent", "Example/1")
    assert again.stdout == f"already there: 1 {URL}\n"
    assert "its request options stay as they are; `ingest feeds set 1` changes them\n" in again.stderr
    assert asked_with(database) == RequestOptions()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "options to set: no value; expected at least one option"),
        (["--header", f"Bearer {SECRET}"], "expected Name: value"),
        (["--header", f"Cookie: {SECRET}"], "no poll sends cookies"),
        (["--header", "User-Agent: x"], "it has an option of its own"),
        (["--header", "Host: x"], "the URL contains it"),
        (["--header", "If-None-Match: x"], "validators come from the feed"),
        (["--header", "X-A: 1", "--header", "x-a: 2"], "each header once"),
        (["--proxy", f"socks5://me:{SECRET}@p:1080"], "of an HTTP proxy"),
        (["--user-agent", "two\nlines"], "one line of ASCII"),
        (["--ca-file", "pyproject.toml"], "--ca-file pyproject.toml: 'a text without a certificate' is not"),
        (
            ["--headers-from", os.devnull],
            f"--headers-from: '{os.devnull}' is not accepted; expected lines such as",
        ),
        (
            ["--headers-from", sys.executable],
            f"--headers-from: '{sys.executable}' is not accepted; expected lines",
        ),
    ],
)
def test_what_cannot_be_set_is_refused_and_changes_nothing(
    feeds: Feeds, database: Engine, arguments: list[str], says: str
) -> None:
    feeds("add", URL, "--user-agent", "Example/1")
    result = feeds("set", "1", *arguments)
    assert result.exit_code != 0
    assert says in result.output
    assert asked_with(database) == RequestOptions(user_agent="Example/1")


def test_a_user_agent_goes_with_a_feed_from_one_service_to_another(
    feeds: Feeds, database: Engine, tmp_path: Path
) -> None:
    """Headers and proxies may be secret: they are not exported, and the export reports it."""
    feeds("add", URL, "--user-agent", 'Example/1 "x" <y>', "--header", f"X-Token: {SECRET}")
    feeds("add", "https://b.example/", "--user-agent", "Example/2")
    feeds("add", "https://c.example/")
    file = tmp_path / "feeds.opml"
    result = feeds("export", str(file))
    assert result.stderr.splitlines()[0] == (
        "1 feeds have headers, a proxy or TLS exceptions, which the export leaves out"
    )
    assert SECRET not in file.read_text()
    feeds("remove", "1", "2", "3")
    assert feeds("import", str(file)).stdout == "3 added, 0 already there, 0 not usable\n"
    shown = {
        url: found and found.request_options and found.request_options.user_agent
        for url in (URL, "https://b.example/", "https://c.example/")
        for found in [find_feed(database, url=url)]
    }
    assert shown == {URL: 'Example/1 "x" <y>', "https://b.example/": "Example/2", "https://c.example/": None}


def test_a_list_without_user_agents_is_plain_opml(feeds: Feeds) -> None:
    feeds("add", URL, "--header", f"X-Token: {SECRET}")
    assert "ingest:" not in feeds("export").stdout


def test_a_row_of_a_list_whose_user_agent_cannot_be_sent_is_told(feeds: Feeds) -> None:
    outline = '<outline type="rss" xmlUrl="https://a.example/" ingest:userAgent="näive"/>'
    document = (
        f'<opml xmlns:ingest="https://github.com/news-ingest/news-ingest"><body>{outline}</body></opml>'
    )
    result = feeds("import", "-", given=document)
    assert "ingest:userAgent: 'näive' is not accepted" in result.stderr
    assert result.stdout == "0 added, 0 already there, 1 not usable\n"
