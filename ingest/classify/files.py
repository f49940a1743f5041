"""Topics in a YAML file, for people to write and read. The only module that knows YAML."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import yaml

from ingest.classify.matching import compile_topics
from ingest.classify.rules import combine_refusals
from ingest.errors import Refused, RefusedTogether
from ingest.jsonable import jsonable
from ingest.log.api import ALERTS_STREAM
from ingest.types import Topic

MAX_FILE_BYTES: Final = 4 * 1024**2

_SLUG: Final = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


def read_topics(text: str, *, name: str) -> tuple[Topic, ...]:
    """The topics of a YAML file, every rule checked.

    Raises:
        Refused: names the file, the topic and the place that is wrong, and what would be accepted; where more
            than one is wrong, a :class:`RefusedTogether` names them all.
    """
    if len(text.encode("utf-8", "replace")) > MAX_FILE_BYTES:
        raise Refused(name, f"{len(text)} characters", f"at most {MAX_FILE_BYTES} bytes")
    try:
        said = yaml.load(text, _UniqueKeys)  # noqa: S506 - a SafeLoader that refuses repeated keys
    except yaml.YAMLError as error:
        raise Refused(name, _line_of(error), f"YAML ({' '.join(str(error).split())})") from None
    except RecursionError:
        raise Refused(name, "nested too deeply", "a list of topics") from None
    if said is None:
        raise Refused(name, "an empty file", "one key, topics, with a list of topics")
    if not isinstance(said, Mapping) or set(said) != {"topics"} or not isinstance(said["topics"], list):
        raise Refused(name, _shape(said), "one key, topics, with a list of topics")
    topics: list[Topic] = []
    slugs: set[str] = set()
    refusals: list[Refused] = []
    for number, one in enumerate(said["topics"], 1):
        try:
            topics.append(_read_topic(one, number, slugs))
        except RefusedTogether as refused:
            refusals += refused.refusals
    if refusals:
        raise combine_refusals([Refused(f"{name}, {one.thing}", one.value, one.accepted) for one in refusals])
    return tuple(topics)


def _read_topic(said: Any, number: int, slugs: set[str]) -> Topic:
    """The topic; its slug joins ``slugs``, those of the topics before it.

    Raises:
        RefusedTogether: all that is wrong with it.
    """
    where = f"topic {number}"
    if not isinstance(said, Mapping):
        raise RefusedTogether([Refused(where, said, "a mapping with slug, title and rule")])
    refusals: list[Refused] = []
    slug, title, description = said.get("slug"), said.get("title"), said.get("description", "")
    if not isinstance(slug, str) or not _SLUG.fullmatch(slug) or len(slug) > 100:
        accepted = "up to 100 lower-case letters, digits and single hyphens"
        refusals.append(Refused(f"{where}, slug", slug, accepted))
        slug = str(number)
    else:
        if slug == ALERTS_STREAM:
            accepted = "another slug: this one is the stream of the alerts"
            refusals.append(Refused(f"{where}, slug", slug, accepted))
        if slug in slugs:
            refusals.append(Refused(f"{where}, slug", slug, "a slug that no other topic has"))
        slugs.add(slug)
        where = f"{where} ({slug})"
    if extra := sorted(map(str, set(said) - {"slug", "title", "description", "phrases", "rule"})):
        refusals.append(Refused(where, extra, "only slug, title, description, phrases and rule"))
    if not isinstance(title, str) or not title.strip():
        refusals.append(Refused(f"{where}, title", title, "a line of text"))
    if not isinstance(description, str):
        refusals.append(Refused(f"{where}, description", description, "a text"))
    rule = {name: said[name] for name in ("rule", "phrases") if name in said}
    topic = Topic(slug=slug, title=str(title).strip(), description=str(description).strip(), rule=rule)
    if "rule" not in said:
        refusals.append(Refused(f"{where}, rule", None, "a condition"))
    else:
        try:
            compile_topics([topic])
        except RefusedTogether as refused:
            refusals += refused.refusals
        except Refused as refused:
            refusals.append(refused)
        except RecursionError:  # YAML can hold a rule that contains itself
            refusals.append(Refused(f"topic {slug}, rule", "nested too deeply", "a condition"))
    if refusals:
        raise RefusedTogether(refusals)
    return topic


def write_topics(topics: Sequence[Topic]) -> str:
    """A YAML file with these topics, which :func:`read_topics` takes."""
    said = []
    for topic in topics:
        about = {"description": topic.description} if topic.description else {}
        rule = {"rule": topic.rule.get("rule", topic.rule)}
        phrases = {"phrases": topic.rule["phrases"]} if "phrases" in topic.rule else {}
        said.append({"slug": topic.slug, "title": topic.title, **about, **phrases, **rule})
    return yaml.dump(
        jsonable({"topics": said}), Dumper=_ForPeople, allow_unicode=True, sort_keys=False, width=110
    )


class _ForPeople(yaml.SafeDumper):
    """Phrases in lines, not one a line; and each where it stands, not under a name that was given to it elsewhere."""

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def represent_list(self, data: Iterable[Any]) -> yaml.SequenceNode:
        phrases = all(isinstance(one, str) for one in data)
        return self.represent_sequence("tag:yaml.org,2002:seq", data, flow_style=phrases)


_ForPeople.add_representer(list, _ForPeople.represent_list)


class _UniqueKeys(yaml.SafeLoader):
    """YAML in which a key that stands twice is an error; the second would silently win."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key_node, _ in node.value:
            key = key_node.value
            if key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"{key!r} stands twice", key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep)


def _line_of(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    return f"line {mark.line + 1}" if mark else "the file"


def _shape(said: Any) -> str:
    if isinstance(said, Mapping) and set(said) == {"topics"}:
        return "topics: with no list of topics under it"
    return f"keys {sorted(map(str, said))}" if isinstance(said, Mapping) else type(said).__name__
