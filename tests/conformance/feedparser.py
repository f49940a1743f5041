"""feedparser's suite: a comment in each file holds a Python expression over feedparser's dictionaries.

The expression is walked, not run: what is compared are our fields under feedparser's names. ``and`` joins claims;
``not bozo`` is no claim of its own beside others, but where it does not hold the file fails.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any, Final

from ingest.types import Failed
from ingest.urls import absolute
from tests.conformance.claims import (
    Read,
    Tally,
    base_of,
    claim,
    entry_of,
    files,
    read,
    same_address,
    same_date,
    same_plain,
    same_text,
    without_address,
)

FOLDER: Final = "A_feedparser/tests"
HOST: Final = "http://127.0.0.1:8097/"
"""Where the suite says its files are served."""
_EXPECT: Final = re.compile(rb"Expect:\s*(.+?)\s*(?:-->|\r?\n|\"\s*,)", re.DOTALL)
_HEADER: Final = re.compile(rb"^\s*Header:\s*([\w-]+):\s*(.*?)\s*$", re.MULTILINE)


class NotKeptError(Exception):
    """The expression speaks of what we have no field for."""


def run(folder: Path) -> Tally:
    tally = Tally()
    root = folder / FOLDER
    for path in files(root, "*.xml", "*.json"):
        body = path.read_bytes()
        stated = _EXPECT.search(body.replace(b"\0", b""))  # some are in UTF-16
        if stated is None:
            continue
        tally.files += 1
        case = str(path.relative_to(root))
        headers = {
            name.decode().lower(): value.decode("utf-8", "replace") for name, value in _HEADER.findall(body)
        }
        url = f"{HOST}tests/{case}"
        url = absolute(headers.get("content-location", ""), base=url) or url
        content_type, language = headers.get("content-type"), headers.get("content-language")
        parsed = read(body, url=url, content_type=content_type, language=language)
        text = stated[1].decode("utf-8", "replace")
        try:
            holds, found = Reader(parsed, url, labelled=b" label=" in body).holds(
                ast.parse(text, mode="eval").body
            )
        except (NotKeptError, SyntaxError):
            tally.elsewhere += 1
            continue
        tally.claims.append(claim(case, _about(text), expected=text, found=found, holds=holds))
    return tally


def _about(text: str) -> str:
    return text.removeprefix("not bozo and ").split(" ==")[0].split(" !=")[0][:60]


class Reader:
    """Compares one document with an expression about it."""

    def __init__(self, parsed: Read, url: str, *, labelled: bool) -> None:
        self._parsed = parsed
        self._labelled = labelled
        self._url = url

    def holds(self, node: ast.expr) -> tuple[bool, object]:
        """Whether the expression holds, and what was found.

        Raises:
            NotKeptError: nothing in it speaks of our fields.
        """
        match node:
            case ast.BoolOp(op=ast.And(), values=values):
                kept = []
                for value in values:
                    try:
                        kept.append((self.holds(value), self._is_bozo(value)))
                    except NotKeptError:
                        continue
                if all(bozo for _, bozo in kept):
                    raise NotKeptError
                wrong = [(holds, found) for (holds, found), _ in kept if not holds]
                return wrong[0] if wrong else kept[-1][0]
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                holds, found = self.holds(operand)
                if self._is_bozo(operand):
                    broken = self._broken()
                    return not broken, broken
                return not holds, found
            case ast.Name(id="bozo"):
                found = self._parsed if isinstance(self._parsed, Failed) else self._parsed.warnings
                return bool(found), found
            case ast.Call(func=ast.Attribute(value=value, attr="has_key"), args=[ast.Constant(value=name)]):
                found = self._value([*self._path(value), str(name)])[1]
                return found is not None, found
            case ast.Compare(left=left, ops=[ast.Eq()], comparators=[right]):
                return self._equal(left, right)
            case ast.Compare(left=left, ops=[ast.NotEq()], comparators=[right]):
                holds, found = self._equal(left, right)
                return not holds, found
        raise NotKeptError

    @staticmethod
    def _is_bozo(node: ast.expr) -> bool:
        if isinstance(node, ast.UnaryOp):
            node = node.operand
        return isinstance(node, ast.Name) and node.id == "bozo"

    def _broken(self) -> str | None:
        if isinstance(self._parsed, Failed):
            return self._parsed.detail
        return next((each for each in self._parsed.warnings if each.startswith("not well-formed")), None)

    def _equal(self, left: ast.expr, right: ast.expr) -> tuple[bool, object]:
        try:
            expected = ast.literal_eval(right)
        except ValueError:
            raise NotKeptError from None
        match left:
            case ast.Call(func=ast.Name(id="len"), args=[ast.Name(id="entries")]):
                count = 0 if isinstance(self._parsed, Failed) else len(self._parsed.entries)
                return count == expected, count
            case ast.Call(func=ast.Name(id="ord"), args=[argument]):
                expected, left = chr(expected), argument
        kind, found, base = self._value(self._path(left))
        return _same(kind, found, expected, base=base), found

    def _path(self, node: ast.expr) -> list[str | int]:
        if isinstance(node, ast.Name):
            return [node.id]
        if isinstance(node, ast.Attribute):
            return [*self._path(node.value), node.attr]
        if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
            index = node.slice.value
            if isinstance(index, str | int):
                return [*self._path(node.value), index]
        raise NotKeptError

    def _value(self, path: list[str | int]) -> tuple[str, Any, str]:
        """How it is compared, our value, and the base of its addresses."""
        if isinstance(self._parsed, Failed):
            self._kind(path)
            return "text", None, self._url
        kind, name, index = self._kind(path)
        if path[0] == "entries":
            entry = entry_of(self._parsed, int(path[1]))
            value = None if entry is None else getattr(entry, name)
            if name == "language":  # what an entry inherits from its feed, or from HTTP, is kept once
                value = value or self._parsed.language
            base = base_of(entry, self._url)
        else:
            value, base = getattr(self._parsed, name), self._url
            if name == "hints":
                value = value.ttl
        if isinstance(value, tuple):
            value = value[index] if index < len(value) else None
        return kind, value, base

    def _kind(self, path: list[str | int]) -> tuple[str, str, int]:
        """How a path of feedparser's names is compared, our field, and which of several.

        Raises:
            NotKeptError: it is none of ours.
        """
        match path:
            case ["version"]:
                return "exact", "version", 0
            case ["feed", "title"] | ["feed", "title_detail", "value"]:
                return "line", "title", 0
            case ["feed", "link"]:
                return "address", "link", 0
            case ["feed", "language"]:
                return "exact", "language", 0
            case ["feed", "ttl"]:
                return "exact", "hints", 0
            case ["entries", int(), "title"] | ["entries", int(), "title_detail", "value"]:
                return "line", "title", 0
            case ["entries", int(), "description" | "summary"] | [
                "entries", int(), "summary_detail", "value"
            ]:  # fmt: skip
                return "text", "summary", 0
            case ["entries", int(), "content", int(), "value"]:
                return "text", "content", 0
            case ["entries", int(), "link"]:
                return "address", "link", 0
            case ["entries", int(), "id" | "guid"]:
                return "address", "guid", 0
            case ["entries", int(), "author"] | ["entries", int(), "author_detail", "name"]:
                return "name", "authors", 0
            case ["entries", int(), "authors", int() as index, "name"]:
                return "name", "authors", index
            case ["entries", int(), "category"]:
                return "exact", "categories", 0
            # We keep one name of a category: the label, where it has one.
            case ["entries", int(), "tags", int() as index, "term" | "label" as name] if (
                name == "label" or not self._labelled
            ):
                return "exact", "categories", index
            case ["entries", int(), "published_parsed"]:
                return "date", "published", 0
            case ["entries", int(), "updated_parsed"]:
                return "date", "updated", 0
            case ["entries", int(), "published"]:
                return "exact", "published_raw", 0
            case ["entries", int(), "language"] | ["entries", int(), "title_detail", "language"]:
                return "exact", "language", 0
            case ["entries", int(), "source", "title"] | [
                "entries",
                int(),
                "source",
                "title_detail",
                "value",
            ]:
                return "text", "source_title", 0
            case ["entries", int(), "source", "href" | "link"]:
                return "address", "source_url", 0
            case ["entries", int(), "image", "href"] | ["entries", int(), "media_thumbnail", 0, "url"]:
                return "address", "image", 0
            case ["entries", int(), "content", 0, "base"] | ["entries", int(), "summary_detail", "base"]:
                return "address", "base", 0
        raise NotKeptError


def _same(kind: str, found: Any, expected: Any, *, base: str) -> bool:
    if kind == "date":
        return same_date(found, expected)
    if expected is not None and not isinstance(expected, str):
        return bool(found == expected)
    if kind == "line":  # a title is one line of plain text in the end
        return same_text(found, expected, base=base) or same_plain(found, expected)
    if kind == "text":
        return same_text(found, expected, base=base)
    if kind == "address":
        return same_address(found, expected, base=base)
    if kind == "name":
        return same_plain(found, without_address(expected or ""))
    return (found or "") == (expected or "").strip()
