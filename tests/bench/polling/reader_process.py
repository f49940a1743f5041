"""lemon24/reader in a process of its own, told what to do by lines of JSON. Run by the peer's Python, not by ours.

``python reader_process.py DATABASE WORKERS``; each line on stdin is answered by one on stdout when it is done.
"""

from __future__ import annotations

import importlib
import json
import sys
from typing import Any


def main() -> None:
    database, workers = sys.argv[1], int(sys.argv[2])
    reader: Any = importlib.import_module("reader").make_reader(database)
    for line in sys.stdin:
        order = json.loads(line)
        answer: dict[str, Any] = {}
        match order["do"]:
            case "add":
                for url in order["urls"]:
                    reader.add_feed(url)
            case "update":
                # By default it asks only for feeds that are due, which right after an update are none.
                for _ in reader.update_feeds_iter(scheduled=False, workers=workers):
                    pass
            case "search":
                reader.enable_search()
                reader.update_search()
            case "entries":
                for entry in reader.get_entries():
                    answer[entry.feed_url] = answer.get(entry.feed_url, 0) + 1
            case "failures":
                answer = {
                    feed.url: f"{feed.last_exception.type_name}: {feed.last_exception.value_str}"[:200]
                    for feed in reader.get_feeds()
                    if feed.last_exception
                }
        print(json.dumps(answer), flush=True)


main()
