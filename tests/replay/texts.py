"""Compare stored titles and texts with the entries that the reference reader extracted."""

from __future__ import annotations

from tests.replay.reference import ReferenceEntry, plain
from tests.replay.stored import Revision


def is_text_of(title: str, text: str, entry: ReferenceEntry) -> bool:
    """Return whether the title is the entry's, and every line of the text is in the entry's body."""
    entry_title, body = entry.plain
    if not entry_title:  # without a title the beginning of the text, or the link, stands for it
        entry_title = (
            title if entry.link == title or body.startswith(title.rstrip("…").rstrip()) else entry_title
        )
    return _squeezed(title) == _squeezed(entry_title) and is_within(text, body) and (bool(text) or not body)


def is_caption_of(revision: Revision, entry: ReferenceEntry) -> bool:
    title, body = entry.plain
    captions = {_squeezed(plain(caption)) for caption in entry.captions}
    return not body and _squeezed(revision.title) == _squeezed(title) and _squeezed(revision.text) in captions


def mismatch(revision: Revision, entry: ReferenceEntry) -> str:
    """Show the first place where the stored text differs from the entry's."""
    title, body = entry.plain
    if _squeezed(revision.title) != _squeezed(title):
        return f"titled {revision.title!r}, the entry has {title!r}"
    for line in revision.text.splitlines():
        if not is_within(line, body):
            near = body.find(line[:20])
            return f"stored {line[:400]!r}, the entry has {body[max(0, near) : near + 400]!r}"
    return f"stored {revision.text[:300]!r}, the entry has {body[:300]!r}"


def is_within(text: str, body: str) -> bool:
    """Return whether every line of ``text`` is in ``body``, in this order, ignoring white space."""
    squeezed, at = _squeezed(body), 0
    for line in text.splitlines():
        needle = _squeezed(line)
        position = squeezed.find(needle, at)
        if position < 0:
            return False
        at = position + len(needle)
    return True


def removed_text(text: str, body: str) -> str:
    """Return the parts of ``body`` that ``text`` lacks, where ``body`` has all lines of ``text``."""
    positions = [index for index, character in enumerate(body) if not character.isspace()]
    squeezed, at = _squeezed(body), 0
    pieces = []
    for line in [*text.splitlines(), None]:
        needle = "" if line is None else _squeezed(line)
        position = len(squeezed) if line is None else squeezed.find(needle, at)
        if position > at:
            pieces.append(body[positions[at] : positions[position - 1] + 1])
        at = max(at, position) + len(needle)
    return " … ".join(pieces)


def _squeezed(text: str) -> str:
    return "".join(text.split())


def difference(before: ReferenceEntry, after: ReferenceEntry) -> str:
    """Show the first place where the two entries differ."""
    for name in ("title", "summary", "contents", "captions"):
        old, new = str(getattr(before, name)), str(getattr(after, name))
        if old != new:
            at = next((n for n, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), len(old))
            start = max(0, at - 30)
            return f"{name} {old[start : at + 60]!r} → {new[start : at + 60]!r}"
    return "no difference"
