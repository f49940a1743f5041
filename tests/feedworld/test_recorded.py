"""The recorded and the wild feeds of the corpus can be served."""

from __future__ import annotations

import io
import os
import tarfile
from collections import Counter
from datetime import UTC
from pathlib import Path

import httpx
import pytest
import zstandard

from tests.bench.figures import CorpusAbsentError, corpus_dir
from tests.feedworld import FeedWorld
from tests.feedworld.recorded import INDEX, Recording, cache_dir, read_expected, unpacked
from tests.feedworld.wild import load_wild, read_wild


@pytest.fixture(scope="session")
def corpus() -> Path:
    try:
        return corpus_dir()
    except CorpusAbsentError as absent:
        pytest.skip(str(absent))


@pytest.fixture(scope="session")
def recording(corpus: Path) -> Recording:
    return Recording.open(corpus)


def pack(path: Path, files: dict[str, bytes]) -> Path:
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    path.write_bytes(zstandard.ZstdCompressor().compress(plain.getvalue()))
    return path


def test_an_archive_is_unpacked_once_per_state(tmp_path: Path) -> None:
    archive = pack(tmp_path / "a.tar.zst", {"one.xml": b"1", "deep/two.xml": b"2"})
    folder = unpacked(archive, cache=tmp_path / "cache")
    assert (folder / "deep/two.xml").read_bytes() == b"2"
    (folder / "one.xml").write_bytes(b"touched")
    assert unpacked(archive, cache=tmp_path / "cache") == folder
    assert (folder / "one.xml").read_bytes() == b"touched"
    os.utime(archive, ns=(1, 1))
    again = unpacked(archive, cache=tmp_path / "cache")
    assert again != folder
    assert (again / "one.xml").read_bytes() == b"1"


def test_a_partly_unpacked_archive_is_unpacked_again(tmp_path: Path) -> None:
    archive = pack(tmp_path / "a.tar.zst", {f"{number}.xml": b"x" * 200_000 for number in range(20)})
    whole = archive.read_bytes()
    archive.write_bytes(whole[: len(whole) // 2])
    stamp = archive.stat().st_mtime_ns
    with pytest.raises((EOFError, tarfile.ReadError, zstandard.ZstdError)):
        unpacked(archive, cache=tmp_path / "cache")
    archive.write_bytes(whole)
    os.utime(archive, ns=(stamp, stamp))
    assert len(list(unpacked(archive, cache=tmp_path / "cache").iterdir())) == 20


def test_an_archive_cannot_write_outside_its_folder(tmp_path: Path) -> None:
    archive = pack(tmp_path / "a.tar.zst", {"../../escaped": b"x"})
    with pytest.raises(ValueError, match="outside"):
        unpacked(archive, cache=tmp_path / "cache" / "deep")
    assert not list(tmp_path.rglob("escaped"))


def test_the_cache_is_outside_the_checkout(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_dir() == tmp_path / "news-ingest"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert not cache_dir().is_relative_to(Path(__file__).resolve().parents[2])


def recorded_corpus(folder: Path) -> Path:
    """A corpus of three polls of two feeds, one of them where the recorder's clock changed to summer time."""
    folder.mkdir()
    pack(
        folder / "polls-2020.tar.zst",
        {
            "a.xml/2020-09-27T014500p1200_11111111.xml": b"<rss>1</rss>",
            "b.xml/2020-09-27T030500p1300_22222222.xml": b"<rss>2</rss>",
            "a.xml/2020-09-27T031000p1300_33333333.xml": b"",
        },
    )
    rows = [
        "path\tcommit_time\tcommit\tblob\tbytes",
        f"a.xml\t2020-09-27T01:45:00+12:00\tc\t11111111{'0' * 32}\t12",
        f"a.xml\t2021-01-01T00:00:00+13:00\tc\t99999999{'0' * 32}\t12",
    ]
    (folder / INDEX).write_text("\n".join(rows) + "\n")
    return folder


def test_polls_are_sorted_by_time(tmp_path: Path) -> None:
    recording = Recording.open(recorded_corpus(tmp_path / "corpus"), cache=tmp_path / "cache")
    assert [(p.feed, p.at.astimezone(UTC).strftime("%H:%M"), p.name) for p in recording.polls] == [
        ("a.xml", "13:45", "2020-09-27T014500"),
        ("b.xml", "14:05", "2020-09-27T030500"),
        ("a.xml", "14:10", "2020-09-27T031000"),
    ]
    assert [poll.etag for poll in recording.polls] == [f'"11111111{"0" * 32}"', '"22222222"', '"33333333"']
    assert [[poll.blob[:1] for poll in polls] for polls in recording.rounds()] == [["1", "2"], ["3"]]


def test_polls_are_served_with_validators_of_their_blob(tmp_path: Path, client: httpx.Client) -> None:
    recording = Recording.open(recorded_corpus(tmp_path / "corpus"), cache=tmp_path / "cache")
    with FeedWorld() as world:
        feeds = recording.load(world)
        for poll in recording.polls:
            assert feeds[poll.feed].advance()
            response = client.get(feeds[poll.feed].url)
            assert (response.status_code, response.content) == (200, poll.path.read_bytes())
            assert response.headers["etag"] == poll.etag
            again = client.get(feeds[poll.feed].url, headers={"If-None-Match": poll.etag})
            assert again.status_code == 304
        assert world.waiting == 0


@pytest.mark.corpus
def test_the_recording_is_complete(recording: Recording) -> None:
    assert len(recording.polls) == 4_717
    assert len(recording.feeds) == 20
    assert all(len(poll.blob) == 40 for poll in recording.polls)
    assert sum(poll.path.stat().st_size == 0 for poll in recording.polls) > 0
    assert sum(len(polls) for polls in recording.rounds()) == 4_717
    times = [poll.at for poll in recording.polls]
    assert times == sorted(times)


@pytest.mark.corpus
def test_every_expected_entry_belongs_to_a_recorded_poll_in_the_same_order(
    corpus: Path, recording: Recording
) -> None:
    order = {(poll.feed, poll.name): number for number, poll in enumerate(recording.polls)}
    kinds: Counter[str] = Counter()
    last: dict[str, int] = {}
    seen: set[tuple[str, str | None]] = set()
    for entry in read_expected(corpus):
        kinds[entry.kind] += 1
        place = order[entry.feed, entry.poll]
        assert place >= last.get(entry.feed, 0)
        last[entry.feed] = place
        assert ((entry.feed, entry.key) in seen) is (entry.kind == "rev")
        seen.add((entry.feed, entry.key))
    assert kinds == {"new": 67_222, "rev": 3_214}


@pytest.mark.corpus
def test_the_wild_feeds_are_feeds_and_are_served_as_they_are(corpus: Path, client: httpx.Client) -> None:
    wild = read_wild(corpus)
    assert len(wild) > 200
    with FeedWorld() as world:
        shown = load_wild(world, wild[:5])
        for each in wild[:5]:
            assert client.get(shown[each.name].url).content == each.path.read_bytes()
