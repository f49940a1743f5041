"""Remove boilerplate around a story, and read its declared origin.

Aggregators add sentences to the text that they repost ("This article was originally published by … at …"), and content
management systems add theirs to everything ("The post … appeared first on …", cookie notices). With these lines two
copies of one story would differ, and a search would find every article of a site. So the lines are removed, and the
origin that they name becomes the :class:`~ingest.types.Attribution`.

Every regular expression is bounded, and applies to lines of at most :data:`LINE_CHARACTERS`: longer ones are prose.
"""

from __future__ import annotations

import html
import re
from dataclasses import replace
from typing import Final

from ingest.types import Attribution
from ingest.urls import canonical

LINE_CHARACTERS: Final = 600
"""A longer paragraph is not boilerplate."""
EDGE_LINES: Final = 8
"""First and last paragraphs in which a sentence about an origin applies to the whole text."""
NAME_WORDS: Final = 8
TRAILER_CHARACTERS: Final = 200

# A name: its first word in any case, then words with a capital, with small ones such as "of the" between them. It ends
# before the full stop of its sentence.
_SMALL: Final = r"(?:of|the|and|for|de|la|le|du|des|del|der|die|das|von|van|al|el|to|&)"
_REST: Final = r"[^\s,;:()\[\]|]*(?<![.!?])"
_NAME: Final = rf"(?:(?i:the)\s+)?[^\s,;:()\[\]|]{_REST}(?:\s+(?:{_SMALL}\s+){{0,2}}[^\W\da-z]{_REST}){{0,7}}"
_PERSONS: Final = rf"{_NAME}(?:(?:,|\s+and|,\s+and)\s+{_NAME}){{0,3}}"
_KINDS: Final = r"article|story|post|piece|report|essay|column|commentary|analysis|interview|content"
_THIS: Final = rf"(?:this|a\s+version\s+of\s+this|the\s+(?:above|following))\s+(?:{_KINDS})"
_RAN: Final = r"(?:published|posted|appeared|ran|printed|reported|featured|released|written)"
_AGAIN: Final = r"(?:re-?published|re-?posted|reprinted|syndicated|shared|reproduced)"
_LEAVE: Final = r"(?:with\s+(?:the\s+)?permission\s+)?"
_AT: Final = r"(?:at|on|in|for|by|with|via)"
_PUBLISHER: Final = rf"(?P<publisher>{_NAME})"
_AUTHOR: Final = rf"(?P<author>{_PERSONS})"


def _any(*expressions: str) -> re.Pattern[str]:
    """One expression that matches where any of these does."""
    joined = "|".join(f"(?:{expression})" for expression in expressions)
    return re.compile(joined, re.IGNORECASE)


# Each names the first publisher. The first match of a line counts. Only names are case-sensitive.
_ORIGINS: Final = tuple(
    re.compile(expression)
    for expression in (
        rf"(?i:\b(?:originally|first)\s+{_RAN}\s+by)\s+{_AUTHOR}\s+(?i:at|on|in|for|via)\s+{_PUBLISHER}",
        rf"(?i:{_THIS}\s+by)\s+{_AUTHOR}\s+(?i:(?:was\s+)?(?:originally|first)\s+{_RAN}\s+{_AT})\s+{_PUBLISHER}",
        rf"(?i:\b(?:originally|first)\s+(?:was\s+)?{_RAN}\s+{_AT})\s+{_PUBLISHER}",
        rf"(?i:\b{_RAN}\s+(?:originally|first)\s+{_AT})\s+{_PUBLISHER}",
        rf"(?i:^{_THIS}\s+(?:is|was|has\s+been)\s+{_AGAIN}\s+{_LEAVE}(?:from|by|of))\s+{_PUBLISHER}",
        rf"(?i:^{_AGAIN}\s+(?:here\s+)?{_LEAVE}(?:from|of|by))\s+{_PUBLISHER}",
    )
)
_SOURCE_LINE: Final = re.compile(
    r"^(?:sources?|original source|via|quelle|fuente|fonte|источник|източник|джерело|출처|来源|來源|出典)"
    r"\s?[:：]\s*(?P<publisher>[^\n]{2,80})$",
    re.IGNORECASE,
)
_APPEARED_FIRST: Final = re.compile(
    r"^the (?:post|article|story)\s.{0,400}?\s(?:appeared first|first appeared|originally appeared)"
    r"\s(?:on|at|in)\s(?P<publisher>[^\n]{2,80})$",
    re.IGNORECASE,
)
_ORIGIN_LINE: Final = _any(
    rf"^\W*{_THIS}\b.{{0,200}}\b(?:originally|first|{_AGAIN})\b",
    rf"^\W*(?:originally|first)\s+{_RAN}\b",
    rf"^\W*{_AGAIN}\b",
    r"^the (?:post|article|story)\s",
)
_ORIGIN_HINTS: Final = (
    "originally",
    "first",
    "publish",
    "posted",
    "reprinted",
    "syndicated",
    "reproduced",
    "shared",
)

# Lines that are never part of a story, under the words that they begin with.
_BOILERPLATE_LINES: Final[tuple[tuple[str, tuple[str, ...]], ...]] = (
    (
        "read view see continue keep also",
        (
            (
                rf"(?:read|view|see)\s(?:the\s)?(?:full|whole|entire|original|complete)(?:\s(?:{_KINDS}|text|source))?"
                r"(?:\s(?:here|at|on)\b.{0,80})?"
            ),
            rf"read\sthe\srest\sof\s(?:the|this)\s(?:{_KINDS})\b.{{0,80}}",
            r"(?:continue|keep)\sreading\b.{0,200}",
            r"read\smore(?:\s(?:here|at|on|about|from)\b.{0,120})?",
            r"(?:see\salso|also\sread|read\salso)\s?:.{3,300}",
        ),
    ),
    (
        "please subscribe sign get",
        (
            r"(?:please\s)?(?:subscribe|sign[\s-]up)\b.{0,60}\b(?:newsletters?|e-?mail|updates|inbox)\b.{0,200}",
            r"subscribe\s(?:to\sour\b.{0,120}|now|today|here)",
            r"get\s(?:our|the)\b.{0,120}\b(?:newsletter|inbox)\b.{0,120}",
        ),
    ),
    (
        "this our we privacy cookie cookies",
        (
            r"(?:this|our)\s(?:web\s?site|site|page)\suses\scookies\b.{0,400}",
            r"(?:we|our\spartners)\suse\scookies\b.{0,400}",
            r"(?:privacy|cookies?|privacy\s(?:&|and)\scookies?)\spolicy",
            r"this\svideo\sis\s(?:from|by)\b.{0,200}",
        ),
    ),
    (
        "accept watch click tap",
        (
            r"accept\s+read\smore",
            r"watch\s(?:this|the\sfull)\s(?:report|video|clip|episode|segment|interview)\b.{0,400}",
            r"(?:click|tap)\shere\s(?:to|for)\b.{0,120}",
        ),
    ),
    (
        "share tweet print email pin follow like find leave",
        (
            r"(?:share|tweet|print|email|pin)\sthis(?:\s(?:article|story|post))?",
            r"(?:follow|like|find)\sus\son\b.{0,160}",
            r"leave\sa\s(?:comment|reply)",
        ),
    ),
    (
        "advertisement sponsored story scroll",
        (
            r"advertisement|sponsored\scontent",
            r"story\scontinues\sbelow(?:\s(?:this\s)?advertisement)?",
            r"scroll\s(?:down\s)?to\scontinue.{0,60}",
        ),
    ),
    (
        "© c copyright all",
        (r"(?:©|\(?c\)|copyright)\s.{0,40}\d{4}.{0,200}", r"all\srights\sreserved"),
    ),
    (
        "source sources related recommended",
        (
            r"sources?\s(?:for\sthis\sarticle\s)?include\b.{0,200}",
            r"(?:related|recommended)(?:\s\w{4,10})?\s?:.{3,300}",
        ),
    ),
    (
        "читать подробнее подписывайтесь прочетете weiterlesen lire leer lea leia",
        (
            r"читать\s(?:далее|полностью|дальше|также)\b.{0,200}",
            r"подробнее|подписывайтесь\sна\b.{0,200}",
            r"прочетете\s(?:още|повече)\b.{0,200}",
            r"weiterlesen\b.{0,80}",
            r"lire\s(?:la\ssuite|aussi|plus)\b.{0,200}",
            r"(?:leer|lea)\s(?:más|también)\b.{0,200}",
            r"leia\smais\b.{0,200}",
        ),
    ),
    (
        "무단전재 무단 저작권자 기사제보 기사 続きを読む 阅读全文 閱讀全文 继续阅读 查看全文",
        (
            r"무단\s?전재.{0,80}",
            r"저작권자.{0,160}",
            r"기사\s?제보.{0,160}",
            r"(?:続きを読む|阅读全文|閱讀全文|继续阅读|查看全文).{0,80}",
        ),
    ),
)
_BOILERPLATE: Final[dict[str, re.Pattern[str]]] = {
    word: _any(*(rf"^[\W_]*(?:{expression})\W*$" for expression in expressions))
    for words, expressions in _BOILERPLATE_LINES
    for word in words.split()
}
_FIRST_WORD: Final = re.compile(r"[^\w©]*(©|[^\W_]+)")
_ASIDE: Final = re.compile(
    r"\s*[(\[]\s*(?:related(?:\sarticle)?|see\salso|read\salso|also\sread|read\smore|more|recommended)\s?:"
    r"[^()\[\]\n]{3,300}[)\]]",
    re.IGNORECASE,
)
_TRAILER: Final = re.compile(
    r"\s*(?:\[(?:…|\.\.\.)\]|(?:…|\.\.\.)?\s*(?:continue\sreading|read\smore|read\sthe\sfull\s(?:story|article))"
    r"\s*(?:»|→|…|\.\.\.|>+)?)\s*$",
    re.IGNORECASE,
)
_TRAILER_ENDS: Final = ("]", "reading", "more", "story", "article", "»", "→", "…", "...", ">")
"""Ends of a folded text without trailing white space: a text with another end has no trailer."""
_SENTENCE_END: Final = re.compile(r"[.!?。]+[\"'”’)]*(?=\s|$)")
# "First published in March" names no publisher, nor does "Source: data from the ministry".
_NO_NAME: Final = re.compile(
    r"(?:the\s)?(?:\d|jan(?:uary)?\b|feb(?:ruary)?\b|march\b|april\b|may\b|june\b|july\b|aug(?:ust)?\b|sep(?:tember)?\b"
    r"|oct(?:ober)?\b|nov(?:ember)?\b|dec(?:ember)?\b|(?:mon|tues|wednes|thurs|fri|satur|sun)day\b|early\b|late\b|full\b|data\b)",
    re.IGNORECASE,
)
_EDGES: Final = " \t.,;:!?\"'“”‘’«»()[]*-–—|"


def remove_boilerplate(text: str, *, title: str, markup: str) -> tuple[str, Attribution | None]:
    """The story without boilerplate, and its declared origin.

    ``text`` is plain, one line per paragraph; ``markup`` is its HTML, which may link to the origin. Boilerplate
    alone stays as it is: a poor text is better than none.
    """
    lines = text.split("\n")
    kept: list[str] = []
    attribution: Attribution | None = None
    for number, line in enumerate(lines):
        if number == 0 and len(lines) > 1 and title and _folded(line) == _folded(title):
            continue
        if number < EDGE_LINES or number >= len(lines) - EDGE_LINES:
            origin, line = _origin(line)
            if origin is not None and attribution is None:
                attribution = _with_url(origin, markup)
        if line and not _is_boilerplate(line):
            kept.append(_ASIDE.sub("", line) if ":" in line and ("(" in line or "[" in line) else line)
    while kept and (trailer := _trailer(kept[-1][-TRAILER_CHARACTERS:])):
        shorter = kept.pop()[: -len(trailer[0])]
        if shorter:
            kept.append(shorter)
    story = "\n".join(kept)
    return (story, attribution) if story.strip() else (text, attribution)


def _trailer(end: str) -> re.Match[str] | None:
    if not end.rstrip()[-10:].casefold().endswith(_TRAILER_ENDS):
        return None
    return _TRAILER.search(end)


def _origin(line: str) -> tuple[Attribution | None, str]:
    """The origin that a line names, and the rest of the line."""
    beginning = line[:LINE_CHARACTERS]
    if _hints_at_origin(beginning.casefold()) and _ORIGIN_LINE.match(beginning):
        match = _APPEARED_FIRST.search(line) if len(line) <= LINE_CHARACTERS else None
        if match is not None:
            return _attribution(None, match["publisher"], line), ""
        for origin in _ORIGINS:
            match = origin.search(beginning)
            if match is not None and _ORIGIN_LINE.search(beginning[: match.end()]):
                sentence = _SENTENCE_END.search(line, match.end())
                end = sentence.end() if sentence else len(line)
                attribution = _attribution(match.groupdict().get("author"), match["publisher"], line[:end])
                return attribution, (line if attribution is None else line[end:].strip())
    if (":" in beginning or "：" in beginning) and len(line) <= LINE_CHARACTERS:
        match = _SOURCE_LINE.search(line)
        if match is not None and len(match["publisher"].split()) <= NAME_WORDS:
            return _attribution(None, match["publisher"], line), ""
    return None, line


def _hints_at_origin(folded: str) -> bool:
    for hint in _ORIGIN_HINTS:  # noqa: SIM110 - runs for every line of every text, and any() takes twice as long
        if hint in folded:
            return True
    return False


def _attribution(author: str | None, publisher: str, line: str) -> Attribution | None:
    name = publisher.strip(_EDGES)
    if not name or _NO_NAME.match(name):
        return None
    person = author.strip(_EDGES) if author else None
    return Attribution(author=person or None, publisher=name, url=None, evidence=line[:LINE_CHARACTERS])


def _with_url(attribution: Attribution, markup: str) -> Attribution:
    """``attribution`` with the target of the link on the publisher's name, if there is one."""
    publisher = attribution.publisher or ""
    name = re.escape(html.escape(publisher, quote=False))
    link = re.search(
        rf'<a [^>]{{0,200}}?href="([^"]{{1,2000}})"[^>]{{0,200}}>(?:\s|<[^>]{{1,100}}>){{0,3}}{name}', markup
    )
    url = canonical(html.unescape(link[1])) if link else None
    if url is None and publisher.lower().startswith(("http://", "https://")):
        url = canonical(publisher)
    return replace(attribution, url=url)


def _is_boilerplate(line: str) -> bool:
    if len(line) > LINE_CHARACTERS:
        return False
    first = _FIRST_WORD.match(line)
    expression = _BOILERPLATE.get(first[1].casefold()) if first is not None else None
    return expression is not None and expression.match(line) is not None


def _folded(line: str) -> str:
    return " ".join(re.findall(r"\w+", line.casefold()))
