"""Topics: find, read and load them."""

from __future__ import annotations

from pathlib import Path

from ingest.classify import compile_topics, read_topics
from ingest.db import topics
from ingest.db.engine import Engine
from ingest.db.topics import ListedTopic
from ingest.errors import Refused
from ingest.types import Topic


def require_topic(engine: Engine, slug: str) -> ListedTopic:
    """Return the topic, active or retired.

    Raises:
        Refused: there is no such topic, and never was.
    """
    topic = topics.find_topic(engine, slug)
    if topic is None:
        slugs = ", ".join(listed.topic.slug for listed in topics.list_topics(engine, retired=False))
        raise Refused(
            "topic", slug, f"one of {slugs}" if slugs else "a topic; `ingest topics load FILE` adds topics"
        )
    return topic


def read_topics_file(path: Path) -> tuple[Topic, ...]:
    """Read and compile the topics of a file.

    Raises:
        Refused: the file cannot be read, is not a topics file, or holds a rule that is not valid.
    """
    try:
        topics_of_file = read_topics(path.read_text("utf-8"), name=str(path))
    except OSError as error:
        raise Refused("FILE", str(path), f"a readable topics file ({error.strerror})") from None
    except UnicodeDecodeError as error:
        raise Refused(
            "FILE", str(path), f"a topics file in UTF-8 ({error.reason} at byte {error.start})"
        ) from None
    compile_topics(topics_of_file)
    return topics_of_file
