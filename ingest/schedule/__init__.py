"""Decide when a feed is polled next and which memory of a poll is stored. Pure.

==============  =========================================================================================
outcome         the outcome of a poll, composed from the modules below
policy          the operator's settings, and the jitter
interval        the interval of a feed that responds
publish_rate    entries per hour, and the interval that they justify
publication     publishing rate, gaps and missed entries after a poll
hints           intervals and pauses that servers and feeds request
silence         the time by which new entries are overdue
backoff         the delay after failures, and pauses of hosts
conditional     whether validators are sent, and which are stored
relocation      permanent redirects
states          the state of a feed, and alerts about it
site_change     whether the content comes from another site
sitemap_index   the sitemaps of an index that are polled
user_agents     the user agent that a feed is offered
reconcile       an operator's change during a poll
rate_limit      the rate limits of a host
page_fetch      the pages of articles
websub          subscriptions with hubs
==============  =========================================================================================
"""

from ingest.schedule.backoff import pause_for
from ingest.schedule.conditional import body_hash, is_conditional, needs_reparse, without_validators
from ingest.schedule.durations import format_duration
from ingest.schedule.outcome import decide_outcome
from ingest.schedule.policy import JITTER, Policy, with_jitter
from ingest.schedule.reconcile import keep_operator_changes
from ingest.schedule.relocation import MOVED_AFTER

__all__ = [
    "JITTER",
    "MOVED_AFTER",
    "Policy",
    "body_hash",
    "decide_outcome",
    "format_duration",
    "is_conditional",
    "keep_operator_changes",
    "needs_reparse",
    "pause_for",
    "with_jitter",
    "without_validators",
]
