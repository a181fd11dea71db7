"""When memory runs out the kernel takes the agent, and not the program that started it."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.lab import Lab
from support.users.unprivileged import Unprivileged

MIB = 1 << 20
EATER = "held = []\nfor _ in range(400): held.append(bytearray(b'x') * (1 << 20))"
# Holds more than the agent ever gets to, so that by size alone it would go first.
HOST = """
import subprocess, sys
held = bytearray(b"x") * (75 << 20)
print(subprocess.run(sys.argv[1:]).returncode)
"""
READ = ["cat", "/proc/self/oom_score_adj"]


@pytest.fixture
def small_memory() -> Iterator[Path]:
    """A group of 160 MiB with an OOM killer of its own, of the test's making."""
    lines = Path("/proc/self/cgroup").read_text().splitlines()
    own = next((line.split(":", 2)[2] for line in lines if ":memory:" in line), None)
    group = Path(f"/sys/fs/cgroup/memory{own}/codexlab-test-{os.getpid()}-{time.monotonic_ns()}")
    try:
        group.mkdir()
    except OSError:
        pytest.skip("no memory controller (v1) here in which a test may make a group")
    (group / "memory.limit_in_bytes").write_text(str(160 * MIB))
    yield group
    deadline = time.monotonic() + 10
    while group.is_dir():
        try:
            group.rmdir()
        except OSError:  # what the kernel has killed is not gone at once
            assert time.monotonic() < deadline, f"{group} stays occupied"


def test_the_agent_is_killed_and_a_larger_host_lives_on(lab: Lab, small_memory: Path) -> None:
    enter = f'echo $$ > "{small_memory}/cgroup.procs"; exec "$@"'
    agent = lab.argv(["--issue", "1", "--no-repo"], [sys.executable, "-c", EATER])
    done = lab.call(["sh", "-c", enter, "sh", sys.executable, "-c", HOST, *agent])
    assert (done.returncode, done.stdout) == (0, "137\n"), done.stderr
    (record,) = lab.records
    assert (record["reason"], record["signal"]) == ("signaled", 9)


def test_the_agent_is_offered_first_and_nobody_else(lab: Lab) -> None:
    ours = int(Path("/proc/self/oom_score_adj").read_text())
    script = "cat /proc/self/oom_score_adj /proc/$PPID/oom_score_adj"
    done = lab.run(["--issue", "1"], ["sh", "-c", f"{script}; true"])
    assert done.stdout.split() == [str(min(1000, ours + 300)), str(ours)], done.stderr
    assert lab.records[0]["oom_score_adj"] == min(1000, ours + 300)


def test_an_unprivileged_user_can_offer_it_too_and_a_thousand_is_the_end(
    as_nobody: Unprivileged, lab: Lab
) -> None:
    enter = 'echo 900 > /proc/self/oom_score_adj; exec "$@"'
    argv = lab.argv(["--issue", "1", "--no-repo"], READ)
    done = as_nobody.run(
        ["sh", "-c", enter, "sh", *argv],
        environ=as_nobody.places(),
    )
    assert (done.returncode, done.stdout) == (0, "1000\n"), done.stderr
