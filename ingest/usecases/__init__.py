"""Use cases: the operations of an operator or a client, called by the command line and the API alike.

::

    cli, api ─ arguments ─▶ use case(engine, …) ─▶ db, log ─▶ typed result ─▶ text or JSON

Functions take engines, logs and the current time as arguments, refuse with :class:`ingest.errors.Refused`, and neither
print nor read settings.

    feeds        add, remove, change, mute, refresh feeds
    next_poll    time and reason of a feed's next poll
    opml         import and export lists of feeds
    hosts        rate limits and pauses of hosts
    websub       subscriptions with hubs
    topics       find, read and load topics
    follow       follow a stream from a cursor
    articles     find an article by id or address
    quarantine   look up and replay records
"""
