"""Parts of which the rules of boilerplate are made: the type of a rule, and expressions that several rules share.

A rule's free parts are named groups, which are checked beyond the expression: ``headline`` begins like one and is no
sentence; ``name``, ``place`` and ``owner`` are names; ``rest`` is a closed notice; ``credits`` are credits of people.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

LINE_CHARACTERS: Final = 600
"""A longer paragraph is not boilerplate."""
EDGE_LINES: Final = 8
"""First and last paragraphs in which a line about the whole text may stand."""

# The words of a clause: a free part that has one may be a sentence.
CLAUSE: Final = (
    "that|which|who|whom|whose|said|says|say|told|tells|he|she|they|it|was|were|is|are|has|have|had|will|would|could"
    "|should|did|does|because|after|before|while|when|but|if|where|how|why|must|may|might|never|not"
)


def phrase(limit: int) -> str:
    """An expression for at most this many characters without punctuation and without the words of a clause."""
    return rf"(?:(?!\b(?:{CLAUSE})\b)(?:[^,;.!?:…\n“”\"«»]|\.(?=\w))){{0,{limit}}}"


HEADLINE: Final = r"(?P<headline>\S[^\n]{2,220})"
NAME: Final = r"(?P<name>\S[^\n]{1,100}?)"
URL: Final = r"(?:https?://|www\.)\S{3,300}|\b[\w-]{2,60}\.(?:com|org|net|tv|ru|de|fr|kr|jp|cn|uk|eu|info|news)(?:/\S{0,200})?"
DOMAIN: Final = r"(?:www\.)?[\w-]{1,63}(?:\.[\w-]{2,63}){1,3}(?:/\S{0,200})?"
ADDRESS: Final = r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,4}"
KINDS: Final = (
    "article|story|post|piece|report|essay|column|commentary|analysis|interview|page|content|text|source"
)
LETTERS: Final = r"(?:newsletters?|e-?mails?|updates|alerts|mailing\slist|podcasts?|briefing)"
NETWORKS: Final = (
    r"(?:twitter|facebook|instagram|telegram|youtube|linked-?in|whats-?app|tik-?tok|x|threads|mastodon|bluesky|vkontakte"
    r"|vk|ok|viber|line|wechat|weibo|google\snews|flipboard|reddit|pinterest|dzen|rss|rumble|gab|gettr|truth\ssocial"
    r"|фейсбуке?|твиттере?|телеграме?|телеграм-канале?|вконтакте|одноклассниках|дзене?|ютубе?)"
)
HERE: Final = r"(?:\s(?:here|now|today|below|above))?"


class Place(Enum):
    """The part of a text in which a rule applies."""

    ANYWHERE = "anywhere"
    EDGES = "edges"
    """The first and last lines."""
    END = "end"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Lines that one of the expressions matches whole, white space and marks around them aside."""

    name: str
    words: str
    """The words that a line begins with, in lower case; ``*`` for lines that contain one of ``marks``."""
    lines: tuple[str, ...]
    marks: tuple[str, ...] = ()
    limit: int = 240
    """Characters of the longest line."""
    place: Place = Place.ANYWHERE
