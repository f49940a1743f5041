"""Asking other people's servers over HTTP: what they said, or why nothing came of it.

::

    Lease ─fetch─▶ hop ─▶ status ─┬─ 2xx ─▶ body: undo codings, never past the cap ─▶ Fetched
    URL ──get────▶  ▲             ├─ 304 ─▶ NotModified                                (get: Page, post: Answer)
    form ─post───▶  └── Location ─┤  3xx
                                  └─ else, or anything that goes wrong on the way ──▶ Failed

    fetcher    the three verbs, and the one way all of them go
    reading    an answer: its body, status and headers
    failures   exceptions of the library, as the value Failed
    channels   ways to a server: through which proxy, with which exceptions from TLS
    session    connections, and the guards at them
    addresses  which addresses may be connected to
    targets    which hosts a proxy may be asked for

httpx reads addresses and says where a redirect leads; aiohttp asks: requests and answers through httpx's API cost
twice the time (docs/decisions/dependencies.md). Nothing is kept between two requests. One deadline covers all hops and
the body. Every socket passes :func:`refusal` with the address it is about to connect to, so a name that resolves to
another address the second time, a redirect or an address in a disguise gets no further than the first.
"""

from ingest.fetch.addresses import refusal
from ingest.fetch.fetcher import Fetcher, Limits
from ingest.fetch.session import Resolver

__all__ = ["Fetcher", "Limits", "Resolver", "refusal"]
