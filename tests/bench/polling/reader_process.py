"""lemon24/reader in a process of its own, controlled by lines of JSON. The peer's Python runs this file, not ours.

``python reader_process.py DATABASE WORKERS``; each line on stdin gets one line on stdout as its result.
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
        response: dict[str, Any] = {}
        match order["do"]:
            case "add":
                for url in order["urls"]:
                    reader.add_feed(url)
            case "update":
                # By default only feeds that are due are updated, and right after an update none is due.
                for _ in reader.update_feeds_iter(scheduled=False, workers=workers):
                    pass
            case "search":
                reader.enable_search()
                reader.update_search()
            case "entries":
                for entry in reader.get_entries():
                    response[entry.feed_url] = response.get(entry.feed_url, 0) + 1
            case "failures":
                response = {
                    feed.url: f"{feed.last_exception.type_name}: {feed.last_exception.value_str}"[:200]
                    for feed in reader.get_feeds()
                    if feed.last_exception
                }
        print(json.dumps(response), flush=True)


main()
