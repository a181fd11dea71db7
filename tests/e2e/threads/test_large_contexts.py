"""What ``--context`` gives may be of any size: holes stay holes, and the disk has its say."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.users.callers import Caller, place_for
from support.users.unprivileged import give

# What is tried here is git, the kernel or a disk: the same for each Python.
pytestmark = pytest.mark.one_python

READ = 'for f in "$CODEXLAB_RUN_CONTEXT"/*; do head -c 5 "$f"; tail -c 3 "$f"; done'


def given(caller: Caller, name: str, size: int, *, sparse: bool) -> Path:
    """Make a file of ``begin``, then nothing but zeros or data, then ``end``."""
    path = caller.home / name
    with path.open("wb") as file:
        file.write(b"begin" if sparse else b"begin" + b"x" * size)
        file.truncate(size)
        file.seek(size - 3)
        file.write(b"end")
    if caller.home.name == "nobody":
        give(path)
    return path


@pytest.fixture
def small(caller: Caller) -> Iterator[Path]:
    """Put the workspaces on a filesystem of 8 MiB."""
    if os.getuid() != 0:
        pytest.skip("only root can mount")
    place = caller.home / "ws"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m,mode=777", "tmpfs", place], check=True)
    caller.lab.environ["CODEXLAB_WORKSPACES_ROOT"] = str(place)
    yield place
    subprocess.run(["umount", place], check=True)


def test_a_sparse_file_is_copied_with_its_holes(caller: Caller) -> None:
    flags, cwd = place_for(caller, "plain")
    sparse = given(caller, "sparse", 1 << 29, sparse=True)
    # The second time it is compared.
    for _ in range(2):
        done = caller.launch([*flags, "--context", str(sparse)], "sh", "-c", READ, cwd=cwd)
        assert (done.returncode, done.stdout) == (0, "beginend"), done.stderr
    roots = {caller.home, caller.lab.workspaces_root}
    (copy,) = {path for root in roots for path in root.glob("**/context/sparse")}
    assert copy.stat().st_size == 1 << 29
    assert copy.stat().st_blocks * 512 < 4 << 20
    os.truncate(sparse, (1 << 29) - 3)
    with sparse.open("ab") as file:
        file.write(b"END")
    done = caller.launch([*flags, "--context", str(sparse)], "sh", "-c", READ, cwd=cwd)
    assert (done.returncode, done.stdout) == (0, "beginEND"), done.stderr


def test_a_file_that_is_too_much_for_the_disk_is_refused_on_one_line(
    caller: Caller, small: Path
) -> None:
    flags, cwd = place_for(caller, "plain")
    fits = given(caller, "sparse", 1 << 30, sparse=True)
    flags = [*flags, "--context", str(fits)]
    done = caller.launch(flags, "sh", "-c", READ, cwd=cwd)
    assert (done.returncode, done.stdout) == (0, "beginend"), done.stderr
    large = given(caller, "large", 9 << 20, sparse=False)
    done = caller.launch([*flags, "--context", str(large)], "true", cwd=cwd)
    (line,) = done.stderr.splitlines()
    assert (done.returncode, f"--context {large}" in line, "free" in line) == (125, True, True), (
        line
    )
    assert list(small.glob("*/*/*/.context-*")) == []
    # What was given before is there still.
    assert [path.name for path in small.glob("*/*/*/context/*")] == ["sparse"]
    done = caller.launch(flags, "sh", "-c", READ, cwd=cwd)
    assert (done.returncode, done.stdout) == (0, "beginend"), done.stderr
