"""A leaf is held still while its members are read and signalled."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

from support.commands import program

from codexlab.kernel.cgroup.frozen_leaf import held_still
from codexlab.kernel.cgroup.leaf import (
    wait_unpopulated,
)
from codexlab.kernel.containment.membership import RunProcesses, read_members, signal_members

# Forty lines of processes in which each hands over to a child and exits. One that is told to end
# does not hand over; a line that was missed comes to its end and says so. The starter collects
# them all (PR_SET_CHILD_SUBREAPER), by ignoring their ends.
CHAINS = program("chains_in_a_leaf")


def scope_of(leaf: Path) -> RunProcesses:
    return RunProcesses("no-such-run", leaf=str(leaf))


def test_a_signal_to_all_misses_nobody_in_chains_of_forks(leaf: Path, scratch: Path) -> None:
    command = [sys.executable, "-I", "-S", "-c", CHAINS, str(leaf), str(scratch)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as starter:
        assert starter.stdout is not None
        starter.stdout.readline()
        signal_members(scope_of(leaf), signal.SIGTERM)
        assert wait_unpopulated(leaf, 10)
    assert list(scratch.glob("missed-*")) == []


def test_members_run_on_after_they_were_read_and_a_pause_is_nobodys_end(leaf: Path) -> None:
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as member:
        (leaf / "cgroup.procs").write_text(str(member.pid))
        assert [each.pid for each in read_members(scope_of(leaf))] == [member.pid]
        assert (leaf / "cgroup.freeze").read_text() == "0\n"
        with held_still(str(leaf)):
            assert "frozen 1" in (leaf / "cgroup.events").read_text()
        (leaf / "cgroup.freeze").write_text("1")
        signal_members(scope_of(leaf), signal.SIGCONT)
        assert (leaf / "cgroup.freeze").read_text() == "1\n"
        # Told to end, it is thawed to hear it.
        signal_members(scope_of(leaf), signal.SIGTERM)
        assert member.wait(10) == -signal.SIGTERM
