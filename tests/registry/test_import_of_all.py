"""Every feed address of the corpus through import and export: each line is accounted for, and none is lost."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner

from ingest.cli import root
from ingest.opml import ExportRow, read_opml, write_opml
from tests.bench.figures import CorpusAbsentError, corpus_dir, corpus_file, read_tar_zst

pytestmark = [pytest.mark.corpus, pytest.mark.store]
LINES = 64_256


def addresses() -> list[str]:
    """Return the addresses of ``feed_urls.tsv`` as they are spelled there."""
    try:
        archive = corpus_file(corpus_dir(), "urls-charsets.tar.zst")
    except CorpusAbsentError as error:
        pytest.skip(str(error))
    (listed,) = (body for name, body in read_tar_zst(archive) if name.endswith("feed_urls.tsv"))
    return [line.split("\t")[0] for line in listed.decode("utf-8", "replace").splitlines()[1:]]


@pytest.mark.timeout(900)
def test_each_of_64256_addresses_is_imported_or_named_and_comes_out_again(
    database_url: str, tmp_path: Path
) -> None:
    def feeds(*arguments: str) -> str:
        result = CliRunner().invoke(root, ["feeds", *arguments], env={"INGEST_DATABASE_URL": database_url})
        assert result.exit_code == 0, result.output
        return result.stdout

    given = addresses()
    assert len(given) == LINES
    first, second = tmp_path / "first.opml", tmp_path / "second.opml"
    first.write_bytes(write_opml([ExportRow(url=url) for url in given], title="all", now=datetime.now(UTC)))
    told = json.loads(feeds("import", str(first), "--json"))
    assert told["lines"] == LINES
    assert len(told["added"]) + len(told["duplicates"]) + len(told["unusable"]) == LINES
    # Twins are twins of a feed that was added, and differ in spelling alone.
    assert {row["feed"] for row in told["duplicates"]} <= set(told["added"])
    assert [row["url"] for row in told["unusable"]] == ["http://www.thairath.co..th/rss/tech.xml"]
    named = {row["url"] for row in (*told["duplicates"], *told["unusable"])}
    unnamed = {bare(url) for url in given if url not in named} - {bare(url) for url in told["added"]}
    assert len(unnamed) < 500, "only what is another spelling of one that was added"
    feeds("export", str(second))
    assert {row.url for row in read_opml(second.read_bytes(), name="second").outlines} == set(told["added"])
    again = json.loads(feeds("import", str(second), "--json"))
    assert (again["added"], again["unusable"], len(again["duplicates"])) == ([], [], len(told["added"]))


def bare(url: str) -> str:
    return re.sub(r"^https?://|#.*$|/$", "", url.strip().lower())
