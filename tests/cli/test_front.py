"""What people type first at both programs: help, versions, another directory, other names."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import click
import pytest
from support.lab import Lab

from codexlab.cli.main import group
from codexlab.cli.verbs import Verbs

_AGENT = ["--issue", "1", "--", "pwd"]


def call(lab: Lab, program: str, *words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return lab.call([lab.program.with_name(program), *words], cwd=cwd)


def refused(lab: Lab, program: str, *words: str) -> str:
    done = call(lab, program, *words, cwd=lab.cwd)
    assert done.returncode == 125, done.stdout
    (line,) = done.stderr.splitlines()
    return line


@pytest.mark.parametrize("program", ["codexlab", "codexlab-run"])
def test_help_and_version_have_a_short_form(lab: Lab, program: str) -> None:
    for short, long in (("-h", "--help"), ("-V", "--version")):
        shown = [call(lab, program, flag, cwd=lab.cwd).stdout for flag in (short, long)]
        assert shown[0] == shown[1]
        assert program in shown[0]


def test_without_a_command_the_help_is_shown(lab: Lab) -> None:
    for words in ([], ["workspace"]):
        done = lab.codexlab(*words)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout == lab.codexlab(*words, "--help").stdout


def test_help_of_a_command_is_what_the_command_shows_itself(lab: Lab) -> None:
    for words in (["workspace", "gc"], ["rollout"], ["ps"], []):
        assert lab.codexlab("help", *words).stdout == lab.codexlab(*words, "--help").stdout
    assert "--issue" in lab.codexlab("help", "run").stdout
    assert "no commands" in refused(lab, "codexlab", "help", "ps", "more")
    assert "'workspac'" in refused(lab, "codexlab", "help", "workspac")


def test_each_command_stands_below_one_heading() -> None:
    shown = [name for names in Verbs.headings.values() for name in names]
    assert sorted(shown) == sorted(Verbs.loaders)


@pytest.mark.parametrize("word", sorted(Verbs.habits))
def test_a_name_that_other_programs_use_leads_to_ours(word: str) -> None:
    assert word not in Verbs.loaders
    ours = Verbs.habits[word].split()
    place = click.Context(group, info_name="codexlab")
    if ours[0] not in Verbs.loaders:
        pytest.skip(f"there is no codexlab {ours[0]}")
    with pytest.raises(click.UsageError, match=f"codexlab {Verbs.habits[word]}"):
        group.resolve_command(place, [word])
    for name in ours:
        if name.startswith("--"):
            assert any(name in each.opts for each in place.command.params), ours
            continue
        assert isinstance(place.command, click.Group)
        _, command, _ = place.command.resolve_command(place, [name])
        assert command is not None
        place = click.Context(command, place)


def test_run_is_the_same_as_the_launcher(lab: Lab) -> None:
    done = lab.codexlab(
        "run", "--issue", "1", "--agent", "generic", "--", "sh", "-c", "pwd; exit 7"
    )
    assert done.returncode == 7, done.stderr
    assert done.stdout.strip() == str(lab.workspace / "workdir")
    assert lab.records[-1]["contained"]["left"] == 0


@pytest.mark.parametrize(
    "words",
    [
        ["codexlab-run", "-C", "{repo}", *_AGENT],
        ["codexlab-run", "-C{repo}", *_AGENT],
        ["codexlab-run", "-C", "{parent}", "-C", "{name}", *_AGENT],
        ["codexlab", "-C", "{repo}", "run", *_AGENT],
        ["codexlab", "run", "-C", "{repo}", *_AGENT],
    ],
)
def test_a_launch_starts_in_the_directory_named(lab: Lab, words: list[str]) -> None:
    parent, name = os.path.split(lab.cwd)
    program, *rest = (word.format(repo=lab.cwd, parent=parent, name=name) for word in words)
    assert call(lab, program, *rest, cwd=Path("/")).returncode == 0
    pointer = (lab.workspace / "workdir" / ".git").read_text()
    assert pointer.startswith(f"gitdir: {lab.cwd / '.git'}/")


def test_a_command_looks_from_the_directory_named(lab: Lab) -> None:
    lab.run(["--issue", "1"], ["true"])
    from_outside = call(
        lab, "codexlab", "-C", str(lab.cwd), "workspace", "path", "1", cwd=Path("/")
    )
    assert from_outside.stdout == lab.codexlab("workspace", "path", "1").stdout


@pytest.mark.parametrize("program", ["codexlab", "codexlab-run"])
def test_a_directory_that_cannot_be_entered_is_one_line(lab: Lab, program: str) -> None:
    file = lab.cwd / "file"
    file.touch()
    rest = ["ps"] if program == "codexlab" else _AGENT
    for wrong, why in (("/no/such", "No such file"), (str(file), "Not a directory")):
        assert f"-C {wrong}: {why}" in refused(lab, program, "-C", wrong, *rest)
    assert "run" in refused(lab, "codexlab", "-C", "/no/such", "run", *_AGENT)


def test_a_directory_behind_other_options_is_refused(lab: Lab) -> None:
    line = refused(lab, "codexlab-run", "--issue", "1", "-C", "/", "--", "pwd")
    assert "-C / stands before all other options" in line
