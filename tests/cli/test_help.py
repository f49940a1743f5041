"""Every command, of whatever depth, has help with an example."""

from __future__ import annotations

from collections.abc import Iterator

import click
import pytest

from ingest.cli import root


def _commands(group: click.Group, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None, name
        if isinstance(command, click.Group):
            yield from _commands(command, (*path, name))
        else:
            yield (*path, name), command


COMMANDS = dict(_commands(root, ("ingest",)))


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_help_says_what_it_does_and_gives_an_example(path: tuple[str, ...]) -> None:
    help_text = COMMANDS[path].help or ""
    assert "Example" in help_text, f"{' '.join(path)} --help has no example"
    assert " ".join(path) in help_text


@pytest.mark.parametrize(
    "path",
    [
        path
        for path in COMMANDS
        if path[-1] in {"list", "show", "search", "tail", "status", "explain", "settings"}
    ],
    ids=" ".join,
)
def test_what_a_program_may_read_comes_as_json_too(path: tuple[str, ...]) -> None:
    options = {option for parameter in COMMANDS[path].params for option in parameter.opts}
    assert "--json" in options
