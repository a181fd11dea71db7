"""An empty value is a variable that was not set: no option takes it for the default."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from support.lab import Lab

from codexlab.cli.launch.flags import options, read_invocation
from codexlab.cli.main import group, main
from codexlab.kernel.errors import CallerError

# Each takes an empty text on purpose: it switches off what a file or variable says.
_SWITCHED_OFF = {"hook_before_remove", "hook_after_create", "hook_before_run", "hook_after_run"}


def commands(command: click.Command, path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """Yield each command's words, followed by an option of it that takes a value."""
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            if (*path, name) == ("run",):
                continue  # it is the launcher, whose options the next test tries
            below = command.get_command(context, name)
            assert below is not None
            yield from commands(below, (*path, name))
        return
    needed = ["x" for each in command.params if isinstance(each, click.Argument) and each.required]
    for each in command.params:
        if isinstance(each, click.Option) and not each.is_flag and each.name not in _SWITCHED_OFF:
            yield (*path, *needed, each.opts[-1])


@pytest.mark.parametrize("words", [*commands(group, ())], ids=" ".join)
def test_a_command_refuses_an_empty_value_of_any_option(
    words: tuple[str, ...], shared_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        main([*words, ""])
    said = capsys.readouterr().err
    assert (end.value.code, said.count("\n")) == (125, 1)
    assert words[-1] in said


@pytest.mark.parametrize("words", [*commands(options, ())], ids=" ".join)
def test_a_launch_refuses_an_empty_value_of_any_option(words: tuple[str, ...], lab: Lab) -> None:
    flag = words[-1]
    issue = [] if flag == "--issue" else ["--issue", "1"]
    with pytest.raises(CallerError) as caught:
        read_invocation([*issue, f"{flag}=", "--", "true"], lab.environ)
    assert flag in str(caught.value)


def test_an_empty_path_of_a_file_is_named_by_line(lab: Lab) -> None:
    directory = Path(lab.environ["XDG_CONFIG_HOME"], "codexlab")
    directory.mkdir(parents=True)
    (directory / "config.toml").write_text('# where\nworkspaces_root = ""\n')
    del lab.environ["CODEXLAB_WORKSPACES_ROOT"]
    done = lab.run(["--issue", "1"], ["true"])
    assert (done.returncode, done.stderr.count("\n")) == (125, 1)
    assert "config.toml:2: workspaces_root: expected a text that is not empty" in done.stderr
