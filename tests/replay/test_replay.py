"""A slice of the replay for CI: a few feeds with an outage, broken documents and a stop, then all of it again."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.bench.figures import CorpusAbsentError, corpus_dir
from tests.feedworld.recorded import Recording
from tests.replay.run import LogComparison, Material, replay_log
from tests.replay.verdicts import Verdict

pytestmark = [pytest.mark.corpus, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def corpus() -> Path:
    try:
        return corpus_dir()
    except CorpusAbsentError as error:
        pytest.skip(str(error))


def read(corpus: Path, *feeds: str, limit: int) -> Material:
    recording = Recording.open(corpus)
    polls = tuple(poll for poll in recording.polls if poll.feed in {f"{name}.xml" for name in feeds})
    return Material.read(corpus, Recording(polls=polls), limit=limit, say=print)


def replayed(material: Material, *, jars: Path | None) -> LogComparison:
    with material.playback() as playback:
        return replay_log(
            playback, material, jars=jars, straight=None, workers=os.cpu_count() or 1, say=print
        )


def assert_nothing_wrong(compared: LogComparison) -> None:
    assert compared.judgement.failures() == {}, compared.judgement.examples
    assert compared.judgement.counts[Verdict.STORED] > 0
    assert compared.judgement.counts[Verdict.REVISED] > 0
    assert (compared.added, compared.changed, compared.restart_changed) == (0, 0, 0), compared.notes


def test_recorded_polls_with_an_outage_and_broken_documents_lose_nothing_and_repeat_nothing(
    corpus: Path,
) -> None:
    """fox has an empty poll and three that are cut; the Daily Telegraph has no guids, and an empty first poll."""
    material = read(corpus, "dailytelegraph", "fox", "wsj", limit=120)
    compared = replayed(material, jars=None)
    assert_nothing_wrong(compared)
    ends = [(poll.result, poll.failure) for poll in compared.played.polls.values()]
    empty = [poll for poll in material.recording.polls if poll.path.stat().st_size == 0]
    assert len(empty) >= 3
    assert ends.count(("failed", "empty")) == len(empty)
    assert ends.count(("fetched", None)) == len(ends) - len(empty)


@pytest.mark.kafka
def test_the_result_is_the_same_when_the_log_is_kafka(corpus: Path, kafka_jars: Path) -> None:
    assert_nothing_wrong(replayed(read(corpus, "dailytelegraph", "wsj", limit=40), jars=kafka_jars))
