"""Read the origin that a reposted text declares: its author and its first publisher.

Aggregators add a sentence to the text that they repost ("This article was originally published by … at …"), and
content management systems add theirs ("The post … appeared first on …"). A sentence of the story may begin alike. It
has a clause behind the place ("Originally published by the ministry in Pyongyang, the decree …"), a subject that is
no text ("The post of defence minister …"), or words that are no name ("Sources: Kim visited the plant").
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass, replace
from typing import Final

from ingest.normalise.agencies import is_agency
from ingest.normalise.boilerplate_parts import LINE_CHARACTERS
from ingest.normalise.names import is_name
from ingest.urls import canonical

SOURCE_WORDS: Final = 6

# A name: its first word in any case, then words with a capital, with small ones such as "of the" between them. It ends
# before the full stop of its sentence.
_SMALL: Final = r"(?:of|the|and|for|de|la|le|du|des|del|der|die|das|von|van|al|el|to|&)"
_REST: Final = r"[^\s,;:()\[\]|]*(?<![.!?])"
_NAME: Final = rf"(?:(?i:the)\s+)?[^\s,;:()\[\]|]{_REST}(?:\s+(?:{_SMALL}\s+){{0,2}}[^\W\da-z]{_REST}){{0,7}}"
_PERSONS: Final = rf"{_NAME}(?:(?:,|\s+and|,\s+and)\s+{_NAME}){{0,3}}"
_KINDS: Final = r"article|story|post|piece|report|essay|column|commentary|analysis|interview|content"
_THIS: Final = rf"(?:this|a\s+version\s+of\s+this|the\s+(?:above|following))\s+(?:{_KINDS})"
_BY_THEM: Final = r"(?:\s+by\s+[^.!?\n]{2,150}?,?)?"
_RAN: Final = r"(?:published|posted|appeared|ran|printed|reported|featured|released|written)"
_AGAIN: Final = r"(?:re-?published|re-?posted|reprinted|syndicated|reproduced|shared(?=\s+(?:from|with)\b))"
_SET: Final = r"(?:published|posted|appeared|ran|printed)"
_LEAVE: Final = r"(?:with\s+(?:the\s+)?permission\s+)?"
_AT: Final = r"(?:at|on|in|for|by|with|via)"
_WAS: Final = r"(?:\s+(?:was|is|has\s+been|had\s+been|also))*\s+"
_PUBLISHER: Final = rf"(?P<publisher>{_NAME})"
_AUTHOR: Final = rf"(?P<author>{_PERSONS})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """The origin that one line declares, with the rest of the line."""

    author: str | None
    publisher: str
    evidence: str
    rest: str
    """The line without the evidence."""


# Sentences about "this article": more words may follow.
_SENTENCES: Final = tuple(
    re.compile(expression)
    for expression in (
        rf"(?i:^\W*{_THIS}{_WAS}(?:originally|first)\s+{_RAN}\s+by)\s+{_AUTHOR}\s+(?i:at|on|in|for|via)\s+{_PUBLISHER}",
        rf"(?i:^\W*{_THIS}\s+by)\s+{_AUTHOR}\s+(?i:(?:was\s+)?(?:originally|first)\s+{_RAN}\s+{_AT})\s+{_PUBLISHER}",
        rf"(?i:^\W*{_THIS}{_BY_THEM}{_WAS}(?:originally|first)\s+{_RAN}\s+{_AT})\s+{_PUBLISHER}",
        rf"(?i:^\W*{_THIS}{_BY_THEM}{_WAS}{_RAN}\s+(?:originally|first)\s+{_AT})\s+{_PUBLISHER}",
        rf"(?i:^\W*dieser\s+(?:artikel|beitrag|text)\s+(?:erschien|ist)\s+zuerst\s+(?:bei|auf|in|im))\s+{_PUBLISHER}",
        rf"(?i:^\W*{_THIS}{_WAS}{_AGAIN}\s+{_LEAVE}(?:from|by|of))\s+{_PUBLISHER}",
    )
)
# Credits without a subject: a clause behind them makes a sentence of the story of them.
_CREDITS: Final = tuple(
    re.compile(expression)
    for expression in (
        rf"(?i:^\W*(?:originally|first)\s+{_SET}\s+by)\s+{_AUTHOR}\s+(?i:at|on|in|for|via)\s+{_PUBLISHER}",
        rf"(?i:^\W*(?:originally|first)\s+{_SET}\s+{_AT})\s+{_PUBLISHER}",
        rf"(?i:^\W*{_AGAIN}\s+(?:here\s+)?{_LEAVE}(?:from|of|by))\s+{_PUBLISHER}",
    )
)
_NO_CLAUSE: Final = re.compile(
    r"(?:\s*,?\s*(?:on|in)\s+(?:[A-Z][a-z]{2,8}\.?\s*)?\d[\w ,]{0,24}"
    r"|,?\s+an?\s+(?:[\w-]+\s+){0,3}(?:nonprofit|non-profit|newsroom|newspaper|magazine|site|website|outlet|organi[sz]ation"
    r"|agency|publication|blog|newsletter|journal|network)(?:\s+newsroom)?"
    r"|\s+(?:under|with|and\s+(?:is|was|has\s+been|appears))\b[^.!?,]{0,160})*\s*(?:[.!?)\]]|\Z)",
    re.IGNORECASE,
)
_CLAUSE: Final = re.compile(
    r"\b(?:said|says|told|which|who|whose|whom|but|because|after|while|were|had|will|would|causing|prompting)\b",
    re.IGNORECASE,
)
_HEADLINE_VERB: Final = re.compile(
    r"\b(?:visits?|visited|says?|said|denies|denied|plans?|wants?|meets?|met|seeks?|faces?|calls?|signs?|signed|sends?|sent|warns?"
    r"|urges?|vows?|fires?|ends?|opens?|makes?|takes?|gets?|may|will|won['’]t|is|are|was|were|has|have|to|rejects?"
    r"|agrees?|arrives?|dies|died|kills?|killed|wins?|loses?|leaves?|joins?|tests?|launche[sd]|offers?|rises?|falls?|fell)\b",
    re.IGNORECASE,
)
_SOURCE_LINE: Final = re.compile(
    r"\W*(?P<label>sources?|original source|via|quelle|fuente|fonte|source\s?|bron|źródło|kaynak|источник|източник"
    r"|джерело|출처|来源|來源|出典|المصدر)\s?[:：]\s*(?P<publisher>[^\n]{2,80})",
    re.IGNORECASE,
)
_APPEARED_FIRST: Final = re.compile(
    r"\W*(?:the (?:post|article|story)|der beitrag|l['’]article|l['’]articolo|el artículo|la entrada|o post|запись)"
    r"\s+(?P<title>.{1,400}?)\s+(?P<verb>appeared first|first appeared|originally appeared|erschien zuerst"
    r"|est apparu en premier|proviene|aparece primero|se publicó primero|apareceu primeiro|впервые появилась)"
    r"\s+(?:on|at|in|auf|sur|da|en|em|на)\s+(?P<publisher>[^\n]{2,80})",
    re.IGNORECASE,
)
# WordPress adds the sentence to a feed's excerpt, on the same line.
_POST_AT_END: Final = re.compile(
    r"(?<=[.!?…\]”\"’»)])\s+(?P<post>The post (?P<title>[^\n]{1,300}?) (?P<verb>appeared first)"
    r" on (?P<publisher>[^\n.]{2,80})\.?)\s*\Z"
)
_HINTS: Final = (
    "zuerst",
    "proviene",
    "premier",
    "primero",
    "primeiro",
    "впервые",
    "originally",
    "first",
    "published",
    "posted",
    "reprinted",
    "syndicated",
    "reproduced",
    "shared",
)
_SENTENCE_END: Final = re.compile(r"[.!?。]+[\"'”’)]*(?=\s|$)")
_EDGES: Final = " \t.,;:!?\"'“”‘’«»()[]*-–—|"
_QUOTES: Final = '"“”‘’«»„'
# Chinese outlets in text have no capitals: their last characters show that they are outlets.
_OUTLET: Final = re.compile(
    r"《[^》\n]{1,20}》(?:杂志|雜誌|周刊|报|報)?|[^\s，。、：:]{1,12}(?:社|网|網|報|报|新闻|新聞|电视台|電視台|日报|时报|周刊|杂志|雜誌|中心|通讯|公众号|"
    r"通信|テレビ|新聞社)|[^\s.,]{1,12}(?:신문|일보|뉴스|방송|통신|경제|타임스|타임즈|닷컴|저널|TV)"
)
_CASELESS: Final = re.compile(
    "[\u0590-\u08ff\u0e00-\u0eff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3]"
)


def find_origin(line: str, *, title: str, markup: str) -> Origin | None:
    """Return the origin that a line at the edge of a text declares; ``title`` and ``markup`` are the text's."""
    beginning = line[:LINE_CHARACTERS]
    folded = beginning.casefold()
    if has_hint(folded):
        if len(line) <= LINE_CHARACTERS:
            match = _APPEARED_FIRST.fullmatch(line)
            if match is not None and _names_this_post(match, title=title, markup=markup):
                return _origin(None, match["publisher"], line, end=len(line))
        if (origin := _post_at_end(line, title=title, markup=markup)) is not None:
            return origin
        for expressions, is_sentence in ((_SENTENCES, True), (_CREDITS, False)):
            for expression in expressions:
                match = expression.search(beginning)
                if match is not None and _ends_well(line, match.end(), is_sentence=is_sentence):
                    origin = _of_sentence(match, line)
                    if origin is not None:
                        return origin
    if (":" in beginning or "：" in beginning) and len(line) <= LINE_CHARACTERS:
        match = _SOURCE_LINE.fullmatch(line)
        if match is not None and _is_source(
            match["publisher"].strip(_EDGES), label=match["label"].casefold()
        ):
            return _origin(None, match["publisher"], line, end=len(line))
    return None


def _ends_well(line: str, end: int, *, is_sentence: bool) -> bool:
    """Return whether the words behind an origin are about the origin, and no clause of the story."""
    if not is_sentence:
        return _NO_CLAUSE.match(line, end) is not None
    sentence = _SENTENCE_END.search(line, end)
    return _CLAUSE.search(line[end : sentence.end() if sentence else len(line)]) is None


def has_hint(folded: str) -> bool:
    for hint in _HINTS:  # noqa: SIM110 - runs for the edges of every text, and any() takes twice as long
        if hint in folded:
            return True
    return False


def publisher_url(publisher: str, markup: str) -> str | None:
    """Return the target of the link on the publisher's name, or the name if it is an address itself."""
    name = re.escape(html.escape(publisher, quote=False))
    link = re.search(
        rf'<a [^>]{{0,200}}?href="([^"]{{1,2000}})"[^>]{{0,200}}>(?:\s|<[^>]{{1,100}}>){{0,3}}{name}', markup
    )
    url = canonical(html.unescape(link[1])) if link else None
    if url is None and publisher.lower().startswith(("http://", "https://")):
        url = canonical(publisher)
    return url


def _post_at_end(line: str, *, title: str, markup: str) -> Origin | None:
    if "appeared first on" not in line:
        return None
    match = _POST_AT_END.search(line[-LINE_CHARACTERS:])
    if match is None or not _names_this_post(match, title=title, markup=markup):
        return None
    post = match["post"]
    origin = _origin(None, match["publisher"], post, end=len(post))
    return None if origin is None else replace(origin, rest=line[: line.rindex(post)].rstrip())


def _of_sentence(match: re.Match[str], line: str) -> Origin | None:
    sentence = _SENTENCE_END.search(line, match.end())
    end = sentence.end() if sentence else len(line)
    return _origin(match.groupdict().get("author"), match["publisher"], line, end=end)


def _origin(author: str | None, publisher: str, line: str, *, end: int) -> Origin | None:
    name = publisher.strip(_EDGES)
    person = author.strip(_EDGES) if author else None
    if not (is_name(name, words=10) or _is_address(name) or is_agency(name)):
        return None
    if person is not None and not all(
        is_name(part) for part in re.split(r",\s+(?:and\s+)?|\s+and\s+", person)
    ):
        return None
    return Origin(
        author=person, publisher=name, evidence=line[:end][:LINE_CHARACTERS], rest=line[end:].strip()
    )


def _is_address(text: str) -> bool:
    return re.fullmatch(r"(?:https?://)?[\w-]{1,63}(?:\.[\w-]{1,63}){1,4}(?:/\S{0,500})?", text) is not None


def _is_source(text: str, *, label: str) -> bool:
    """Return whether the text behind "Source:" is an outlet; headlines put the statement of a source there."""
    parts = [part.strip() for part in re.split(r",\s*|\s+(?:and|und|et|y|и)\s+|/", text) if part.strip()]
    if parts and all(is_agency(part) for part in parts):
        return True
    if _is_address(text):
        return True
    if _CASELESS.search(text):
        return _OUTLET.fullmatch(text) is not None
    if label.startswith("sources"):
        return False
    return is_name(text, words=SOURCE_WORDS) and not _HEADLINE_VERB.search(text)


def _names_this_post(match: re.Match[str], *, title: str, markup: str) -> bool:
    """Return whether "the post X appeared first on Y" is about this text rather than a sentence of the story.

    X is the title, or is quoted, or begins as titles do in the words of WordPress; or the sentence has a link.
    """
    subject = match["title"]
    if title and fold_words(subject) == fold_words(title):
        return True
    if subject[0] in _QUOTES or publisher_url(match["publisher"].strip(_EDGES), markup) is not None:
        return True
    return (
        match["verb"].casefold() not in ("first appeared", "originally appeared") and not subject[0].islower()
    )


def fold_words(line: str) -> str:
    """Return the words of a line in one case, without marks: equal for a title and its repetition."""
    return " ".join(re.findall(r"\w+", line.casefold()))
