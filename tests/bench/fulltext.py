"""How much of an article is found in its page, and how fast: F1 against bodies that people marked.

``./run bench fulltext [--corpus DIR] [--json FILE]``

Scored as the article-extraction benchmark of Scrapinghub scores (https://github.com/scrapinghub/article-extraction-benchmark):
runs of four tokens, counted; each page weighs the same. Beside it, in the same run, what the page shows in all: what a
reader of text alone would get without extraction. Extraction runs in the poller's own worker process, as it does in
the service.
"""

from __future__ import annotations

import argparse
import asyncio
import gzip
import json
import re
import resource
import sys
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from ingest.extract import article_html
from ingest.identity import article_id, content_hash
from ingest.normalise import markup
from ingest.normalise.page_text import merge_page_text, no_better
from ingest.parse_pool import PageBody, ParserPool
from ingest.types import Article, Message
from tests.bench.figures import CorpusAbsentError, Figures, corpus_dir, corpus_file, read_tar_zst

LEAST_F1: Final = 0.93
TOKENS: Final = re.compile(r"\w+|[^\w\s]")
RUN: Final = 4
NOW: Final = datetime(2026, 11, 26, tzinfo=UTC)


def runs(text: str) -> Counter[tuple[str, ...]]:
    """How often each run of ``RUN`` tokens stands in ``text``; of a shorter one, itself."""
    tokens = TOKENS.findall(text)
    return (
        Counter(tuple(tokens[at : at + RUN]) for at in range(max(1, len(tokens) - RUN + 1)))
        if tokens
        else Counter()
    )


def f1(pairs: Iterable[tuple[str, str]]) -> tuple[float, float, float]:
    """F1, precision and recall of (marked, found) texts."""
    right = wrong = missed = 0.0
    for marked, found in pairs:
        wanted, had = runs(marked), runs(found)
        shared = (wanted & had).total()
        total = wanted.total() + had.total() - shared
        if total:
            right += shared / total
            wrong += (had.total() - shared) / total
            missed += (wanted.total() - shared) / total
    precision, recall = right / max(1e-9, right + wrong), right / max(1e-9, right + missed)
    return 2 * precision * recall / max(1e-9, precision + recall), precision, recall


def of_feed(name: str, title: str, teaser: str) -> Article:
    """An article as a feed with nothing but a teaser has it."""
    url = f"https://outlet.example/{name}"
    return Article(
        id=article_id(url=url, feed_url=url),
        feed_id=1,
        feed_url="https://outlet.example/feed",
        poll_id=1,
        entry_key=bytes(16),
        content_hash=content_hash(title, teaser, ()),
        seen_at=NOW,
        url=url,
        guid=None,
        title=title,
        authors=(),
        publisher=None,
        source="outlet.example",
        attribution=None,
        summary=teaser,
        text=teaser,
        html=teaser,
        language=None,
        categories=(),
        image=None,
        published_at=None,
        updated_at=None,
    )


def shown(page: bytes) -> str:
    """All text of a page, without extraction."""
    return markup.plain_text(markup.sanitise(page.decode("utf-8", "replace"), base="https://outlet.example/"))


def teaser_of(page: bytes) -> tuple[str, str]:
    """Title and teaser as the page itself gives them to others, which is what outlets put into their feeds."""
    head = page[:200_000].decode("utf-8", "replace")
    found: dict[str, str] = {}
    for tag in re.findall(r"<meta\b[^>]*>", head, re.IGNORECASE):
        name = re.search(
            r"""(?:property|name)\s*=\s*["']?(og:title|og:description|description)\b""", tag, re.IGNORECASE
        )
        content = re.search(r"""content\s*=\s*(?:"([^"]*)"|'([^']*)')""", tag, re.IGNORECASE)
        if name and content:
            found.setdefault(name[1].lower(), markup.single_line(content[1] or content[2] or ""))
    return found.get("og:title", ""), found.get("og:description") or found.get("description", "")


async def in_worker(pages: Mapping[str, bytes]) -> tuple[list[float], int]:
    """Seconds for each page through one worker, its start and first page not counted; how many were no better."""
    seconds: list[float] = []
    kept = 0
    async with ParserPool(workers=1, deadline=timedelta(seconds=60), memory=1024**3) as pool:
        for number, (name, page) in enumerate([*[*pages.items()][:1], *pages.items()]):
            title, teaser = teaser_of(page)
            body = PageBody(
                article=of_feed(name, title, teaser),
                page_id=number + 1,
                seen_at=NOW,
                url=f"https://outlet.example/{name}",
                content_type="text/html; charset=utf-8",
                body=page,
            )
            begun = time.perf_counter()
            answer = await pool.read_page(body)
            if number:
                seconds.append(time.perf_counter() - begun)
                kept += not isinstance(answer, Message)
    return seconds, kept


def main(arguments: Sequence[str] | None = None) -> int:
    parser = Figures.options(
        argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    )
    options = parser.parse_args(arguments)
    figures = Figures("fulltext")
    try:
        archive = corpus_file(corpus_dir(options.corpus), "fulltext.tar.zst")
    except CorpusAbsentError as absent:
        print(absent, file=sys.stderr)
        return 2
    files = {name.rpartition("/")[2]: content for name, content in read_tar_zst(archive)}
    marked = {name: str(row["articleBody"]) for name, row in json.loads(files["ground-truth.json"]).items()}
    pages = {
        name: gzip.decompress(files[f"{name}.html.gz"])
        for name in sorted(marked)
        if f"{name}.html.gz" in files
    }
    figures.add("pages", len(pages), "pages")

    found: dict[str, str] = {}
    for name, page in pages.items():
        html = article_html(page, content_type="text/html; charset=utf-8")
        whole = merge_page_text(
            of_feed(name, "", ""), html, page_url=f"https://outlet.example/{name}", page_id=1, seen_at=NOW
        )
        found[name] = whole.text if isinstance(whole, Article) else ""
    score, precision, recall = f1((marked[name], found[name]) for name in pages)
    figures.add("fulltext_f1", score, "ratio", floor=LEAST_F1)
    figures.add("fulltext_precision", precision, "ratio")
    figures.add("fulltext_recall", recall, "ratio")
    figures.add("all_text_f1", f1((marked[name], shown(page)) for name, page in pages.items())[0], "ratio")

    teasers = {name: teaser_of(page) for name, page in pages.items()}
    told = [name for name in pages if len(teasers[name][1]) >= 40 and found[name]]
    refused = sum(
        no_better(found[name], title=teasers[name][0], own=teasers[name][1]) is not None for name in told
    )
    # Every page against every other article's teaser: what would come of a link that leads somewhere else.
    others = [(one, other) for one in told for other in told if one != other]
    taken = sum(
        no_better(found[other], title=teasers[one][0], own=teasers[one][1]) is None for one, other in others
    )
    figures.add("own_page_refused", refused / max(1, len(told)), f"ratio_of_{len(told)}")
    figures.add(
        "other_page_taken",
        taken / max(1, len(others)),
        f"ratio_of_{len(others)}",
        floor=0.02,
        lower_is_better=True,
    )

    seconds, kept = asyncio.run(in_worker(pages))
    seconds.sort()
    figures.add("pages_a_second", len(seconds) / sum(seconds), "pages/s/worker")
    figures.add("page_p50", 1000 * seconds[len(seconds) // 2], "ms")
    figures.add("page_max", 1000 * seconds[-1], "ms")
    figures.add("worker_peak", resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024, "MB")
    figures.add("worker_kept_feeds_text", kept, "pages")
    figures.write_json(options.json)
    return figures.exit_code()


if __name__ == "__main__":
    sys.exit(main())
