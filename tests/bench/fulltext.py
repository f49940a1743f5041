"""Full-text extraction: share of an article's text extracted from its page, and pages a second.

``./run bench fulltext [--corpus DIR] [--json FILE]``

The score is that of Scrapinghub's benchmark (https://github.com/scrapinghub/article-extraction-benchmark): F1 over runs
of four tokens against bodies marked by people, each page with the same weight. The same run scores all text of the
page, as a reader without extraction would get it. Extraction runs in a worker process, as in the service.
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
    """Count each run of ``RUN`` tokens in ``text``; a shorter text is a single run."""
    tokens = TOKENS.findall(text)
    return (
        Counter(tuple(tokens[at : at + RUN]) for at in range(max(1, len(tokens) - RUN + 1)))
        if tokens
        else Counter()
    )


def f1(pairs: Iterable[tuple[str, str]]) -> tuple[float, float, float]:
    """Return F1, precision and recall over pairs of marked and extracted texts."""
    right = wrong = missed = 0.0
    for marked, extracted in pairs:
        expected, actual = runs(marked), runs(extracted)
        shared = (expected & actual).total()
        total = expected.total() + actual.total() - shared
        if total:
            right += shared / total
            wrong += (actual.total() - shared) / total
            missed += (expected.total() - shared) / total
    precision, recall = right / max(1e-9, right + wrong), right / max(1e-9, right + missed)
    return 2 * precision * recall / max(1e-9, precision + recall), precision, recall


def of_feed(name: str, title: str, teaser: str) -> Article:
    """Return an article as a feed with teasers only publishes it."""
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


def visible_text(page: bytes) -> str:
    """Return all text of a page, without extraction."""
    return markup.plain_text(markup.sanitise(page.decode("utf-8", "replace"), base="https://outlet.example/"))


def teaser_of(page: bytes) -> tuple[str, str]:
    """Return title and teaser from the page's metadata, which outlets usually put into their feeds too."""
    head = page[:200_000].decode("utf-8", "replace")
    meta: dict[str, str] = {}
    for tag in re.findall(r"<meta\b[^>]*>", head, re.IGNORECASE):
        name = re.search(
            r"""(?:property|name)\s*=\s*["']?(og:title|og:description|description)\b""", tag, re.IGNORECASE
        )
        content = re.search(r"""content\s*=\s*(?:"([^"]*)"|'([^']*)')""", tag, re.IGNORECASE)
        if name and content:
            meta.setdefault(name[1].lower(), markup.single_line(content[1] or content[2] or ""))
    return meta.get("og:title", ""), meta.get("og:description") or meta.get("description", "")


async def in_worker(pages: Mapping[str, bytes]) -> tuple[list[float], int]:
    """Extract each page in one worker; return the seconds of each, and how many texts were no better than the teaser.

    The start of the worker and its first page are not measured.
    """
    seconds: list[float] = []
    rejected = 0
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
            result = await pool.read_page(body)
            if number:
                seconds.append(time.perf_counter() - begun)
                rejected += not isinstance(result, Message)
    return seconds, rejected


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
    extracted = {name: extract(name, page) for name, page in pages.items()}
    measure_extraction(figures, marked, pages, extracted)
    measure_refusals(figures, pages, extracted)
    measure_worker(figures, pages)
    figures.write_json(options.json)
    return figures.exit_code()


def extract(name: str, page: bytes) -> str:
    html = article_html(page, content_type="text/html; charset=utf-8")
    merged = merge_page_text(
        of_feed(name, "", ""), html, page_url=f"https://outlet.example/{name}", page_id=1, seen_at=NOW
    )
    return merged.text if isinstance(merged, Article) else ""


def measure_extraction(
    figures: Figures, marked: Mapping[str, str], pages: Mapping[str, bytes], extracted: Mapping[str, str]
) -> None:
    score, precision, recall = f1((marked[name], extracted[name]) for name in pages)
    figures.add("fulltext_f1", score, "ratio", floor=LEAST_F1)
    figures.add("fulltext_precision", precision, "ratio")
    figures.add("fulltext_recall", recall, "ratio")
    all_text, _, _ = f1((marked[name], visible_text(page)) for name, page in pages.items())
    figures.add("all_text_f1", all_text, "ratio")


def measure_refusals(figures: Figures, pages: Mapping[str, bytes], extracted: Mapping[str, str]) -> None:
    """Count the pages refused for their own article's teaser, and those accepted for another article's."""
    teasers = {name: teaser_of(page) for name, page in pages.items()}

    def is_refused(page: str, article: str) -> bool:
        title, teaser = teasers[article]
        return no_better(extracted[page], title=title, own=teaser) is not None

    names = [name for name in pages if len(teasers[name][1]) >= 40 and extracted[name]]
    refused = sum(is_refused(name, name) for name in names)
    # Pair every page with every other article's teaser, as if the article's link led to the wrong page.
    pairs = [(page, article) for article in names for page in names if article != page]
    accepted = sum(not is_refused(page, article) for page, article in pairs)
    figures.add("own_page_refused", refused / max(1, len(names)), f"ratio_of_{len(names)}")
    figures.add(
        "other_page_taken",
        accepted / max(1, len(pairs)),
        f"ratio_of_{len(pairs)}",
        floor=0.02,
        lower_is_better=True,
    )


def measure_worker(figures: Figures, pages: Mapping[str, bytes]) -> None:
    seconds, rejected = asyncio.run(in_worker(pages))
    seconds.sort()
    figures.add("pages_a_second", len(seconds) / sum(seconds), "pages/s/worker")
    figures.add("page_p50", 1000 * seconds[len(seconds) // 2], "ms")
    figures.add("page_max", 1000 * seconds[-1], "ms")
    figures.add("worker_peak", resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024, "MB")
    figures.add("worker_kept_feeds_text", rejected, "pages")


if __name__ == "__main__":
    sys.exit(main())
