"""Tags of feeds: set by an operator, imported from folders, exported again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import Engine

from ingest.cli import root
from ingest.db.feed_tags import merge_feed_tags
from ingest.db.feeds import list_feeds, page_feeds
from ingest.errors import Refused
from ingest.feed_tags import MAX_TAG_BYTES, MAX_TAGS, merge_tags, read_tag, tag_of_path

OPML = b"""<opml version="2.0"><body>
<outline text="Asia"><outline text="East"><outline text="k" xmlUrl="https://k.example/rss"/></outline>
<outline text="j" xmlUrl="https://j.example/rss"/></outline>
<outline text="World"><outline text="k" xmlUrl="http://k.example/rss" category="/Press/Daily"/></outline>
<outline text="n" xmlUrl="https://n.example/rss"/>
</body></opml>"""


class Cli:
    """Runs ``ingest feeds``."""

    def __init__(self, database_url: str) -> None:
        self._environment = {"INGEST_DATABASE_URL": database_url}

    def run(self, *arguments: str, document: bytes | None = None) -> str:
        result = CliRunner().invoke(root, ["feeds", *arguments], env=self._environment, input=document)
        assert result.exit_code == 0, result.output
        return result.stdout

    def refuse(self, *arguments: str) -> str:
        result = CliRunner().invoke(root, ["feeds", *arguments], env=self._environment)
        assert result.exit_code == 2, result.output
        return result.output


@pytest.fixture
def cli(database_url: str) -> Cli:
    return Cli(database_url)


def tags_by_url(engine: Engine) -> dict[str, tuple[str, ...]]:
    return {feed.url: feed.tags for feed in list_feeds(engine)}


@pytest.mark.store
def test_folders_and_categories_become_tags_of_new_feeds(cli: Cli, database: Engine) -> None:
    cli.run("import", "-", document=OPML)
    assert tags_by_url(database) == {
        "https://k.example/rss": ("Asia/East", "Press/Daily", "World"),
        "https://j.example/rss": ("Asia",),
        "https://n.example/rss": (),
    }


@pytest.mark.store
def test_an_import_merges_tags_into_feeds_that_are_registered(cli: Cli, database: Engine) -> None:
    cli.run("add", "--as-given", "http://k.example/rss", "--tag", "Mine", "--tag", "World")
    imported = json.loads(cli.run("import", "-", "--json", document=OPML))
    assert imported["tagged"] == ["http://k.example/rss"]
    assert tags_by_url(database)["http://k.example/rss"] == ("Asia/East", "Mine", "Press/Daily", "World")
    assert json.loads(cli.run("import", "-", "--json", document=OPML))["tagged"] == []


@pytest.mark.store
def test_import_export_import_changes_nothing(cli: Cli, database: Engine, tmp_path: Path) -> None:
    cli.run("import", "-", document=OPML)
    before = tags_by_url(database)
    first, second = tmp_path / "first.opml", tmp_path / "second.opml"
    cli.run("export", str(first))
    again = json.loads(cli.run("import", str(first), "--json"))
    assert (again["added"], again["tagged"], again["unusable"], tags_by_url(database)) == ([], [], [], before)
    cli.run("remove", *before)
    cli.run("import", str(first))
    assert tags_by_url(database) == before
    cli.run("export", str(second))
    without_date = [
        [line for line in path.read_text().splitlines() if "dateCreated" not in line]
        for path in (first, second)
    ]
    assert without_date[0] == without_date[1]


@pytest.mark.store
def test_an_operator_adds_and_removes_tags(cli: Cli, database: Engine) -> None:
    cli.run("add", "--as-given", "https://a.example/rss", "--tag", " Asia / Korea ")
    assert "tags: Asia/Korea, World\n" in cli.run("set", "1", "--tag", "World")
    assert "tags       Asia/Korea, World\n" in cli.run("show", "1")
    cli.run("set", "1", "--untag", "Asia/Korea", "--untag", "none")
    assert tags_by_url(database) == {"https://a.example/rss": ("World",)}
    assert json.loads(cli.run("show", "1", "--json"))["tags"] == ["World"]
    assert "--untag: 'World'" in cli.refuse("set", "1", "--tag", "World", "--untag", "World")
    assert "tag: ' / '" in cli.refuse("set", "1", "--tag", " / ")


@pytest.mark.store
def test_a_tag_lists_the_feeds_of_the_tags_below_it(cli: Cli, database: Engine) -> None:
    for name, tag in (("a", "Asia"), ("k", "Asia/Korea"), ("m", "Asiatic"), ("n", "World")):
        cli.run("add", "--as-given", f"https://{name}.example/", "--tag", tag)
    listed = json.loads(cli.run("list", "--tag", "Asia", "--json"))
    assert [feed["url"] for feed in listed] == ["https://a.example/", "https://k.example/"]
    page = page_feeds(database, limit=10, tag="Asia/Korea")
    assert [feed.url for feed in page.feeds] == ["https://k.example/"]


@pytest.mark.store
def test_a_feed_has_a_bounded_number_of_tags(cli: Cli, database: Engine) -> None:
    cli.run("add", "--as-given", "https://a.example/")
    tags = tuple(f"t{number:02}" for number in range(MAX_TAGS + 5))
    merge_feed_tags(database, {"https://a.example/": tags})
    assert tags_by_url(database)["https://a.example/"] == tags[:MAX_TAGS]
    assert "at most 50 tags" in cli.refuse("set", "1", "--tag", "another")


def test_a_tag_is_bounded_in_bytes_between_characters() -> None:
    tag = tag_of_path(["𝔸" * 1_000])
    assert tag == "𝔸" * (MAX_TAG_BYTES // 4)
    with pytest.raises(Refused, match="200 bytes"):
        read_tag("𝔸" * 51)
    with pytest.raises(Refused, match="at most 50"):
        merge_tags((), (str(number) for number in range(51)))


@pytest.mark.parametrize(
    ("names", "tag"),
    [
        (["Asia", "East"], "Asia/East"),
        ([" News \n\t of  Korea "], "News of Korea"),
        (["/Boston//Weather/"], "Boston/Weather"),
        (["Cafe\u0301"], "Café"),
        (["a\x00b\ud800"], "a b"),
        (["", "/"], None),
    ],
)
def test_folder_names_become_a_tag_in_its_normal_form(names: list[str], tag: str | None) -> None:
    assert tag_of_path(names) == tag
