"""The feed world of the tests: :mod:`ingest.demo.world` with every fault, recorded and generated feeds.

::

    from tests.feedworld import FeedWorld, faults

    with FeedWorld() as world:
        feed = world.feed("/a.xml")
        feed.publish(rss)
        feed.fail_next(faults.status(503, headers={"Retry-After": "60"}), faults.reset())
"""

from ingest.demo.feeds import WorldFeed
from ingest.demo.pages import AUTO, CODINGS, WEAK, Version
from ingest.demo.responses import End, Fault, HttpResponse, Pause, Request, Script, Truth, honest, late
from ingest.demo.world import FeedWorld, loopback_addresses
from tests.feedworld.codings import ALL_CODINGS

__all__ = [
    "ALL_CODINGS",
    "AUTO",
    "CODINGS",
    "WEAK",
    "End",
    "Fault",
    "FeedWorld",
    "HttpResponse",
    "Pause",
    "Request",
    "Script",
    "Truth",
    "Version",
    "WorldFeed",
    "honest",
    "late",
    "loopback_addresses",
]
