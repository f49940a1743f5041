"""Topics as rules a person can read, and why an article matches one.

A topic names groups of phrases and says how they must stand::

    - slug: russia-north-korea
      title: Russia–North Korea relations
      phrases:
        russia: [Russia*, Moscow, Kremlin]
        north-korea: [North Korea*, DPRK, Pyongyang]
      rule:
        any:
          - title: {all: [$russia, $north-korea]}        # both in the headline
          - near: [$russia, $north-korea]                # or close to each other, more than once
            within: 25
            at_least: 2

A condition is a phrase, ``$group``, or a mapping with one of: ``any``, ``all``, ``none`` (of a list); ``title``,
``lede``, ``text`` (a condition, looked for only there; the lede is the title and the first words of the text);
``near`` (a list of phrases and groups that stand within so many words of each other, ``at_least`` so often);
``count`` (a phrase or group that is found ``at_least`` so often); ``everything: true``.

Matching is by whole words whatever their case; ``*`` at the end of a word takes any ending. Chinese and Japanese
have no spaces: there each character is a word.

::

    YAML ─files─▶ Topic ─rules─▶ Condition ─┐
    Article ─phrases─▶ Words and Places ────┴─matching─▶ Match

One pass over an article's words finds all phrases of all topics; the conditions then only look at places.
"""

from __future__ import annotations

from ingest.classify.files import read_topics, write_topics
from ingest.classify.matching import Classifier, compile_topics

__all__ = ["Classifier", "compile_topics", "read_topics", "write_topics"]
