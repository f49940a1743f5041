"""HTTP requests to other people's servers; each returns a response value or a failure value.

::

    Lease ─fetch─▶ hop ─▶ status ─┬─ 2xx ─▶ body: decode, never past the size limit ─▶ Fetched
    URL ──get────▶  ▲             ├─ 304 ─▶ NotModified                (get: WebPage, post: PostResponse)
    form ─post───▶  └── Location ─┤  3xx
                                  └─ any other status or error ─────────────────────▶ Failed

    fetcher       the request verbs, and the exchange they share
    exchange      one exchange: the request, its limits and its hops
    irregular     hosts whose responses are not valid HTTP, and the connections that repair them
    repair        such a response as a valid one
    redirects     the URL and the headers of each hop
    response      status, headers and body of a response
    failures      the HTTP library's exceptions as the value Failed
    session_pool  one session for each combination of proxy and TLS exceptions
    session       connections and their guards
    addresses     the addresses that a socket may connect to
    proxy_guard   the hosts that a proxy may be asked for

httpx parses URLs and resolves redirects; aiohttp sends the requests. Requests through httpx's API take twice the time
(docs/decisions/dependencies.md). No state is kept between two requests. One deadline covers all hops and the body.
Every socket passes :func:`address_refusal` with the address it is about to connect to. A redirect, a disguised address
and a name that resolves to another address the second time therefore meet the same check as the first.
"""

from ingest.fetch.addresses import address_refusal
from ingest.fetch.exchange import Limits
from ingest.fetch.fetcher import Fetcher
from ingest.fetch.session import Resolver

__all__ = ["Fetcher", "Limits", "Resolver", "address_refusal"]
