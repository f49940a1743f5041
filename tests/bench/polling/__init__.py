"""Products that poll feeds, measured in the same way: the service, and two peers.

::

    feed world ──▶ Product.first() / .unchanged() ──▶ Pass: seconds, requests and 304s at the server, CPU by role
       (one process, 1,000 documents)      └─ ours · reader · miniflux, each with a database of its own

A pass lasts from the first request at the feed world to the moment when the product's own database has everything
stored. The time before (a starting process, the next tick of a timer) is not measured.
"""
