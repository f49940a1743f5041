"""Classify articles by topics, whose rules people can read, and explain each match.

A topic has groups of phrases and a rule over their positions::

    - slug: russia-north-korea
      title: Russia–North Korea relations
      phrases:
        russia: [Russia*, Moscow, Kremlin]
        north-korea: [North Korea*, DPRK, Pyongyang]
      rule:
        any:
          - title: {all: [$russia, $north-korea]}        # both in the title
          - near: [$russia, $north-korea]                # or close to each other, more than once
            within: 25
            at_least: 2

A condition is a phrase, ``$group``, or a mapping with one of: ``any``, ``all``, ``none`` (of a list); ``title``,
``lede``, ``text`` (a condition on that part only; the lede is the title and the first words of the text); ``near`` (a
list of phrases and groups that occur within a number of words, at ``at_least`` places); ``count`` (a phrase or group
that occurs ``at_least`` times); ``everything: true``.

A phrase matches whole words and ignores case; ``*`` at the end of a word matches any ending. Chinese and Japanese have
no spaces between words, so each of their characters counts as a word.

::

    YAML ─files─▶ Topic ─rules─▶ Condition ───────┐
    Article ─phrases─▶ words, phrases' positions ─┴─matching─▶ Match

One pass over an article's words finds the phrases of all topics; the conditions then only compare positions.
"""

from __future__ import annotations

from ingest.classify.files import read_topics, write_topics
from ingest.classify.matching import Classifier, compile_topics

__all__ = ["Classifier", "compile_topics", "read_topics", "write_topics"]
