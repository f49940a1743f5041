"""``./run simulate``: a month of 100,000 feeds in simulated time, through the policy that the service runs.

::

    world     hosts and their feeds: publishing times, server responses, outages      (from a seed)
      │
      ├─▶ ours    admit ─▶ response of the world ─▶ outcome ─▶ due again   ingest.schedule itself
      └─▶ peers   fixed intervals, Miniflux, Media Cloud's rss-fetcher     from their documents and settings
            │
            └─▶ tally ─▶ polls, delay from publishing to seeing, missed and lost entries; broken promises

Hosts are independent, so they are simulated one after another on all processors. A sample of whole hosts, with hosts of
every size, represents all of them. docs/simulation.md has the results, and tells measured from assumed inputs.
"""
