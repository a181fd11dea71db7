"""A writer that is killed before its rename leaves a temporary file only until the next launch."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from support.lab import Lab
from support.processes.killing import killed_at_call

# What is tried here is git, the kernel or a disk: the same for each Python.
pytestmark = [
    pytest.mark.one_python,
    pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed"),
]
WORKTREE = ("--agent", "codex")
LAUNCHES = {
    "first in a worktree": (False, WORKTREE),
    "second in a worktree": (True, WORKTREE),
    "with git-write": (True, (*WORKTREE, "--git-write")),
    "in a given directory": (True, ("--agent", "generic", "--workdir", ".")),
}


def killed_at(lab: Lab, scratch: Path, flags: tuple[str, ...], number: int) -> bool:
    """Launch, and kill each thread's process at its rename of that number; False: it has fewer."""
    command = lab.argv(flags, ["sh", "-c", "git status >g 2>&1; exit 7"])
    return killed_at_call(lab, command, scratch / "log", "rename,renameat,renameat2", number)


def temporaries(scratch: Path) -> list[str]:
    return [
        str(path.relative_to(scratch)) for path in scratch.rglob("*") if path.name.endswith(".tmp")
    ]


@pytest.mark.parametrize("kind", LAUNCHES)
def test_no_temporary_file_of_a_killed_launch_outlives_the_next(
    lab: Lab, scratch: Path, kind: str
) -> None:
    warm, words = LAUNCHES[kind]
    left: list[tuple[int, list[str]]] = []
    seen, number = 0, 1
    flags = ("--issue", "1", *words)
    while True:
        if warm:
            assert lab.run(flags, ["true"]).returncode == 0
        if not killed_at(lab, scratch, flags, number):
            break
        seen += bool(temporaries(scratch))
        done = lab.run(flags, ["true"])
        assert done.returncode == 0, (number, done.stderr)
        if found := temporaries(scratch):
            left.append((number, found))
            for name in found:
                os.unlink(scratch / name)
        number += 1
        flags = ("--issue", str(number), *words)
    assert left == []
    assert seen, "no kill left a file, so nothing was shown"
