"""``./run replay``: send every recorded poll of the corpus through the service; nothing is lost, nothing stored
twice."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from tests.bench.figures import ABSENT_EXIT, CorpusAbsentError, Figures, corpus_dir
from tests.feedworld.recorded import Recording
from tests.kafka_broker import HOW_TO_RUN, CannotStartError, fetch_jars
from tests.replay.report import Section, report, summary
from tests.replay.run import LogComparison, Material, replay_log, usable_cores
from tests.replay.verdicts import Verdict


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    logs = ["postgres", "kafka"] if options.log == "both" else [options.log]
    jars: Path | None = None
    not_run = ""
    if "kafka" in logs:
        try:
            jars = fetch_jars()
        except CannotStartError as error:
            not_run = str(error)
            if options.log == "kafka" or options.kafka or os.environ.get("CI") == "true":
                print(f"replay: no Kafka broker: {not_run}. {HOW_TO_RUN}", file=sys.stderr)
                return 1
            logs = ["postgres"]
    try:
        material = _material(options)
    except CorpusAbsentError as error:
        print(f"replay: {error}", file=sys.stderr)
        return ABSENT_EXIT
    figures = Figures("replay")
    figures.add("feeds", len(material.recording.feeds), "feeds")
    figures.add("polls", len(material.recording.polls), "polls")
    figures.add("expected_new", sum(entry.kind == "new" for entry in material.expected), "entries")
    figures.add("expected_revisions", sum(entry.kind == "rev" for entry in material.expected), "revisions")
    sections = []
    with material.playback() as playback:
        straight = None
        for log in logs:
            compared = replay_log(
                playback,
                material,
                jars=jars if log == "kafka" else None,
                straight=straight,
                workers=options.workers,
                say=_say,
            )
            straight = compared.straight
            sections.append(_add_figures(figures, compared))
    if options.report:
        Path(options.report).write_text(report(material.recording, sections), "utf-8")
    figures.write_json(options.json)
    if not_run:
        print(f"The Kafka side was NOT run: no broker ({not_run}).\n{HOW_TO_RUN}")
    return figures.exit_code()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="./run replay", description=__doc__)
    parser.add_argument("--log", choices=("postgres", "kafka", "both"), default="both")
    parser.add_argument(
        "--kafka", action="store_true", help="fail where no broker can be had (as with CI=true)"
    )
    parser.add_argument("--feeds", metavar="NAME,…", help="only these, such as bbc,fox")
    parser.add_argument("--limit", metavar="N", type=int, help="only the first N polls of each feed")
    parser.add_argument(
        "--report", metavar="FILE", help="write every disagreement there, by its name (Markdown)"
    )
    parser.add_argument("--workers", metavar="N", type=int, default=usable_cores(), help="parser processes")
    return Figures.options(parser)


def _material(options: argparse.Namespace) -> Material:
    corpus = corpus_dir(options.corpus)
    recording = Recording.open(corpus)
    if options.feeds:
        names = {name.removesuffix(".xml") + ".xml" for name in options.feeds.split(",")}
        if unknown := names - set(recording.feeds):
            raise SystemExit(
                f"replay: --feeds: no feed {', '.join(sorted(unknown))}; there are {', '.join(recording.feeds)}"
            )
        recording = Recording(polls=tuple(poll for poll in recording.polls if poll.feed in names))
    return Material.read(corpus, recording, limit=options.limit, say=_say)


def _add_figures(figures: Figures, compared: LogComparison) -> Section:
    log, judgement = compared.log, compared.judgement
    polls = compared.played.polls.values()
    counts = judgement.counts
    figures.add(f"{log}_articles", compared.totals.articles, "articles")
    figures.add(f"{log}_revisions", compared.totals.revisions, "revisions")
    figures.add(f"{log}_events", compared.totals.events, "events")
    figures.add(f"{log}_matches", compared.totals.matches, "matches")
    ends = Counter(f"polls_failed_{poll.failure}" for poll in polls if poll.failure is not None)
    for name, count in sorted(ends.items()):
        figures.add(f"{log}_{name.replace('-', '_')}", count, "polls")
    figures.add(f"{log}_agreed", counts[Verdict.STORED] + counts[Verdict.REVISED], "entries")
    figures.add(f"{log}_explained", compared.explained, "entries")
    figures.add(f"{log}_texts_without_boilerplate", sum(judgement.removed_texts.values()), "texts")
    for name, failure in (
        ("lost", Verdict.LOST),
        ("repeated", Verdict.REPEATED),
        ("wrong_text", Verdict.WRONG_TEXT),
        ("polls_ended_wrongly", Verdict.POLL),
        ("quarantined", Verdict.QUARANTINED),
        ("stream_mistakes", Verdict.STREAM),
        ("unexplained", Verdict.UNEXPLAINED),
    ):
        figures.add(f"{log}_{name}", counts[failure], "cases", floor=0, lower_is_better=True)
    figures.add(f"{log}_second_replay_added", compared.added, "rows", floor=0, lower_is_better=True)
    figures.add(f"{log}_second_replay_changed", compared.changed, "articles", floor=0, lower_is_better=True)
    figures.add(f"{log}_restart_changed", compared.restart_changed, "rows", floor=0, lower_is_better=True)
    figures.add(f"{log}_seconds", round(compared.played.seconds, 1), "s")
    figures.add(f"{log}_polls_per_second", round(len(polls) / compared.played.seconds, 1), "polls/s")
    section = Section(log=log, judgement=judgement, played=compared.played, notes=compared.notes)
    for line in summary(section):
        print(line, file=sys.stderr)
    return section


def _say(line: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {line}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
