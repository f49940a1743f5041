"""Every command, of whatever depth, has help with an example."""

from __future__ import annotations

from collections.abc import Iterator

import click
import pytest

from ingest.cli import root
from ingest.cli.entrypoint import SECTIONS


def _commands(group: click.Group, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None, name
        if isinstance(command, click.Group):
            assert "Example" in (command.help or ""), name
            yield from _commands(command, (*path, name))
        else:
            yield (*path, name), command


COMMANDS = dict(_commands(root, ("ingest",)))


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_help_says_what_it_does_and_gives_an_example(path: tuple[str, ...]) -> None:
    help_text = COMMANDS[path].help or ""
    assert "Example" in help_text, f"{' '.join(path)} --help has no example"
    assert " ".join(path) in help_text


def _groups(group: click.Group) -> Iterator[click.Group]:
    yield group
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            yield from _groups(command)


@pytest.mark.parametrize("group", list(_groups(root)), ids=lambda group: group.name)
def test_each_line_of_a_list_of_commands_fits_its_column(group: click.Group) -> None:
    for line in group.get_help(click.Context(group, terminal_width=80)).splitlines():
        assert line.startswith("Usage:") or not line.endswith("...")


def test_the_list_of_all_commands_is_grouped_by_purpose() -> None:
    help_text = root.get_help(click.Context(root, terminal_width=80))
    assert [
        line.rstrip(":") for line in help_text.splitlines() if line in {f"{name}:" for name in SECTIONS}
    ] == [
        "Run the service",
        "Use it",
        "Operate it",
        "Processes of a cluster",
    ]
    assert "Commands:" not in help_text


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
