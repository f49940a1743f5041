"""``./run simulate``: a month of 100,000 feeds on a clock of its own, through the policy that the service runs.

::

    world     hosts and their feeds: when each publishes, how its server answers, when it is down      (from a seed)
      │
      ├─▶ ours    admit ─▶ answer of the world ─▶ outcome ─▶ due again     ingest.schedule, called and not copied
      └─▶ peers   fixed intervals, Miniflux, Media Cloud's rss-fetcher     by what their documents and settings say
            │
            └─▶ tally ─▶ polls, delay from publishing to seeing, what was missed, what was lost; broken promises

Hosts know nothing of each other, so they are simulated one after another, on all processors; a share of whole
hosts stands for all of them, and is drawn so that hosts of every size are in it. docs/simulation.md has what came
of it, and says what is measured in the corpus and what is assumed.
"""
