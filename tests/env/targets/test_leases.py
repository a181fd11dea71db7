"""Leases: many builders, one remover, and no lease on a file that lost its name."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.commands import program

from codexlab.env.targets.errors import TargetBusy, TargetPathRefused
from codexlab.env.targets.leases import is_leased, lease_target

HOLDER = program("holds_a_lease")


@pytest.fixture
def target(root: Path) -> Path:
    return root / "local" / "app" / "worktrees" / "k-1" / "cargo-target" / "host"


@contextmanager
def held(root: Path, target: Path, how: str = "hold") -> Generator[int]:
    """Hold the lease in another process, or in a child that outlives it."""
    command = [sys.executable, "-c", HOLDER, str(root), str(target), how]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        pid = int(process.stdout.readline())
        try:
            yield pid
        finally:
            os.kill(pid, signal.SIGKILL)
    if pid != process.pid:
        os.waitpid(pid, 0)


def test_many_may_build_in_one_target_and_nobody_removes_it_meanwhile(
    root: Path, target: Path
) -> None:
    with held(root, target):
        mine = lease_target(root, target)
        assert is_leased(root, target)
        with pytest.raises(TargetBusy, match="k-1") as caught:
            lease_target(root, target, exclusive=True)
        assert caught.value.exit_status == 75
        os.close(mine)
        assert is_leased(root, target)
    os.close(lease_target(root, target, exclusive=True))
    assert not is_leased(root, target)


def test_a_target_that_is_being_removed_takes_no_builder(root: Path, target: Path) -> None:
    removing = lease_target(root, target, exclusive=True)
    with pytest.raises(TargetBusy):
        lease_target(root, target)
    os.close(removing)
    os.close(lease_target(root, target))


def test_a_lease_outlives_its_taker_in_whoever_inherited_it(root: Path, target: Path) -> None:
    with held(root, target, "hand-down"):
        assert is_leased(root, target)
    assert not is_leased(root, target)


def test_a_killed_holder_leaves_no_lease(root: Path, target: Path) -> None:
    with held(root, target):
        pass
    os.close(lease_target(root, target, exclusive=True))


def test_a_lease_file_that_lost_its_name_is_not_the_lease(root: Path, target: Path) -> None:
    old = lease_target(root, target)
    (lock,) = (root / "local" / ".codexlab" / "leases").iterdir()
    lock.unlink()
    new = lease_target(root, target, exclusive=True)
    assert os.fstat(new).st_ino == lock.stat().st_ino
    assert os.fstat(old).st_ino != os.fstat(new).st_ino
    os.close(old)
    os.close(new)


def test_other_targets_have_other_leases(root: Path, target: Path) -> None:
    one = lease_target(root, target, exclusive=True)
    other = lease_target(root, target.parent / "other-host", exclusive=True)
    os.close(one)
    os.close(other)


def test_asking_creates_nothing(root: Path, target: Path) -> None:
    assert not is_leased(root, target)
    assert list(root.iterdir()) == []


def test_a_link_in_place_of_a_lease_file_is_refused(root: Path, target: Path) -> None:
    os.close(lease_target(root, target))
    (lock,) = (root / "local" / ".codexlab" / "leases").iterdir()
    lock.unlink()
    victim = root / "victim"
    lock.symlink_to(victim)
    with pytest.raises(TargetPathRefused, match="a link"):
        lease_target(root, target)
    assert not victim.exists()


def test_the_lease_is_not_inherited_through_exec_unless_handed_down(
    root: Path, target: Path
) -> None:
    fd = lease_target(root, target)
    assert not os.get_inheritable(fd)
    os.close(fd)
