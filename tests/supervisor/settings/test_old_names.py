"""A setting that was renamed is still read by its old name; no help shows that name."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.lab import Lab

from codexlab.supervisor import LaunchRequest

_KEY = "CODEX_LAB_CARGO_TARGET_KEY"


def key_of_a_launch(lab: Lab, *flags: str) -> str:
    done = lab.run(["--issue", "1", *flags], ["sh", "-c", f'echo "${_KEY}"'])
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.rstrip("\n")


def refused(lab: Lab, *flags: str) -> str:
    done = lab.run(["--issue", "1", *flags], ["true"])
    assert (done.returncode, done.stderr.count("\n")) == (125, 1), done.stderr
    return done.stderr.removeprefix("codexlab-run: ").rstrip("\n")


def users_file(lab: Lab, scratch: Path, text: str) -> Path:
    file = scratch / "own.toml"
    file.write_text(text)
    lab.environ["CODEXLAB_CONFIG"] = str(file)
    return file


@pytest.mark.parametrize("name", ["cargo_key", "thread"])
@pytest.mark.parametrize("source", ["flag", "variable", "file"])
def test_both_names_are_read_from_each_source(
    lab: Lab, scratch: Path, source: str, name: str
) -> None:
    flags = [f"--{name.replace('_', '-')}", "key-1"] if source == "flag" else []
    if source == "variable":
        lab.environ[f"CODEXLAB_{name.upper()}"] = "key-1"
    if source == "file":
        users_file(lab, scratch, f'{name} = "key-1"\n')
    assert key_of_a_launch(lab, *flags) == "key-1"


@pytest.mark.parametrize("name", ["cargo_key", "thread"])
def test_a_program_may_give_either_name(scratch: Path, name: str) -> None:
    environ = {"HOME": str(scratch)}
    request = LaunchRequest.from_settings(["true"], environ, scratch, issue="1", **{name: "key-1"})
    assert request.cargo_key == "key-1"


def test_both_names_with_one_value_are_accepted(lab: Lab) -> None:
    lab.environ["CODEXLAB_THREAD"] = "key-1"
    assert key_of_a_launch(lab, "--cargo-key", "key-1") == "key-1"


_DIFFER = "--thread is the old name of --cargo-key, and the values differ; keep the new"


def test_two_values_are_refused_and_what_gave_each_is_named(lab: Lab, scratch: Path) -> None:
    flags = ["--thread", "a", "--cargo-key", "b"]
    assert refused(lab, *flags) == f"--thread and --cargo-key: {_DIFFER}"
    lab.environ["CODEXLAB_THREAD"] = "a"
    assert refused(lab, *flags[2:]) == f"CODEXLAB_THREAD and --cargo-key: {_DIFFER}"
    file = users_file(lab, scratch, '# mine\ncargo_key = "b"\n')
    assert refused(lab) == f"CODEXLAB_THREAD and {file}:2: cargo_key: {_DIFFER}"


def test_an_error_names_the_old_name_if_that_was_given(lab: Lab, scratch: Path) -> None:
    assert refused(lab, "--thread", "").startswith("--thread: expected")
    file = users_file(lab, scratch, "\nthread = 5\n")
    assert refused(lab).startswith(f"{file}:2: thread: ")


@pytest.mark.parametrize("name", ["cargo_key", "thread"])
def test_a_project_file_may_set_neither(lab: Lab, name: str) -> None:
    (lab.cwd / ".codexlab.toml").write_text(f'{name} = "key-1"\n')
    assert f"codexlab.toml:1: {name}: a project file may set only " in refused(lab)


def test_the_help_shows_the_new_name_alone(lab: Lab) -> None:
    shown = lab.run(["--help"], []).stdout
    assert "--cargo-key KEY" in shown
    assert "--thread" not in shown
