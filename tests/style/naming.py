"""Find the names that a document mentions in the source of the package."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

_FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
_SPAN = re.compile(r"`([^`\n]+)`")


def code_spans(markdown: str) -> list[str]:
    """The code spans outside of code blocks, in order."""
    return _SPAN.findall(_FENCE.sub("", markdown))


def exists(name: str, *, package: Path) -> bool:
    """Whether a dotted name such as ``poll.run.PollRun`` is defined, or imported, in the package's source.

    The leading parts are packages and modules, the others classes, functions, variables and their attributes.
    """
    place, names = package, name.split(".")
    while names and (place / names[0]).is_dir():
        place /= names.pop(0)
    if names and (place / f"{names[0]}.py").is_file():
        source = place / f"{names.pop(0)}.py"
    elif place != package:
        source = place / "__init__.py"
    else:
        return False
    return not names or (
        source.is_file() and _defines(ast.parse(source.read_text(encoding="utf-8")).body, names)
    )


def top_level(package: Path) -> list[str]:
    """Packages (``db/``) and modules (``wire.py``) directly below the package."""
    entries = sorted(path for path in package.iterdir() if not path.name.startswith(("__", ".")))
    return [
        f"{path.name}/" if path.is_dir() else path.name
        for path in entries
        if path.suffix == ".py" or (path / "__init__.py").is_file()
    ]


def _defines(body: Sequence[ast.stmt], names: Sequence[str]) -> bool:
    for statement in body:
        match statement:
            case ast.ClassDef(name=name, body=members) if name == names[0]:
                return len(names) == 1 or _defines(members, names[1:])
            case _ if len(names) == 1 and names[0] in _bound(statement):
                return True
    return False


def _bound(statement: ast.stmt) -> Iterator[str]:
    match statement:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
            yield name
        case ast.AnnAssign(target=ast.Name(id=name)):
            yield name
        case ast.Assign(targets=targets):
            yield from (target.id for target in targets if isinstance(target, ast.Name))
        case ast.ImportFrom(names=aliases) | ast.Import(names=aliases):
            yield from (alias.asname or alias.name for alias in aliases)
