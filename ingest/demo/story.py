"""The demo's news: fictional outlets and their articles over four days, written in ``outlets/*.toml``.

A file describes the outlet first, then its articles with the time of the story (``"2 07:20"`` is 07:20 on the second
day). An article has its own ``text``, with paragraphs separated by empty lines, or is a ``copy`` of the current version
of another outlet's article (``"outlet/slug"``) inside the outlet's ``wrapping``. Corrections change title or text
later.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from importlib import resources
from typing import Any, Final

LENGTH: Final = timedelta(days=3, hours=8)
"""Duration of the story."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Printed:
    """One version of an article."""

    outlet: str
    slug: str
    url: str
    title: str
    author: str | None
    paragraphs: tuple[str, ...]
    published: timedelta
    """Time since the begin of the story, as ``changed``."""
    changed: timedelta
    on_topic: bool
    """True where the article was written for the topic Russia–North Korea relations."""
    copy_of: str | None
    """``outlet/slug`` of the copied article."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Edition:
    """Articles in an outlet's feed from ``at`` on, newest first."""

    at: timedelta
    printed: tuple[Printed, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlet:
    """One feed of the demo."""

    slug: str
    name: str
    home: str
    language: str
    kind: str
    """``rss``, ``rss091``, ``rdf`` or ``atom``."""
    encoding: str
    behaviour: str | None
    """``slow``, ``flickering`` (a web page at times) or ``malformed``; None: no fault."""
    editions: tuple[Edition, ...]


def read_story() -> tuple[Outlet, ...]:
    """Return all outlets in the order of their file names."""
    folder = resources.files("ingest.demo").joinpath("outlets")
    files = sorted(
        (path for path in folder.iterdir() if path.name.endswith(".toml")), key=lambda path: path.name
    )
    return build_outlets(
        {path.name.removesuffix(".toml"): tomllib.loads(path.read_text("utf-8")) for path in files}
    )


def build_outlets(sources: Mapping[str, Mapping[str, Any]]) -> tuple[Outlet, ...]:
    """Return the outlets from the contents of their files, by slug.

    Raises:
        ValueError: an article is copied before it is published, or a correction replaces words that the text lacks.
    """
    states = {
        f"{slug}/{article['slug']}": _states(slug, source, article)
        for slug, source in sources.items()
        for article in source["article"]
        if "copy" not in article
    }
    for slug, source in sources.items():
        for article in source["article"]:
            if "copy" in article:
                states[f"{slug}/{article['slug']}"] = (_copied(slug, sources, article, states),)
    return tuple(_outlet(slug, source, states) for slug, source in sources.items())


def _moment(text: str) -> timedelta:
    day, _, clock = text.partition(" ")
    hours, _, minutes = clock.partition(":")
    return timedelta(days=int(day) - 1, hours=int(hours), minutes=int(minutes))


def _paragraphs(text: str) -> tuple[str, ...]:
    return tuple(" ".join(part.split()) for part in text.split("\n\n") if part.strip())


def _states(slug: str, source: Mapping[str, Any], article: Mapping[str, Any]) -> tuple[Printed, ...]:
    """Return the first version of an article and the version after each correction."""
    at = _moment(article["at"])
    first = Printed(
        outlet=slug,
        slug=article["slug"],
        url=source["home"] + article["slug"],
        title=article["title"],
        author=article.get("author"),
        paragraphs=_paragraphs(article["text"]),
        published=at,
        changed=at,
        on_topic=article.get("on_topic", False),
        copy_of=None,
    )
    states = [first]
    for correction in article.get("correction", ()):
        states.append(_corrected(states[-1], correction))
    return tuple(states)


def _corrected(before: Printed, correction: Mapping[str, str]) -> Printed:
    paragraphs = before.paragraphs
    if "replace" in correction:
        wrong, right = correction["replace"], correction["by"]
        if not any(wrong in paragraph for paragraph in paragraphs):
            raise ValueError(f"{before.outlet}/{before.slug}: the text has no {wrong!r} to correct")
        paragraphs = tuple(paragraph.replace(wrong, right) for paragraph in paragraphs)
    if "append" in correction:
        paragraphs = (*paragraphs, correction["append"])
    title = correction.get("title", before.title)
    return replace(before, title=title, paragraphs=paragraphs, changed=_moment(correction["at"]))


def _copied(
    slug: str,
    sources: Mapping[str, Mapping[str, Any]],
    article: Mapping[str, Any],
    states: Mapping[str, tuple[Printed, ...]],
) -> Printed:
    """Return the copied article in the boilerplate of the copying outlet, in its version at the time of the copy."""
    at = _moment(article["at"])
    taken = [state for state in states.get(article["copy"], ()) if state.changed <= at]
    if not taken:
        raise ValueError(f"{slug}/{article['slug']}: {article['copy']} is not printed at {article['at']}")
    original = taken[-1]
    wrapping = sources[slug].get("wrapping", {})
    credit = {"author": original.author or "our staff", "publisher": sources[original.outlet]["name"]}
    before, inline, after = (
        tuple(line.format(**credit) for line in wrapping.get(place, ()))
        for place in ("before", "inline", "after")
    )
    return replace(
        original,
        outlet=slug,
        slug=article["slug"],
        url=sources[slug]["home"] + article["slug"],
        title=article["title"],
        author=None,
        paragraphs=(*before, *original.paragraphs[:2], *inline, *original.paragraphs[2:], *after),
        published=at,
        changed=at,
        copy_of=article["copy"],
    )


def _outlet(slug: str, source: Mapping[str, Any], states: Mapping[str, tuple[Printed, ...]]) -> Outlet:
    own = [states[f"{slug}/{article['slug']}"] for article in source["article"]]
    moments = sorted({timedelta(0), *(state.changed for each in own for state in each)})
    return Outlet(
        slug=slug,
        name=source["name"],
        home=source["home"],
        language=source["language"],
        kind=source["kind"],
        encoding=source.get("encoding", "utf-8"),
        behaviour=source.get("behaviour"),
        editions=tuple(Edition(at=at, printed=_printed(own, at)) for at in moments),
    )


def _printed(own: Sequence[tuple[Printed, ...]], at: timedelta) -> tuple[Printed, ...]:
    current = [[state for state in each if state.changed <= at] for each in own]
    newest_first = sorted(
        (each[-1] for each in current if each), key=lambda each: each.published, reverse=True
    )
    return tuple(newest_first)
