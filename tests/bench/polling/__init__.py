"""Products that poll feeds, measured alike: ours, and two peers beside it.

::

    feed world ──▶ Product.first() / .unchanged() ──▶ Pass: seconds, requests and 304s at the server, CPU by role
       (one process, 1,000 documents)      └─ ours · reader · miniflux, each with a database of its own

A pass lasts from the first request that the feed world gets to the moment the product's own database says that all is
stored: what it takes to begin (a process that starts, a timer that comes round) counts for nobody.
"""
