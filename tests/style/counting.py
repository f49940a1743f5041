"""Pure functions over one Python source: vague names, riddle-like first words, lines of functions."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass

VAGUE_NAMES = frozenset({"answer", "given", "known", "found", "said", "told"})
"""Identifiers that do not name the thing they hold. Leading underscores do not make them clearer."""

_OPENING = re.compile(r"\W*(?:What|Whoever|Of|That|Which)\b", re.IGNORECASE)
_INNER_SENTENCE = re.compile(r"[.!?]\s+(?=(?:What|Whoever|Of|That|Which)\b)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One place in one source, with the name or the words that stand there."""

    line: int
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    """A function, with its dotted name inside its module and its lines without decorators and docstring."""

    line: int
    name: str
    lines: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Prose:
    """A docstring or a comment, with the line on which it begins."""

    line: int
    text: str


def vague_names(source: str) -> list[Finding]:
    """Every definition and every use of an identifier that is one of ``VAGUE_NAMES``.

    Read from the syntax tree rather than from tokens: before Python 3.12 an f-string is a single token, which
    hides the names inside it.
    """
    findings = [
        Finding(line=line, name=name)
        for node in ast.walk(ast.parse(source))
        for line, name in _identifiers(node)
        if name.lstrip("_") in VAGUE_NAMES
    ]
    return sorted(findings, key=lambda finding: (finding.line, finding.name))


def prose(source: str) -> list[Prose]:
    """The docstrings and comments of ``source`` in the order of their lines.

    Every string that is a statement counts as a docstring: attributes are documented by a string below them.
    Comment lines that follow each other in one column are one comment.
    """
    return sorted((*_docstrings(source), *_comments(source)), key=lambda item: item.line)


def riddles(source: str) -> list[Finding]:
    """Docstrings and comments whose first word is What, Whoever, Of, That or Which."""
    return [
        Finding(line=item.line, name=_excerpt(item.text))
        for item in prose(source)
        if _OPENING.match(item.text)
    ]


def inner_riddles(source: str) -> list[Finding]:
    """Later sentences of docstrings and comments that begin with one of the same words."""
    return [
        Finding(
            line=item.line + item.text.count("\n", 0, match.end()), name=_excerpt(item.text[match.end() :])
        )
        for item in prose(source)
        for match in _INNER_SENTENCE.finditer(item.text)
    ]


def functions(source: str) -> list[Function]:
    """The functions and methods of ``source``, nested ones included, in the order of their lines."""
    return sorted(_functions(ast.parse(source), ""), key=lambda function: function.line)


def module_lines(source: str) -> int:
    """How many lines ``source`` has."""
    return len(source.splitlines())


def _identifiers(node: ast.AST) -> Iterator[tuple[int, str]]:
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            yield node.end_lineno or node.lineno, name
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            yield node.lineno, name
        case ast.arg(arg=name) | ast.keyword(arg=str(name)):
            yield node.lineno, name
        case ast.alias(name=dotted, asname=alias):
            for name in (*dotted.split("."), *filter(None, (alias,))):
                yield node.lineno, name
        case ast.ImportFrom(module=str(dotted)):
            for name in dotted.split("."):
                yield node.lineno, name
        case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
            yield node.lineno, name
        case ast.MatchMapping(rest=str(name)):
            yield node.lineno, name
        case ast.MatchClass(kwd_attrs=names) | ast.Global(names=names) | ast.Nonlocal(names=names):
            for name in names:
                yield node.lineno, name


def _docstrings(source: str) -> Iterator[Prose]:
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Expr(value=ast.Constant(value=str(text))):
                yield Prose(line=node.lineno, text=text)


def _comments(source: str) -> Iterator[Prose]:
    block: list[str] = []
    first_line = last_line = column = 0
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type != tokenize.COMMENT:
            continue
        line, start = token.start
        alone = not token.line[:start].strip()
        if not (block and alone and line == last_line + 1 and start == column):
            if block:
                yield Prose(line=first_line, text="\n".join(block))
            block, first_line, column = [], line, start
        block.append(token.string.lstrip("#: "))
        last_line = line
    if block:
        yield Prose(line=first_line, text="\n".join(block))


def _functions(node: ast.AST, prefix: str) -> Iterator[Function]:
    for child in ast.iter_child_nodes(node):
        match child:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                yield Function(line=child.lineno, name=prefix + name, lines=_code_lines(child))
                yield from _functions(child, f"{prefix}{name}.")
            case ast.ClassDef(name=name):
                yield from _functions(child, f"{prefix}{name}.")
            case _:
                yield from _functions(child, prefix)


def _code_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    lines = (function.end_lineno or function.lineno) - function.lineno + 1
    match function.body[0]:
        case ast.Expr(value=ast.Constant(value=str())) as docstring:
            lines -= (docstring.end_lineno or docstring.lineno) - docstring.lineno + 1
    return lines


def _excerpt(text: str) -> str:
    words = " ".join(text.split())
    return words if len(words) <= 60 else f"{words[:59]}…"
