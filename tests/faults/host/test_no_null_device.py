"""Without a usable /dev/null every command is one line on what is missing, and changes nothing."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from support.lab import Lab

# What is tried here is git, the kernel or a disk: the same for each Python.
pytestmark = pytest.mark.one_python

COMMANDS = {
    "launch": ("codexlab-run", "--issue", "1", "--no-repo", "--", "true"),
    "dry run": ("codexlab-run", "--issue", "1", "--no-repo", "--dry-run", "--", "true"),
    "launch's help": ("codexlab-run", "--help"),
    "ps": ("codexlab", "ps"),
    "reap": ("codexlab", "reap"),
    "env": ("codexlab", "env", "explain", "--", "true"),
    "workspace list": ("codexlab", "workspace", "list"),
    "gc": ("codexlab", "workspace", "gc", "--apply"),
    "rollout list": ("codexlab", "rollout", "list"),
    "rollout search": ("codexlab", "rollout", "search", "word"),
    "artifacts": ("codexlab", "artifacts", "status"),
    "version": ("codexlab", "--version"),
    "nothing": ("codexlab",),
}
MADE = {
    "none": ("", "No such file or directory"),
    "a directory": ("mkdir /dev/null", "Is a directory"),
    "a link to nothing": ("ln -s nothing /dev/null", "No such file or directory"),
}
APART = ["unshare", "--mount", "--propagation", "private"]


def run(
    lab: Lab, make: str, words: tuple[str, ...], rest: str = "", first: str = ":"
) -> tuple[int, str, str]:
    if os.geteuid() != 0:
        pytest.skip("only root can mount another /dev")
    program = lab.program.with_name(words[0])
    script = f'{first}; mount -t tmpfs tmpfs /dev; {make or ":"}; exec "$@" {rest}'
    done = subprocess.run(
        [*APART, "sh", "-ec", script, "sh", program, *words[1:]],
        env=lab.environ,
        cwd=lab.cwd,
        stdin=subprocess.PIPE,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("words", COMMANDS.values(), ids=COMMANDS)
def test_a_command_without_a_null_device_is_one_line(lab: Lab, words: tuple[str, ...]) -> None:
    status, said, errors = run(lab, "", words)
    assert (status, said, len(errors.splitlines())) == (125, "", 1), errors
    assert errors.startswith(f"{words[0]}: /dev/null: No such file or directory; expected")
    assert "mknod" in errors
    assert not lab.workspaces_root.exists()


@pytest.mark.parametrize(("make", "why"), MADE.values(), ids=MADE)
@pytest.mark.parametrize("name", ["launch", "ps"])
def test_whatever_lies_in_its_place_is_told(lab: Lab, make: str, why: str, name: str) -> None:
    status, said, errors = run(lab, make, COMMANDS[name])
    assert (status, said) == (125, "")
    assert errors.startswith(f"{COMMANDS[name][0]}: /dev/null: {why}; expected")
    assert len(errors.splitlines()) == 1


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-", "2>>/full/f"])
@pytest.mark.parametrize("name", ["launch", "ps", "rollout search"])
def test_a_stream_that_takes_nothing_changes_nothing(
    lab: Lab, scratch: Path, closed: str, name: str
) -> None:
    full = scratch / "full"
    full.mkdir()
    make = f"mount -t tmpfs -o size=4k tmpfs {full}; head -c 4096 /dev/zero >{full}/f || :"
    status, said, errors = run(lab, "", COMMANDS[name], closed.replace("/full", str(full)), make)
    assert (status, said) == (125, "")
    assert len(errors.splitlines()) == ("2>" not in closed), errors
    assert not lab.workspaces_root.exists()
