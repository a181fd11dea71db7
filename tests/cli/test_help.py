"""Every command explains itself, in whole lines and with nothing left of the markup."""

from __future__ import annotations

from collections.abc import Iterator

import click
from click.testing import CliRunner

from codexlab.cli.launch.flags import options
from codexlab.cli.main import group


def commands(command: click.Command, *path: str) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    yield path, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            assert below is not None
            yield from commands(below, *path, name)


def help_of(command: click.Command) -> str:
    result = CliRunner().invoke(command, ["--help"])
    assert result.exit_code == 0, result.output
    return result.output


def test_every_command_says_what_it_does_and_what_each_option_means() -> None:
    for path, command in commands(group, "codexlab"):
        text = help_of(command)
        assert "\b" not in text, path
        assert "\\" not in text, path
        assert command.help or command.short_help, path
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                assert parameter.help or parameter.name == "help", (path, parameter.name)


def test_a_list_of_commands_cuts_no_sentence() -> None:
    for path, command in commands(group, "codexlab"):
        if isinstance(command, click.Group):
            result = CliRunner().invoke(command, ["--help"], terminal_width=78)
            listed = result.output.partition("Commands:")[2]
            assert listed, path
            assert "..." not in listed, path


def test_the_launchers_examples_stand_on_lines_of_their_own() -> None:
    lines = [line.strip() for line in help_of(options).splitlines()]
    assert 'codexlab-run --issue 123 -- codex exec {resume} "Now add a test"' in lines
    assert not any("\\b" in line for line in lines)
