"""What stands around a story: who ran it first, and lines that are not part of it.

Aggregators put sentences around the text they repost ("This article was originally published by … at …"), and
content systems put theirs around everything ("The post … appeared first on …", cookie notices). Left in, they
keep two copies of one story apart and make search find every article of a site; so they are taken out, and
what they say of the origin becomes the :class:`~ingest.types.Attribution`.

Every expression is bounded and looks at lines of at most :data:`LINE_CHARACTERS`: a longer paragraph is
prose.
"""

from __future__ import annotations

import html
import re
from typing import Final

from ingest.types import Attribution
from ingest.urls import canonical

LINE_CHARACTERS: Final = 600
"""A longer paragraph is not boilerplate."""
EDGE_LINES: Final = 8
"""So many first and last paragraphs are where a line such as ``Source: …`` speaks of the whole text."""
_NAME_WORDS: Final = 8

_SMALL_WORDS: Final = "of|the|and|for|de|la|le|du|des|del|der|die|das|von|van|al|el|to|&"
_NAME: Final = rf"(?:the\s+)?[^\s,;:()\[\]|]+(?:\s+(?:(?:{_SMALL_WORDS})\s+){{0,2}}[^\W\da-z][^\s,;:()\[\]|]*){{0,{_NAME_WORDS - 1}}}"
_PERSON: Final = rf"{_NAME}(?:(?:,|\s+and|,\s+and)\s+{_NAME}){{0,3}}"
_THIS: Final = r"(?:this|the|a version of this|the following)\s+(?:above\s+|following\s+)?(?:article|story|post|piece|report|essay|column|commentary|analysis|interview|content)"
_RAN: Final = r"(?:published|posted|appeared|ran|printed|reported|featured|released|written)"

# Each says who ran it first. The first that a line matches counts.
_ORIGINS: Final = tuple(
    re.compile(expression, re.IGNORECASE if insensitive else 0)
    for insensitive, expression in (
        (
            False,
            rf"(?i:\b(?:originally|first)\s+{_RAN}\s+(?:and\s+\w+\s+)?by)\s+(?P<author>{_PERSON})\s+(?i:at|on|in|for|via)\s+(?P<publisher>{_NAME})",
        ),
        (
            False,
            rf"(?i:{_THIS}\s+by)\s+(?P<author>{_PERSON})\s+(?i:(?:was\s+|has\s+been\s+)?(?:originally|first)\s+{_RAN}\s+(?:at|on|in|by|with|via))\s+(?P<publisher>{_NAME})",
        ),
        (
            False,
            rf"(?i:\b(?:originally|first)\s+(?:was\s+)?{_RAN}\s+(?:at|on|in|by|with|via))\s+(?P<publisher>{_NAME})",
        ),
        (False, rf"(?i:\b{_RAN}\s+(?:originally|first)\s+(?:at|on|in|by|with|via))\s+(?P<publisher>{_NAME})"),
        (
            False,
            rf"(?i:^{_THIS}\s+(?:is|was|has been)\s+(?:republished|reposted|reprinted|syndicated|shared|reproduced)(?:\s+with\s+(?:the\s+)?permission)?\s+(?:from|by|of))\s+(?P<publisher>{_NAME})",
        ),
        (
            False,
            rf"(?i:^(?:re-?published|re-?posted|reprinted)\s+(?:here\s+)?(?:with\s+(?:the\s+)?permission\s+)?(?:from|of|by))\s+(?P<publisher>{_NAME})",
        ),
    )
)
_SOURCE_LINE: Final = re.compile(
    r"^(?:sources?|original source|via|quelle|fuente|fonte|источник|източник|джерело|출처|来源|來源|出典)\s?[:：]\s*(?P<publisher>[^\n]{2,80})$",
    re.IGNORECASE,
)
_APPEARED_FIRST: Final = re.compile(
    r"^(?:the post|the article|the story|the report)\s.{0,400}?\s(?:appeared first|first appeared|was first published|originally appeared)\s(?:on|at|in)\s(?P<publisher>[^\n]{2,80})$",
    re.IGNORECASE,
)
_WHOLE: Final = rf"^\W*(?:{_THIS}\b.{{0,200}}\b(?:originally|first|republished|reposted|reprinted|syndicated)\b|(?:originally|first)\s+{_RAN}\b|(?:re-?published|re-?posted|reprinted)\b)"
_ORIGIN_LINE: Final = re.compile(_WHOLE, re.IGNORECASE)

# Lines that no story has, wherever they stand. Each must match from the beginning of its line.
_NEVER: Final = re.compile(
    r"""^[\W_]*(?:
      read\ (?:the\ )?(?:full|whole|entire|original|rest\ of\ the|complete)\ (?:article|story|post|report|text)\b.{0,80}$
    | (?:continue|keep)\ reading\b.{0,200}$
    | read\ more(?:\s+(?:here|at|on|about|from)\b.{0,120}|[\s:»→….>\]]*)$
    | (?:click|tap)\ here\ (?:to|for)\b.{0,120}$
    | (?:view|see|read)\ (?:the\ )?original(?:\ (?:article|post|source))?[\W]*$
    | (?:please\ )?(?:subscribe|sign\ up|sign-up)\b.{0,60}\b(?:newsletters?|email|e-mail|updates|channel|inbox|briefing)\b.{0,200}$
    | subscribe\ to\ our\b.{0,120}$ | subscribe\ (?:now|today|here)\W*$
    | get\ (?:our|the)\ (?:daily|weekly|free|best)\b.{0,120}\b(?:newsletter|inbox)\b.{0,120}$
    | (?:this|our)\ (?:web\ ?site|site|page)\ uses\ cookies\b.{0,400}$
    | (?:we|our\ partners)\ use\ cookies\b.{0,400}$
    | accept\s+read\ more\W*$ | privacy\ (?:&|and)\ cookies?\ policy\W*$ | privacy\ policy\W*$ | cookies?\ policy\W*$
    | watch\ this\ (?:report|video|clip|episode|segment|interview)\b.{0,400}$
    | this\ video\ is\ (?:from|by)\ (?:the\ )?(?:channel\b)?.{0,200}$
    | (?:share|tweet|print|email|pin)\ this(?:\ (?:article|story|post))?\W*$
    | (?:follow|like|find)\ us\ on\b.{0,160}$
    | (?:advertisement|sponsored\ content|story\ continues\ below(?:\ (?:this\ )?advertisement)?|scroll\ (?:down\ )?to\ continue.{0,60})\W*$
    | (?:©|\(c\)|copyright)\s.{0,40}\d{4}.{0,200}$ | all\ rights\ reserved\W*$
    | leave\ a\ (?:comment|reply)\W*$ | (?:no\ )?comments?\ (?:off|closed|\(\d+\))\W*$
    | sources?\ for\ this\ article\ include\b.{0,200}$ | sources?\ include\s?:.{0,200}$
    | \[?related\]?\s?:.{3,300}$ | see\ also\s?:.{3,300}$ | also\ read\s?:.{3,300}$ | more\s?:\ .{3,200}\ here\W*$
    | читать\ (?:далее|полностью|дальше|также)\b.{0,200}$ | подробнее\W*$ | подписывайтесь\ на\b.{0,200}$
    | прочетете\ (?:още|повече)\b.{0,200}$ | weiterlesen\b.{0,80}$ | lire\ (?:la\ suite|aussi|plus)\b.{0,200}$
    | (?:leer|lea)\ (?:más|también)\b.{0,200}$ | leia\ mais\b.{0,200}$ | (?:続きを読む|阅读全文|閱讀全文|继续阅读|查看全文).{0,80}$
    | .{0,80}무단\s?전재.{0,80}$ | 저작권자.{0,160}$ | 기사\s?제보.{0,160}$ | ▶.{0,160}$
    )""",
    re.IGNORECASE | re.VERBOSE,
)
_HINTS: Final = (
    "read", "reading", "click", "tap", "view", "see", "subscribe", "sign", "cookies", "privacy", "watch", "video",
    "share", "tweet", "print", "follow", "like us", "find us", "advert", "sponsored", "story continues", "scroll",
    "©", "(c)", "copyright", "rights", "comment", "leave a", "source", "related", "more:", "more :", "email this",
    "pin this", "get our", "get the", "читать", "подробнее", "подписывайтесь", "прочетете", "weiterlesen", "lire",
    "leer", "lea ", "leia", "続き", "阅读", "閱讀", "查看", "무단", "저작권", "기사", "▶",
)  # fmt: skip
_ORIGIN_HINTS: Final = (
    "originally",
    "first",
    "republished",
    "reposted",
    "reprinted",
    "re-p",
    "syndicated",
    "permission",
)
_ASIDE: Final = re.compile(
    r"\s*[(\[]\s*(?:related|see also|read also|also read|read more|more|related article|recommended)\s?:[^()\[\]\n]{3,300}[)\]]",
    re.IGNORECASE,
)
_TRAILER: Final = re.compile(
    r"\s*(?:\[(?:…|\.\.\.|&hellip;)\]|(?:…|\.\.\.)?\s*(?:continue reading|read more|read the full (?:story|article))\s*(?:»|→|…|\.\.\.|>+|&rarr;)?)\s*$",
    re.IGNORECASE,
)
_EDGES: Final = " \t.,;:!?\"'“”‘’«»()[]*-–—|"


def cleaned(text: str, *, title: str, markup: str) -> tuple[str, Attribution | None]:
    """The story without what stands around it, and where it says it comes from.

    ``text`` is plain, one line a paragraph; ``markup`` its HTML, in which the address of the origin is looked
    for. A text that is nothing but boilerplate stays as it is: a poor text is better than none.
    """
    lines = text.split("\n")
    kept: list[str] = []
    attribution: Attribution | None = None
    folded_title = _folded(title)
    for number, line in enumerate(lines):
        if len(line) > LINE_CHARACTERS:
            kept.append(_ASIDE.sub("", line) if ":" in line else line)
            continue
        at_edge = number < EDGE_LINES or number >= len(lines) - EDGE_LINES
        said = _origin(line, at_edge=at_edge)
        if said is not None:
            attribution = attribution or _with_url(said, markup)
            if _is_only_that(line):
                continue
        if number == 0 and folded_title and len(lines) > 1 and _folded(line) == folded_title:
            continue
        if _is_boilerplate(line):
            continue
        if ":" in line:
            line = _ASIDE.sub("", line)
        kept.append(line)
    while kept and len(kept[-1]) <= LINE_CHARACTERS:
        shorter = _TRAILER.sub("", kept[-1])
        if shorter == kept[-1]:
            break
        kept[-1:] = [shorter] if shorter else []
    story = "\n".join([line for line in kept if line.strip()])
    return (story, attribution) if story else (text, attribution)


def _origin(line: str, *, at_edge: bool) -> Attribution | None:
    folded = line.casefold()
    if any(hint in folded for hint in _ORIGIN_HINTS):
        found = _APPEARED_FIRST.search(line)
        if found:
            return _attribution(None, found["publisher"], line)
        if _ORIGIN_LINE.search(line) or at_edge:
            for origin in _ORIGINS:
                found = origin.search(line)
                if found and _ORIGIN_LINE.search(line[: found.end()]):
                    return _attribution(found.groupdict().get("author"), found["publisher"], line)
    if at_edge and (":" in line or "：" in line):
        found = _SOURCE_LINE.search(line)
        if found:
            return _attribution(None, found["publisher"], line)
    return None


def _attribution(author: str | None, publisher: str, line: str) -> Attribution | None:
    name = publisher.strip(_EDGES)
    if not name:
        return None
    person = author.strip(_EDGES) if author else None
    return Attribution(author=person or None, publisher=name, url=None, evidence=line)


def _with_url(said: Attribution, markup: str) -> Attribution:
    """``said`` with the address that the publisher's name is linked to, where it is."""
    name = re.escape(html.escape(said.publisher or "", quote=False))
    found = re.search(
        rf'<a [^>]{{0,200}}?href="([^"]{{1,2000}})"[^>]{{0,200}}>(?:\s|<[^>]{{1,100}}>){{0,3}}{name}', markup
    )
    url = canonical(html.unescape(found[1])) if found else None
    if url is None and said.publisher and said.publisher.lower().startswith(("http://", "https://")):
        url = canonical(said.publisher)
    return Attribution(author=said.author, publisher=said.publisher, url=url, evidence=said.evidence)


def _is_only_that(line: str) -> bool:
    """Whether a line speaks of the origin and of nothing else."""
    return bool(_ORIGIN_LINE.search(line) or _SOURCE_LINE.search(line) or _APPEARED_FIRST.search(line))


def _is_boilerplate(line: str) -> bool:
    folded = line[:200].casefold()
    return any(hint in folded for hint in _HINTS) and _NEVER.search(line) is not None


def _folded(line: str) -> str:
    return " ".join(re.findall(r"\w+", line.casefold()))
