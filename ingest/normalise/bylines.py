"""Clean the names of authors: "By Jane Doe and John Roe, Staff Writers" names Jane Doe and John Roe.

A value is only taken apart where each part is a name. Otherwise it stays as the feed declares it, and a sentence is no
name at all.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Final

from ingest.normalise.agencies import is_agency
from ingest.normalise.fields import CACHED_CHARACTERS, MAX_NAMES, clean_name
from ingest.normalise.names import is_name, is_person

SENTENCE_WORDS: Final = 7
"""A value with more words is a sentence unless it is a list of names."""
BYLINE_CHARACTERS: Final = 120

_BY: Final = re.compile(
    r"(?:(?:written|reported|posted|story|text|words|analysis|opinion|report)\s+by|by|author|authors|von|autor(?:en|es|a|i)?"
    r"|texte?|testo|par|por|di|автор(?:ы|и)?|от|текст|автор\sстатьи|作者|文|記者|记者|글|기자|بقلم|كتب)(?:\s*[:：/／]\s*|\s+)",
    re.IGNORECASE,
)
# In a text a label needs its colon, and only words that introduce nothing else stand alone.
_TEXT_BY: Final = re.compile(
    r"(?:(?:By|BY|Von|Par|Por|От|Written by|Reported by)\s+(?=\W*[^\W\d_a-z])"
    r"|(?i:author|authors|von|autor(?:en|es)?|texte?|автор(?:ы|и)?|текст|作者|文|記者|记者|글|기자)\s?[:：/／]\s?)"
)
_ROLE: Final = (
    r"(?:(?:the\s|a\s)?(?:associated\spress|ap|reuters|afp|guest|senior|staff|chief|national|political|foreign|special|science"
    r"|sports?|business|news|managing|deputy|associate|assistant|contributing|white\shouse|diplomatic|defen[cs]e|world|asia"
    r"|moscow|washington|seoul|tokyo|beijing|freelance)\s){0,4}"
    r"(?:staff\s)?(?:writers?|reporters?|correspondents?|editors?|journalists?|columnists?|contributors?|staff|bureau\schief"
    r"|photographers?|producers?|redakteur(?:in)?|korrespondent(?:in)?|journaliste|corresponsal|redactor[ae]?|redazione"
    r"|корреспондент|журналист(?:ка)?|обозреватель|редактор|기자|특파원|논설위원|记者|記者)"
)
_TRAILING_ROLE: Final = re.compile(rf"(?:\s*[,|(–—-]\s*|\s+)(?:{_ROLE})\s*\)?\Z", re.IGNORECASE)
_HANGUL_ROLE: Final = re.compile(r"(?<=[\uac00-\ud7a3])\s?(?:기자|특파원|인턴기자|논설위원|선임기자)\Z")
_ONLY_ROLE: Final = re.compile(
    rf"(?:{_ROLE}|admin|administrator|webmaster|root|unknown|none|null|n/?a|noreply|no-reply|guest|anonymous)",
    re.IGNORECASE,
)
_SPECIAL_TO: Final = re.compile(
    r"(?:\s*[,|–—-]\s*|\s+)(?i:special\sto|exclusive\sto)\s(?:the\s)?[A-Z][^\n,;]{1,60}\Z"
)
_ADDRESS: Final = r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,4}"
_MAILBOX: Final = re.compile(rf"\s*[<(\[]?(?:mailto:)?{_ADDRESS}[>)\]]?\s*")
_ROLE_MAILBOX: Final = re.compile(
    r"(?:no-?reply|do-?not-?reply|info|web-?master|admin|editors?|editorial|news|newsroom|contact|office|support|mail|rss|feeds?"
    r"|redaktion|redaction|redazione|redaccion|press|hello|post|postmaster|root|desk)@.*",
    re.IGNORECASE,
)
_OUTLET_WORD: Final = re.compile(
    r"\b(?:news|times|post|press|journal|herald|tribune|gazette|daily|weekly|magazine|media|network|agency|bureau|radio|tv"
    r"|television|today|online|institute|university|center|centre|foundation|council|observer|guardian|telegraph|standard"
    r"|chronicle|independent|zeitung|presse|inc|llc|ltd|group|team|desk|staff)\b|\.\w{2,4}\b",
    re.IGNORECASE,
)
_AND: Final = re.compile(r"\s*,?\s+(?:and|und|et|y|e|и|та|і)\s+|\s*&\s*|\s+with\s+", re.IGNORECASE)
_LIST: Final = re.compile(r"\s*[,;、/|·]\s*")
_ENCLOSED: Final = re.compile(r"[(\[]\s*([^()\[\]]{1,200})\s*[)\]]")
_EDGES: Final = ' \t,;:|/·–—-*"“”'


def clean_authors(values: Iterable[str]) -> tuple[str, ...]:
    """Return the names that the values of a feed's author elements name, each once."""
    names: list[str] = []
    for value in values:
        names += _split(value) if len(value) > CACHED_CHARACTERS else _cached_split(value)
    return tuple(dict.fromkeys(names))[:MAX_NAMES]


def text_byline(line: str) -> tuple[str, ...]:
    """Return the authors that a text's first lines name ("By Jane Doe and John Roe"); empty for any other line."""
    if len(line) > BYLINE_CHARACTERS or line[-1:] in ".!?。":
        return ()
    match = _TEXT_BY.match(line)
    if match is None:
        return ()
    names = tuple(_parts(line[match.end() :].strip(_EDGES)))
    return names if names and all(is_person(name) for name in names) else ()


def _split(value: str) -> tuple[str, ...]:
    name = clean_name(value)
    if name is None:
        return ()
    if _plain_person(name):
        return (name,)
    bare = _MAILBOX.sub(" ", name).strip(_EDGES) if "@" in name else name
    if not bare:
        return () if _ROLE_MAILBOX.fullmatch(name.strip("<>()")) else (name,)
    enclosed = _ENCLOSED.fullmatch(bare)
    bare = (enclosed[1] if enclosed else bare).strip(_EDGES)
    match = _BY.match(bare)
    if match is not None and all(
        is_name(part, words=6) for part in _parts(bare[match.end() :].strip(_EDGES))
    ):
        bare = bare[match.end() :].strip(_EDGES)
    if _ONLY_ROLE.fullmatch(bare):
        return ()
    names = tuple(_parts(bare))
    if names and all(is_name(part, words=8) for part in names):
        return names
    return () if _is_sentence(bare) else (bare,)


_cached_split = lru_cache(maxsize=4096)(_split)


def _plain_person(name: str) -> bool:
    """Return whether a name needs no cleaning: two or three words of letters, none of them a word of bylines."""
    parts = name.split()
    return (
        len(parts) in (2, 3)
        and all(part.isalpha() and part[0].isupper() for part in parts)
        and _BY.match(name) is None
        and _TRAILING_ROLE.search(name) is None
    )


def _without_roles(text: str) -> str:
    """A name without the roles behind it; a role behind one word ("NPR Staff") is a part of an outlet's name."""
    for _ in range(3):
        shorter = _HANGUL_ROLE.sub("", _SPECIAL_TO.sub("", text)).strip(_EDGES)
        role = _TRAILING_ROLE.search(shorter)
        if role is not None and (role[0].lstrip()[:1] in ",|(–—-" or is_person(shorter[: role.start()])):
            shorter = shorter[: role.start()].strip(_EDGES)
        if shorter == text or not shorter:
            break
        text = shorter
    return text


def _parts(text: str) -> Iterator[str]:
    """The names in a list, without roles, agencies and outlets that stand behind a person's name."""
    groups = [part for part in _LIST.split(text) if part]
    if len(groups) > 1:
        groups = [_without_roles(part) for group in groups for part in _joined(group)]
        persons = [part for part in groups if not _is_affiliation(part)]
        # "Doe, Jane" and "Martin Luther King, Jr." are one name each.
        if persons and all(is_person(part) for part in persons):
            yield from persons
            return
        yield _without_roles(text)
        return
    yield from map(_without_roles, _joined(_without_roles(text)))


def _is_affiliation(part: str) -> bool:
    """Return whether a part of a list is an agency, an outlet or a role, "CNN Contributor" among them."""
    if is_agency(part) or _OUTLET_WORD.search(part) is not None or _ONLY_ROLE.fullmatch(part) is not None:
        return True
    role = _TRAILING_ROLE.search(part)
    return role is not None and not is_person(part[: role.start()])


def _joined(text: str) -> list[str]:
    """The names that "and" joins, if each is a whole one: "Jane and John Doe" stays as it is."""
    parts = [part for part in _AND.split(text) if part]
    if len(parts) > 1 and all(is_person(part) and not _OUTLET_WORD.search(part) for part in parts):
        return parts
    return [re.sub(r"^(?:and|und|et|y|и)\s+", "", text)]


def _is_sentence(text: str) -> bool:
    words = text.split()
    small = sum(1 for word in words if word[0].islower())
    return len(words) > SENTENCE_WORDS and small * 2 > len(words)
