"""An error about a value names the variable or the file that set it, and not a flag."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.git.repositories import git
from support.lab import Lab

_WRONG = {
    "base": ("no-such-rev", "no-such-rev: names no commit in "),
    "repo": ("/no/such/repo", "/no/such/repo: No such file"),
    "workdir": ("/no/such/dir", "/no/such/dir: No such file"),
    "stdin": ("/no/such/file", "/no/such/file: No such file"),
    "events": ("/no/such/dir/events", "/no/such/dir/events: No such file"),
}


def refused(lab: Lab, *flags: str) -> str:
    """Return the only line of a launch that is refused, without the program's name."""
    done = lab.run(["--issue", "1", *flags], ["true"])
    assert (done.returncode, done.stderr.count("\n")) == (125, 1), done.stderr
    return done.stderr.removeprefix("codexlab-run: ")


@pytest.mark.parametrize("name", _WRONG)
def test_a_variable_is_named(lab: Lab, name: str) -> None:
    value, said = _WRONG[name]
    lab.environ[f"CODEXLAB_{name.upper()}"] = value
    assert refused(lab).startswith(f"CODEXLAB_{name.upper()} {said}")


@pytest.mark.parametrize("name", _WRONG)
def test_a_file_is_named_with_line_and_key(lab: Lab, scratch: Path, name: str) -> None:
    value, said = _WRONG[name]
    own = scratch / "own.toml"
    own.write_text(f'# mine\n{name} = "{value}"\n')
    lab.environ["CODEXLAB_CONFIG"] = str(own)
    assert refused(lab).startswith(f"{own}:2: {name} {said}")


@pytest.mark.parametrize("name", _WRONG)
def test_a_flag_that_wins_over_a_variable_is_named(lab: Lab, name: str) -> None:
    value, said = _WRONG[name]
    lab.environ[f"CODEXLAB_{name.upper()}"] = "auto" if name == "stdin" else "/no/such/other"
    assert refused(lab, f"--{name}", value).startswith(f"--{name} {said}")


def test_the_strongest_file_is_named(lab: Lab, scratch: Path) -> None:
    own, project = scratch / "own.toml", lab.cwd / ".codexlab.toml"
    own.write_text('base = "HEAD"\n')
    lab.environ["CODEXLAB_CONFIG"] = str(own)
    project.write_text('base = "no-such-rev"\n')
    assert refused(lab).startswith(f"{project}:1: base no-such-rev: names no commit")


def test_a_variable_in_small_letters_is_named_as_it_is_documented(lab: Lab) -> None:
    lab.environ["codexlab_base"] = "no-such-rev"
    assert refused(lab).startswith("CODEXLAB_BASE no-such-rev: names no commit")


def test_a_closed_descriptor_is_named_with_its_variable(lab: Lab) -> None:
    lab.environ["CODEXLAB_EVENTS"] = "97"
    assert refused(lab).startswith("CODEXLAB_EVENTS: 97 is not open; expected the number")


def test_each_of_two_that_exclude_each_other_is_named_by_what_set_it(lab: Lab) -> None:
    (lab.cwd / ".codexlab.toml").write_text('base = "HEAD"\n')
    lab.environ["CODEXLAB_NO_REPO"] = "true"
    project = f"{lab.cwd}/.codexlab.toml:1: base"
    assert refused(lab) == f"CODEXLAB_NO_REPO and {project}: exclude each other\n"
    assert refused(lab, "--no-repo") == f"--no-repo and {project}: exclude each other\n"


def test_a_value_that_looks_like_a_flag_stays_as_it_is(lab: Lab) -> None:
    lab.environ["CODEXLAB_REPO"] = str(lab.cwd)
    lab.environ["CODEXLAB_BASE"] = "x --repo"
    assert refused(lab).startswith("CODEXLAB_BASE x --repo: names no commit")


def test_what_needs_a_terminal_to_be_alone_is_named(lab: Lab, scratch: Path) -> None:
    own = scratch / "own.toml"
    own.write_text("retries = 3\n")
    lab.environ["CODEXLAB_CONFIG"] = str(own)
    assert refused(lab, "-i").startswith(f"{own}:1: retries 3 does not go with --tty")


def test_a_required_root_is_named_with_its_variable_by_every_command(lab: Lab) -> None:
    lab.environ["CODEXLAB_REQUIRE_ARTIFACTS"] = "true"
    said = "CODEXLAB_REQUIRE_ARTIFACTS: CODEX_LAB_DEVELOPER_ARTIFACTS_ROOT is not set; mend it"
    assert refused(lab).startswith(said)
    assert refused(lab, "--dry-run").startswith(said)
    explained = lab.codexlab("env", "explain")
    assert explained.stderr.startswith(f"codexlab: {said}")


def test_an_error_in_the_middle_of_a_launch_is_recorded_with_the_variable(
    lab: Lab, as_remote_url: str
) -> None:
    lab.environ["CODEXLAB_BASE"] = "no-such-branch"
    said = f"CODEXLAB_BASE no-such-branch: names no commit in {as_remote_url}"
    assert refused(lab, "--repo", as_remote_url).startswith(said)


@pytest.fixture
def as_remote_url(source_repo: Path) -> str:
    return f"file://{source_repo}"


def test_a_note_names_the_file_too(lab: Lab) -> None:
    assert lab.run(["--issue", "1"], ["true"]).returncode == 0
    (lab.cwd / ".codexlab.toml").write_text('base = "HEAD~0"\n')
    git(lab.cwd, "commit", "--allow-empty", "-qm", "next")
    done = lab.run(["--issue", "1"], ["true"])
    assert f"{lab.cwd}/.codexlab.toml: base HEAD~0 ignored: the worktree exists" in done.stderr
