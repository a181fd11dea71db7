"""Bad input: one clear line on stderr, the right status, nothing half-made."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from support.git.repositories import git
from support.lab import Lab
from support.users.unprivileged import Unprivileged

_OK = ["true"]


def check(lab: Lab, flags: list[str], command: list[str], status: int, *words: str) -> None:
    """Run it and expect one line that holds ``words``, and nothing on disk."""
    done = lab.run(flags, command)
    assert done.returncode == status, done.stderr
    expect_one_line(done.stderr, *words)
    assert done.stdout == ""
    expect_nothing_made(lab)


def expect_one_line(stderr: str, *words: str) -> None:
    assert stderr.startswith("codexlab-run: ")
    assert stderr.count("\n") == 1, stderr
    assert "Traceback" not in stderr
    missing = [word for word in words if word not in stderr]
    assert not missing, f"{missing} not in: {stderr}"


def expect_nothing_made(lab: Lab) -> None:
    assert not lab.workspaces_root.exists()
    assert git(lab.cwd, "branch", "--list", "codexlab/*") == ""
    assert git(lab.cwd, "worktree", "list").count("\n") == 0


_FLAGS: dict[str, tuple[list[str], list[str], list[str]]] = {
    "no issue": ([], _OK, ["--issue"]),
    "an empty issue": (["--issue", ""], _OK, ["--issue"]),
    "no command": (["--issue", "1"], [], ["command"]),
    "only two dashes": (["--issue", "1", "--"], [], ["command"]),
    "an empty command name": (["--issue", "1"], ["", "x"], ["command"]),
    "an unknown flag": (["--issue", "1", "--no-such-flag"], _OK, ["--no-such-flag"]),
    "a flag without its value": (["--issue"], [], ["--issue"]),
    "a bad duration": (["--issue", "1", "--timeout", "soon"], _OK, ["--timeout", "soon", "10s"]),
    "a negative duration": (["--issue", "1", "--timeout", "-3s"], _OK, ["--timeout", "-3s"]),
    "a wait below nothing": (
        ["--issue", "1", "--wait=-5"],
        _OK,
        ["--wait: expected a duration such as 10s", "or forever, not '-5'"],
    ),
    "a wait of minutes below nothing": (["--wait=-5m"], _OK, ["--wait: expected", "not '-5m'"]),
    "an unknown letter after a wait": (["--wait", "-5"], _OK, ["'-5'", "--help"]),
    "a bad agent": (["--issue", "1", "--agent", "nobody"], _OK, ["--agent", "nobody", "codex"]),
    "a bad scope": (["--issue", "1", "--cargo-scope", "x"], _OK, ["--cargo-scope", "agent"]),
    "a bad containment": (
        ["--issue", "1", "--containment", "none"],
        _OK,
        ["--containment", "none", "process-group"],
    ),
    "a bad size": (["--issue", "1", "--log-max-size", "big"], _OK, ["--log-max-size", "big"]),
    "a bad base": (["--issue", "1", "--base", "no-such-rev"], _OK, ["no-such-rev"]),
    "a missing env file": (
        ["--issue", "1", "--env-file", "none.env"],
        _OK,
        ["--env-file none.env: No"],
    ),
    "an assignment without =": (["--issue", "1", "--set", "NAME"], _OK, ["NAME"]),
    "a missing stdin file": (["--issue", "1", "--stdin", "no-such-file"], _OK, ["no-such-file"]),
    "a closed events descriptor": (["--issue", "1", "--events", "97"], _OK, ["--events", "97"]),
    "a descriptor of ours as events": (["--issue", "1", "--events", "4"], _OK, ["--events", "4"]),
    "no such descriptor at all": (["--issue", "1", "--events", "9" * 20], _OK, ["--events", "99"]),
    "a negative descriptor": (["--issue", "1", "--events=-1"], _OK, ["--events", "-1", "path"]),
    "a directory as stdin": (["--issue", "1", "--stdin", "."], _OK, ["--stdin", "directory"]),
    "endless cores": (["--issue", "1", "--cpu-max", "inf"], _OK, ["--cpu-max", "inf"]),
    "more cores than a number holds": (["--issue", "1", "--cpu-max", "1e400"], _OK, ["--cpu-max"]),
    "an assignment to pass": (["--issue", "1", "--pass", "A=1"], _OK, ["--pass", "A=1", "--set"]),
    "a list to pass": (["--issue", "1", "--pass", "A B"], _OK, ["--pass", "A B", "a variable's"]),
    "words for a count": (
        ["--issue", "1", "--retries", "many"],
        _OK,
        ["--retries: expected a whole number, 0 or more, not 'many'"],
    ),
    "words for processes": (
        ["--issue", "1", "--pids-max", "abc"],
        _OK,
        ["--pids-max: expected a whole number from 1 to 4194304, not 'abc'"],
    ),
    "no cores": (
        ["--issue", "1", "--cpu-max", "0"],
        _OK,
        ["--cpu-max: expected a number of cores above 0", "not '0'"],
    ),
    "a duration that is too long": (
        ["--issue", "1", "--timeout", "9999999999999h"],
        _OK,
        ["--timeout: expected a duration below 10000000000000s"],
    ),
    "nothing to pass": (["--issue", "1", "--pass", ""], _OK, ["--pass", "name"]),
    "a path of two lines": (["--issue", "1", "--workdir", "a\nb"], _OK, ["a␊b"]),
    "a revision that commands terminals": (["--issue", "1", "--base", "\x1b[31m"], _OK, ["␛[31m"]),
    "a missing workdir": (
        ["--issue", "1", "--workdir", "no-such-dir"],
        _OK,
        ["--workdir /", "no-such-dir: No"],
    ),
    "a missing repository": (
        ["--issue", "1", "--repo", "no-such-repo"],
        _OK,
        ["--repo no-such-repo: No such"],
    ),
}


@pytest.mark.parametrize("case", _FLAGS.values(), ids=_FLAGS.keys())
def test_a_wrong_command_line_is_one_line_and_125(
    lab: Lab, case: tuple[list[str], list[str], list[str]]
) -> None:
    flags, command, words = case
    check(lab, flags, command, 125, *words)


_USER_CONFIG = {
    "wrong key": ('tiemout = "5s"\n', ["config.toml:1", "tiemout", "timeout"]),
    "wrong type": ("# limits\ntimeout = [1]\n", ["config.toml:2", "timeout"]),
    "wrong value": ('cargo_scope = "x"\n', ["config.toml:1", "cargo_scope", "agent"]),
    "one name, no list": ("pass_env = 3\n", ["config.toml:1: pass_env: expected a list of names"]),
    "an assignment, no name": ('pass_env = ["A=B"]\n', ["pass_env: expected a variable's name"]),
    "no wait": ("wait = true\n", ["config.toml:1: wait: expected a duration", "or forever, not"]),
    "no name of a variable": ('set_env = {1A = "s3"}\n', ["config.toml:1: set_env", "'1A'"]),
    "a name that holds =": ('set_env = {"A=B" = "s3"}\n', ["config.toml:1: set_env", "'A=B'"]),
    "no assignment": ('\nset_env = "FOO"\n', ["config.toml:2: set_env: expected", "'=' after FOO"]),
    "a table nobody reads": ("[artifacts]\nx = 3\n", ["config.toml:1: artifacts: no such setting"]),
    "the nearest key": ('timeot = "5s"\n', ["did you mean timeout?", "docs/settings.md"]),
    "a root without a start": (
        'workspaces_root = "rel/dir"\n',
        ["config.toml:1: workspaces_root: expected an absolute path", "~/", "'rel/dir'"],
    ),
    "a workdir without a start": ('workdir = "."\n', ["config.toml:1: workdir: expected an abs"]),
    "bad syntax": ('timeout = "5s\n', ["config.toml:1", "TOML"]),
}


@pytest.mark.parametrize("case", _USER_CONFIG.values(), ids=_USER_CONFIG.keys())
def test_a_wrong_user_config_is_named_with_file_line_and_key(
    lab: Lab, case: tuple[str, list[str]]
) -> None:
    text, words = case
    directory = Path(lab.environ["XDG_CONFIG_HOME"], "codexlab")
    directory.mkdir(parents=True)
    (directory / "config.toml").write_text(text)
    check(lab, ["--issue", "1"], _OK, 125, *words)


def test_a_wrong_assignment_in_the_config_is_not_shown(lab: Lab, scratch: Path) -> None:
    lab.environ["CODEXLAB_CONFIG"] = str(scratch / "own.toml")
    for text in ('["A=s3cret"]', '{A = ["s3cret"]}', '"1A=s3cret"', '{"1A" = "s3cret"}'):
        (scratch / "own.toml").write_text(f"set_env = {text}\n")
        done = lab.run(["--issue", "1"], _OK)
        assert done.returncode == 125
        expect_one_line(done.stderr, "own.toml:1: set_env: expected a table of names")
        assert "s3cret" not in done.stderr


@pytest.mark.parametrize("name", ["CODEXLAB_RUN_ID", "CODEX_HOME"])
def test_a_flag_passes_no_variable_that_codexlab_decides(lab: Lab, name: str) -> None:
    lab.environ["CODEXLAB_RUN_ID"] = "another"
    done = lab.run(["--issue", "1", "--agent", "codex", "--pass", name], _OK)
    assert done.returncode == 125
    expect_one_line(done.stderr, f"--pass {name}: codexlab decides this variable itself")


@pytest.mark.parametrize("named", ["/no/such/c.toml", "c.toml"])
def test_a_config_that_is_named_and_cannot_be_meant_is_refused(lab: Lab, named: str) -> None:
    (lab.cwd / "c.toml").write_text('timeout = "5s"\n')
    lab.environ["CODEXLAB_CONFIG"] = named
    check(lab, ["--issue", "1"], _OK, 125, "CODEXLAB_CONFIG: ", named)
    del lab.environ["CODEXLAB_WORKSPACES_ROOT"]
    listed = lab.codexlab("workspace", "list")
    assert listed.returncode == 125
    assert "CODEXLAB_CONFIG: " in listed.stderr
    assert named in listed.stderr


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("CODEXLAB_VERBOSE", "maybe", "expected true or false, not 'maybe'"),
        ("CODEXLAB_PASS_ENV", "A B", "expected a variable's name or glob"),
        ("CODEXLAB_SET_ENV", "FOO", "no '=' after FOO"),
    ],
)
def test_a_wrong_variable_says_what_is_expected(lab: Lab, name: str, value: str, said: str) -> None:
    lab.environ[name] = value
    check(lab, ["--issue", "1"], _OK, 125, f"{name}: ", said)


def test_a_relative_root_in_the_config_is_refused_by_other_commands_too(
    lab: Lab, scratch: Path
) -> None:
    lab.environ["CODEXLAB_CONFIG"] = str(scratch / "own.toml")
    (scratch / "own.toml").write_text('workspaces_root = "rel"\n')
    del lab.environ["CODEXLAB_WORKSPACES_ROOT"]
    done = lab.codexlab("workspace", "list")
    assert done.returncode == 125
    assert "own.toml:1: workspaces_root: expected an absolute path" in done.stderr


def test_an_unreadable_kind_of_config_is_named(lab: Lab) -> None:
    Path(lab.environ["XDG_CONFIG_HOME"], "codexlab", "config.toml").mkdir(parents=True)
    check(lab, ["--issue", "1"], _OK, 125, "config.toml")


@pytest.mark.parametrize(
    "key", ["workspaces_root", "pass_env", "workdir", "git_write", "sweep_beside_agents"]
)
def test_a_key_the_project_file_may_not_set_is_refused(lab: Lab, key: str) -> None:
    (lab.cwd / ".codexlab.toml").write_text(f'{key} = "x"\n')
    check(lab, ["--issue", "1"], _OK, 125, ".codexlab.toml:1", key, "base")


@pytest.mark.parametrize("place", ["flag", "project file", "variable"])
def test_a_named_pipe_that_nobody_writes_to_is_not_waited_for(
    lab: Lab, scratch: Path, place: str
) -> None:
    path = lab.cwd / ".codexlab.toml" if place == "project file" else scratch / "pipe"
    os.mkfifo(path)
    if place == "variable":
        lab.environ["CODEXLAB_CONFIG"] = str(path)
    flags = ["--issue", "1", *(["--env-file", str(path)] if place == "flag" else [])]
    check(lab, flags, _OK, 125, str(path), "a named pipe that nobody writes to")


def test_a_file_of_variables_may_be_what_a_shell_substitutes(lab: Lab) -> None:
    script = '"$@" --env-file <(echo GREETING=hello) -- sh -c "echo \\$GREETING"'
    argv = ["bash", "-c", script, "bash", *lab.argv(["--issue", "1"])]
    done = lab.call(argv)
    assert (done.returncode, done.stdout, done.stderr) == (0, "hello\n", "")


def test_variables_come_from_stdin_when_that_is_named(lab: Lab) -> None:
    done = subprocess.run(
        lab.argv(["--issue", "1", "--env-file", "/dev/stdin"], ["sh", "-c", "echo $GREETING"]),
        cwd=lab.cwd, env=lab.environ, input="GREETING=hello\n", capture_output=True, text=True,
        timeout=60, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "hello\n"), done.stderr


def test_events_to_a_descriptor_that_is_only_read_are_refused(lab: Lab, scratch: Path) -> None:
    path = scratch / "read-only"
    path.touch()
    with path.open() as file:
        done = subprocess.run(
            lab.argv(["--issue", "1", "--events", str(file.fileno())], _OK),
            cwd=lab.cwd,
            env=lab.environ,
            pass_fds=[file.fileno()],
            capture_output=True,
            text=True,
        )
    assert done.returncode == 125
    expect_one_line(done.stderr, "--events", "reading")
    expect_nothing_made(lab)


def test_a_wrong_variable_is_named(lab: Lab) -> None:
    lab.environ["CODEXLAB_TIMEOUT"] = "soon"
    check(lab, ["--issue", "1"], _OK, 125, "CODEXLAB_TIMEOUT", "soon")


def test_a_command_that_is_not_there_is_127(lab: Lab) -> None:
    done = lab.run(["--issue", "1"], ["no-such-command-here"])
    assert done.returncode == 127
    expect_one_line(done.stderr, "no-such-command-here", "PATH")
    expect_a_usable_workspace(lab)


def test_a_path_that_is_not_there_is_127(lab: Lab) -> None:
    done = lab.run(["--issue", "1"], ["./no/such/program"])
    assert done.returncode == 127
    expect_one_line(done.stderr, "./no/such/program")


@pytest.mark.parametrize("kind", ["file", "directory"])
def test_a_command_that_cannot_be_executed_is_126(lab: Lab, scratch: Path, kind: str) -> None:
    path = scratch / "not-executable"
    path.mkdir() if kind == "directory" else path.write_text("#!/bin/sh\n")
    done = lab.run(["--issue", "1"], [str(path)])
    assert done.returncode == 126
    expect_one_line(done.stderr, "not-executable")
    expect_a_usable_workspace(lab)


def test_a_script_whose_interpreter_is_missing_is_127(lab: Lab, scratch: Path) -> None:
    path = scratch / "script"
    path.write_text("#!/no/such/interpreter\n")
    path.chmod(0o755)
    done = lab.run(["--issue", "1"], [str(path)])
    assert done.returncode == 127
    expect_one_line(done.stderr, "script")


def test_a_file_without_a_first_line_is_126(lab: Lab, scratch: Path) -> None:
    path = scratch / "script"
    path.write_text("echo hello\n")
    path.chmod(0o755)
    done = lab.run(["--issue", "1"], [str(path)])
    assert done.returncode == 126
    expect_one_line(done.stderr, "script", "#!")


def expect_a_usable_workspace(lab: Lab) -> None:
    """What there is is whole: the next task on the issue simply runs."""
    after = lab.run(["--issue", "1"], ["true"])
    assert (after.returncode, after.stderr) == (0, "")


@pytest.mark.parametrize("place", ["root", "above"])
def test_a_file_where_the_workspaces_root_should_be(lab: Lab, scratch: Path, place: str) -> None:
    blocker = scratch / "blocker"
    blocker.write_text("not a directory")
    root = blocker if place == "root" else blocker / "below"
    done = lab.run(["--issue", "1", "--workspaces-root", str(root)], ["true"])
    assert done.returncode == 125
    expect_one_line(done.stderr, "blocker")
    assert blocker.read_text() == "not a directory"
    expect_nothing_made(lab)


def test_a_file_where_the_shared_home_should_be(lab: Lab, scratch: Path) -> None:
    (scratch / "home-file").write_text("")
    lab.environ["CODEX_HOME"] = str(scratch / "home-file")
    check(lab, ["--issue", "1"], _OK, 125, "home-file")


def test_the_current_directory_was_removed(lab: Lab, scratch: Path) -> None:
    gone = scratch / "gone"
    gone.mkdir()
    script = 'rmdir "$PWD"; exec "$@"'
    argv = lab.argv(["--issue", "1"], ["true"])
    done = Lab(Path("/bin/sh"), lab.environ, gone, lab.workspaces_root).run(
        ["-c", script, "sh", *argv]
    )
    assert done.returncode == 125
    expect_one_line(done.stderr, "current directory")


def run_as_nobody(
    as_nobody: Unprivileged,
    lab: Lab,
    flags: tuple[str, ...] = ("--no-repo",),
    **environ: str | Path,
) -> str:
    """Run a launch as an unprivileged user, by default in a plain directory; return its line."""
    places = {name: str(value) for name, value in environ.items()}
    defaults = {
        "CODEX_HOME": str(as_nobody.home / ".codex"),
        "CODEXLAB_WORKSPACES_ROOT": str(as_nobody.home / "ws"),
    }
    xdg = {name: str(as_nobody.home / name) for name in ("XDG_CONFIG_HOME", "XDG_STATE_HOME")}
    command = lab.argv(["--issue", "1", *flags], ["true"])
    done = as_nobody.run(command, environ={**defaults, **xdg, **places})
    assert done.returncode == 125, done.stderr
    assert not (as_nobody.home / "ws").exists() or not list((as_nobody.home / "ws").iterdir())
    return done.stderr


def test_an_unwritable_workspaces_root(lab: Lab, scratch: Path, as_nobody: Unprivileged) -> None:
    root = scratch / "not-writable"
    root.mkdir(mode=0o500)
    stderr = run_as_nobody(as_nobody, lab, CODEXLAB_WORKSPACES_ROOT=root)
    expect_one_line(stderr, "not-writable")
    assert list(root.iterdir()) == []


def test_an_unreadable_shared_home(lab: Lab, scratch: Path, as_nobody: Unprivileged) -> None:
    home = scratch / "not-readable"
    home.mkdir(mode=0o000)
    stderr = run_as_nobody(as_nobody, lab, CODEX_HOME=home)
    expect_one_line(stderr, "not-readable")


@pytest.mark.parametrize("flag", ["--repo", "--workdir"])
def test_a_directory_that_this_user_may_not_enter_is_named_with_its_flag(
    lab: Lab, scratch: Path, as_nobody: Unprivileged, flag: str
) -> None:
    closed = scratch / "closed"
    closed.mkdir(mode=0o000)
    stderr = run_as_nobody(as_nobody, lab, (flag, str(closed)))
    expect_one_line(stderr, f"{flag} {closed}: Permission denied")
