"""Every command explains itself, in whole lines and with nothing left of the markup."""

from __future__ import annotations

import re
from collections.abc import Iterator

import click
from click.testing import CliRunner
from support.lab import Lab

from codexlab.cli.launch.flags import options
from codexlab.cli.main import group
from codexlab.cli.ui.grouped_help import GroupedHelp
from codexlab.supervisor.settings.table import FLAG, SETTINGS

_A_FLAG = re.compile(r"  (?:-\w, )?(--[\w-]+|-\w(?= ))")


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
            _, _, listed = result.output.rpartition("--help")
            assert ":\n" in listed, path
            assert "..." not in listed, path


def test_the_launchers_examples_stand_on_lines_of_their_own() -> None:
    lines = [line.strip() for line in help_of(options).splitlines()]
    assert 'codexlab-run --issue 123 -- codex exec {resume} "Now add a test"' in lines
    assert not any("\\b" in line for line in lines)


def launchers_groups(lab: Lab) -> dict[str, list[str]]:
    """Return the spellings under each heading of the launcher's help, in their order."""
    lab.environ["COLUMNS"] = "80"
    done = lab.run(["--help"], [])
    assert (done.returncode, done.stderr) == (0, "")
    groups: dict[str, list[str]] = {}
    for line in done.stdout.splitlines():
        assert len(line) <= 80
        if line.endswith(":") and not line.startswith(" "):
            groups[line[:-1]] = []
        elif line.startswith("  -"):
            groups[next(reversed(groups))].append(line.split("  ")[1])
    return groups


def test_the_launchers_help_shows_each_setting_under_the_heading_of_its_group(lab: Lab) -> None:
    groups = launchers_groups(lab)
    flags = {name: [each.split(", ")[-1].split()[0] for each in groups[name]] for name in groups}
    headings = list(dict.fromkeys(row.group for row in SETTINGS))
    assert list(flags)[: len(headings)] == headings
    for heading in headings:
        rows = [row.flag for row in SETTINGS if row.group == heading and FLAG in row.sources]
        assert flags[heading][: len(rows)] == rows


def test_the_launchers_help_shows_each_option_once(lab: Lab) -> None:
    shown = [each for names in launchers_groups(lab).values() for each in names]
    declared = [
        each.get_help_spec(click.Context(options))
        for each in options.get_params(click.Context(options))
        if isinstance(each, click.Option) and not each.hidden
    ]
    assert sorted(shown) == sorted(declared)


def test_only_what_starts_no_run_stands_under_the_last_heading(lab: Lab) -> None:
    *_, last = launchers_groups(lab).values()
    assert last == ["--dry-run", "--json", "-V, --version", "-h, --help"]


def test_a_command_with_many_options_shows_them_under_headings_and_each_once() -> None:
    many = 0
    for path, command in commands(group, "codexlab"):
        context = click.Context(command)
        declared = [
            spelled.partition(" ")[0]
            for each in command.get_params(context)
            if isinstance(each, click.Option) and not each.hidden
            for spelled in each.get_help_spec(context).split(", ")[-1:]
        ]
        if len(declared) <= 12:
            continue
        many += 1
        assert isinstance(command, GroupedHelp), path
        lines = help_of(command).splitlines()
        headings = [line for line in lines if re.fullmatch(r"\w[\w ]*:", line)]
        assert len(headings) > 2, path
        assert headings[-1] == f"{command.others}:", path
        rows = lines[lines.index(headings[0]) :]
        shown = [found[1] for line in rows if (found := _A_FLAG.match(line))]
        assert sorted(shown) == sorted(declared), path
    assert many
