"""A process group is signalled as itself, whoever has its number; who left it is no member."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from codexlab.kernel.containment.membership import RunProcesses, kill_members, members, wait_empty
from codexlab.kernel.process.group import ProcessGroup, _signal_by_number, signal_group

KERNEL = tuple(map(int, re.findall(r"\d+", os.uname().release)[:2]))


@pytest.fixture
def leader(scratch: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The leader of a group of two, whose third child has left it."""
    script = f"sleep 60 & setsid sh -c 'echo $$ >{scratch}/left; echo up; exec sleep 60' & wait"
    with subprocess.Popen(
        ["sh", "-c", script], start_new_session=True, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"up\n"
        yield process
        os.kill(int((scratch / "left").read_text()), signal.SIGKILL)


@pytest.fixture
def group(leader: subprocess.Popen[bytes]) -> Iterator[ProcessGroup]:
    found = ProcessGroup(leader.pid, os.pidfd_open(leader.pid))
    yield found
    signal_group(found, signal.SIGKILL)
    os.close(found.leader)


def test_a_group_is_read_ended_and_seen_empty(
    leader: subprocess.Popen[bytes], group: ProcessGroup, scratch: Path
) -> None:
    processes = RunProcesses("no-such-run", guardian=None, group=group)
    assert processes.mechanism == "process-group"
    assert leader.pid in {process.pid for process in members(processes)}
    assert len(members(processes)) == 2
    kill_members(processes)
    leader.wait(30)
    # A zombie that nobody has collected yet is in it, and counts for nothing.
    assert wait_empty(processes, 30) == ()
    # Who left is alive, and nobody's business here.
    os.kill(int((scratch / "left").read_text()), 0)
    assert not processes.can_prove


def test_a_group_that_is_gone_is_not_the_one_that_has_its_number_now(
    leader: subprocess.Popen[bytes],
) -> None:
    if KERNEL < (6, 9):
        pytest.skip("before Linux 6.9 a group can only be named by its number")
    with subprocess.Popen(["true"], start_new_session=True) as gone:
        mistaken = ProcessGroup(leader.pid, os.pidfd_open(gone.pid))
        gone.wait(30)
    try:
        assert not signal_group(mistaken, signal.SIGKILL)
        assert leader.poll() is None
    finally:
        os.close(mistaken.leader)
        os.killpg(leader.pid, signal.SIGKILL)


def test_where_the_kernel_knows_no_better_the_number_names_it(
    leader: subprocess.Popen[bytes],
) -> None:
    assert _signal_by_number(leader.pid, 0)
    assert _signal_by_number(leader.pid, signal.SIGKILL)
    leader.wait(30)
