"""Read topics from a YAML file and write them to one."""

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
MAX_SLUG_CHARACTERS: Final = 100

_SLUG: Final = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


def read_topics(text: str, *, name: str) -> tuple[Topic, ...]:
    """Return the topics of a YAML file, with all rules checked.

    Raises:
        Refused: names the file, the topic, the invalid place and the accepted values. A :class:`RefusedTogether`
            names several.
    """
    if len(text.encode("utf-8", "replace")) > MAX_FILE_BYTES:
        raise Refused(name, f"{len(text)} characters", f"at most {MAX_FILE_BYTES} bytes")
    try:
        document = yaml.load(text, _UniqueKeys)  # noqa: S506 - a SafeLoader that refuses repeated keys
    except yaml.YAMLError as error:
        raise Refused(name, _line_of(error), f"YAML ({' '.join(str(error).split())})") from None
    except RecursionError:
        raise Refused(name, "nested too deeply", "a list of topics") from None
    if document is None:
        raise Refused(name, "an empty file", "one key, topics, with a list of topics")
    if (
        not isinstance(document, Mapping)
        or set(document) != {"topics"}
        or not isinstance(document["topics"], list)
    ):
        raise Refused(name, _shape(document), "one key, topics, with a list of topics")
    topics: list[Topic] = []
    slugs: set[str] = set()
    refusals: list[Refused] = []
    for number, fields in enumerate(document["topics"], 1):
        try:
            topics.append(_read_topic(fields, number, slugs))
        except RefusedTogether as refused:
            refusals += refused.refusals
    if refusals:
        raise combine_refusals(
            [Refused(f"{name}, {each.thing}", each.value, each.accepted) for each in refusals]
        )
    return tuple(topics)


def _read_topic(fields: Any, number: int, slugs: set[str]) -> Topic:
    """Return the topic and add its slug to ``slugs``, the slugs of the topics before it.

    Raises:
        RefusedTogether: everything that is invalid in the topic.
    """
    where = f"topic {number}"
    if not isinstance(fields, Mapping):
        raise RefusedTogether([Refused(where, fields, "a mapping with slug, title and rule")])
    slug, refusals = _read_slug(fields.get("slug"), number, slugs)
    if not refusals or slug in slugs:
        where = f"{where} ({slug})"
    title, description = fields.get("title"), fields.get("description", "")
    if extra := sorted(map(str, set(fields) - {"slug", "title", "description", "phrases", "rule"})):
        refusals.append(Refused(where, extra, "only slug, title, description, phrases and rule"))
    if not isinstance(title, str) or not title.strip():
        refusals.append(Refused(f"{where}, title", title, "a line of text"))
    if not isinstance(description, str):
        refusals.append(Refused(f"{where}, description", description, "a text"))
    rule = {name: fields[name] for name in ("rule", "phrases") if name in fields}
    topic = Topic(slug=slug, title=str(title).strip(), description=str(description).strip(), rule=rule)
    if "rule" not in fields:
        refusals.append(Refused(f"{where}, rule", None, "a condition"))
    else:
        refusals += _check_rule(topic)
    if refusals:
        raise RefusedTogether(refusals)
    return topic


def _read_slug(slug: Any, number: int, slugs: set[str]) -> tuple[str, list[Refused]]:
    """Return the slug, or ``number`` in place of an invalid one; and add a valid slug to ``slugs``."""
    thing = f"topic {number}, slug"
    if not isinstance(slug, str) or not _SLUG.fullmatch(slug) or len(slug) > MAX_SLUG_CHARACTERS:
        accepted = f"up to {MAX_SLUG_CHARACTERS} lower-case letters, digits and single hyphens"
        return str(number), [Refused(thing, slug, accepted)]
    refusals = []
    if slug == ALERTS_STREAM:
        refusals.append(Refused(thing, slug, "another slug: this one is the stream of the alerts"))
    if slug in slugs:
        refusals.append(Refused(thing, slug, "a slug that no other topic has"))
    slugs.add(slug)
    return slug, refusals


def _check_rule(topic: Topic) -> Sequence[Refused]:
    try:
        compile_topics([topic])
    except RefusedTogether as refused:
        return refused.refusals
    except Refused as refused:
        return [refused]
    except RecursionError:  # a YAML anchor can make a rule contain itself
        return [Refused(f"topic {topic.slug}, rule", "nested too deeply", "a condition")]
    return []


def write_topics(topics: Sequence[Topic]) -> str:
    """Return a YAML file with these topics, which :func:`read_topics` accepts."""
    entries = []
    for topic in topics:
        description = {"description": topic.description} if topic.description else {}
        rule = {"rule": topic.rule.get("rule", topic.rule)}
        phrases = {"phrases": topic.rule["phrases"]} if "phrases" in topic.rule else {}
        entries.append({"slug": topic.slug, "title": topic.title, **description, **phrases, **rule})
    return yaml.dump(
        jsonable({"topics": entries}), Dumper=_TopicDumper, allow_unicode=True, sort_keys=False, width=110
    )


class _TopicDumper(yaml.SafeDumper):
    """Writes lists of phrases in flow style, several per line, and writes no anchors or aliases."""

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def represent_list(self, data: Iterable[Any]) -> yaml.SequenceNode:
        phrases = all(isinstance(item, str) for item in data)
        return self.represent_sequence("tag:yaml.org,2002:seq", data, flow_style=phrases)


_TopicDumper.add_representer(list, _TopicDumper.represent_list)


class _UniqueKeys(yaml.SafeLoader):
    """Refuses repeated keys; YAML's default is that the last one silently replaces the others."""

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


def _shape(document: Any) -> str:
    if isinstance(document, Mapping) and set(document) == {"topics"}:
        return "topics: with no list of topics under it"
    return f"keys {sorted(map(str, document))}" if isinstance(document, Mapping) else type(document).__name__
