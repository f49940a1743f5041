"""feedparser's suite: a comment in each file holds a Python expression over feedparser's dictionaries.

The expression is interpreted, not executed: our fields are compared under feedparser's names. ``and`` joins claims.
``not bozo`` beside other claims is not a claim of its own, but the file fails where it is false.
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
"""Base URL under which the suite serves its files."""
_EXPECT: Final = re.compile(rb"Expect:\s*(.+?)\s*(?:-->|\r?\n|\"\s*,)", re.DOTALL)
_HEADER: Final = re.compile(rb"^\s*Header:\s*([\w-]+):\s*(.*?)\s*$", re.MULTILINE)


class NotApplicableError(Exception):
    """The expression concerns no field of ours."""


def run(folder: Path) -> Tally:
    tally = Tally()
    root = folder / FOLDER
    for path in files(root, "*.xml", "*.json"):
        body = path.read_bytes()
        expectation = _EXPECT.search(body.replace(b"\0", b""))  # some files are in UTF-16
        if expectation is None:
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
        text = expectation[1].decode("utf-8", "replace")
        try:
            holds, actual = Reader(parsed, url, labelled=b" label=" in body).holds(
                ast.parse(text, mode="eval").body
            )
        except (NotApplicableError, SyntaxError):
            tally.not_applicable += 1
            continue
        tally.claims.append(claim(case, _about(text), expected=text, actual=actual, holds=holds))
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
        """Return whether the expression holds, and the actual value.

        Raises:
            NotApplicableError: no part of the expression concerns a field of ours.
        """
        match node:
            case ast.BoolOp(op=ast.And(), values=values):
                results = []
                for value in values:
                    try:
                        results.append((self.holds(value), self._is_bozo(value)))
                    except NotApplicableError:
                        continue
                if all(bozo for _, bozo in results):
                    raise NotApplicableError
                wrong = [(holds, actual) for (holds, actual), _ in results if not holds]
                return wrong[0] if wrong else results[-1][0]
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                holds, actual = self.holds(operand)
                if self._is_bozo(operand):
                    broken = self._broken()
                    return not broken, broken
                return not holds, actual
            case ast.Name(id="bozo"):
                actual = self._parsed if isinstance(self._parsed, Failed) else self._parsed.warnings
                return bool(actual), actual
            case ast.Call(func=ast.Attribute(value=value, attr="has_key"), args=[ast.Constant(value=name)]):
                actual = self._value([*self._path(value), str(name)])[1]
                return actual is not None, actual
            case ast.Compare(left=left, ops=[ast.Eq()], comparators=[right]):
                return self._equal(left, right)
            case ast.Compare(left=left, ops=[ast.NotEq()], comparators=[right]):
                holds, actual = self._equal(left, right)
                return not holds, actual
        raise NotApplicableError

    @staticmethod
    def _is_bozo(node: ast.expr) -> bool:
        if isinstance(node, ast.UnaryOp):
            node = node.operand
        return isinstance(node, ast.Name) and node.id == "bozo"

    def _broken(self) -> str | None:
        if isinstance(self._parsed, Failed):
            return self._parsed.detail
        return next(
            (warning for warning in self._parsed.warnings if warning.startswith("not well-formed")), None
        )

    def _equal(self, left: ast.expr, right: ast.expr) -> tuple[bool, object]:
        try:
            expected = ast.literal_eval(right)
        except ValueError:
            raise NotApplicableError from None
        match left:
            case ast.Call(func=ast.Name(id="len"), args=[ast.Name(id="entries")]):
                count = 0 if isinstance(self._parsed, Failed) else len(self._parsed.entries)
                return count == expected, count
            case ast.Call(func=ast.Name(id="ord"), args=[argument]):
                expected, left = chr(expected), argument
        kind, actual, base = self._value(self._path(left))
        return _same(kind, actual, expected, base=base), actual

    def _path(self, node: ast.expr) -> list[str | int]:
        if isinstance(node, ast.Name):
            return [node.id]
        if isinstance(node, ast.Attribute):
            return [*self._path(node.value), node.attr]
        if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
            index = node.slice.value
            if isinstance(index, str | int):
                return [*self._path(node.value), index]
        raise NotApplicableError

    def _value(self, path: list[str | int]) -> tuple[str, Any, str]:
        """Return the kind of comparison, our value, and the base of its URLs."""
        if isinstance(self._parsed, Failed):
            self._kind(path)
            return "text", None, self._url
        kind, name, index = self._kind(path)
        if path[0] == "entries":
            entry = entry_of(self._parsed, int(path[1]))
            value = None if entry is None else getattr(entry, name)
            if (
                name == "language"
            ):  # a language inherited from the feed, or from HTTP, is stored once, at the feed
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
        """Return the kind of comparison, our field, and the index in a field with several values.

        Raises:
            NotApplicableError: the path concerns no field of ours.
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
            # A category is stored under one name: its label, where it has one.
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
        raise NotApplicableError


def _same(kind: str, actual: Any, expected: Any, *, base: str) -> bool:
    if kind == "date":
        return same_date(actual, expected)
    if expected is not None and not isinstance(expected, str):
        return bool(actual == expected)
    if kind == "line":  # a title ends up as one line of plain text
        return same_text(actual, expected, base=base) or same_plain(actual, expected)
    if kind == "text":
        return same_text(actual, expected, base=base)
    if kind == "address":
        return same_address(actual, expected, base=base)
    if kind == "name":
        return same_plain(actual, without_address(expected or ""))
    return (actual or "") == (expected or "").strip()
