"""cgroup v2: where it is, and that a leaf holds, kills and tells."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path

import pytest

from codexlab.kernel.cgroup import leaf as leaf_module
from codexlab.kernel.cgroup.leaf import (
    is_populated,
    kill_leaf,
    leaf_pids,
    own_cgroup,
    remove_leaf,
    signal_leaf,
    wait_unpopulated,
)

HYBRID = (
    "30 24 0:26 / /sys/fs/cgroup ro - tmpfs tmpfs ro\n"
    "31 30 0:27 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n"
)
OUTSIDE = "29 24 0:27 /../.. /host rw - cgroup2 cgroup2 rw\n"
CONTAINER = "900 800 0:30 /docker/abc /odd\\040place rw - cgroup2 cgroup rw\n"


@pytest.mark.parametrize(
    ("mounts", "membership", "expected"),
    [
        (HYBRID, "4:memory:/x\n0::/\n", "/sys/fs/cgroup/unified"),
        (HYBRID, "0::/user.slice/a.scope\n", "/sys/fs/cgroup/unified/user.slice/a.scope"),
        (CONTAINER, "0::/docker/abc/run\n", "/odd place/run"),
        (CONTAINER, "0::/elsewhere\n", None),
        (HYBRID, "4:memory:/x\n", None),
        ("30 24 0:26 / /sys/fs/cgroup ro - cgroup cgroup ro\n", "0::/\n", None),
        (OUTSIDE, "0::/\n", None),
        (OUTSIDE + HYBRID, "0::/\n", "/sys/fs/cgroup/unified"),
    ],
)
def test_our_group_is_found_wherever_v2_is_mounted(
    mounts: str, membership: str, expected: str | None
) -> None:
    found = own_cgroup(mounts, membership, lambda _path: True)
    assert found == (None if expected is None else Path(expected))


def test_a_mount_that_is_hidden_by_another_is_passed_over() -> None:
    visible = "32 24 0:27 / /visible rw - cgroup2 cgroup2 rw\n"
    found = own_cgroup(HYBRID + visible, "0::/a\n", lambda path: path == Path("/visible/a"))
    assert found == Path("/visible/a")


def join(leaf: Path, script: str) -> subprocess.Popen[bytes]:
    command = f"echo 0 > {leaf}/cgroup.procs; echo in; {script}"
    process = subprocess.Popen(["sh", "-c", command], stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"in\n"
    return process


def test_a_leaf_kills_what_left_its_session_and_says_when_it_is_empty(leaf: Path) -> None:
    with join(leaf, "setsid sleep 60 & wait") as process:
        assert is_populated(leaf)
        assert process.pid in leaf_pids(leaf)
        assert not wait_unpopulated(leaf, 0)
        assert kill_leaf(leaf)
        assert process.wait(10) == -signal.SIGKILL
        assert wait_unpopulated(leaf, 10)
    assert not is_populated(leaf)


def test_groups_that_members_made_are_counted_killed_and_removed(leaf: Path) -> None:
    script = f"mkdir -p {leaf}/a/b; echo 0 > {leaf}/a/b/cgroup.procs; echo deep; sleep 60"
    with join(leaf, script) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"deep\n"
        assert process.pid in leaf_pids(leaf)
        assert not remove_leaf(leaf)
        kill_leaf(leaf)
        process.wait(10)
    assert wait_unpopulated(leaf, 10)
    assert remove_leaf(leaf)
    leaf.mkdir()


def test_a_signal_reaches_every_member_of_the_leaf_and_of_groups_below(leaf: Path) -> None:
    count = leaf_module._SIGNAL_BATCH + 3
    crowd = (
        f"for i in $(seq {count}); do sleep 60 & done;"
        f" echo 0 > {leaf}/below/cgroup.procs; echo up; wait"
    )
    (leaf / "below").mkdir()
    with join(leaf, crowd) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"up\n"
        members = leaf_pids(leaf)
        assert len(members) == count + 1
        assert signal_leaf(leaf, signal.SIGTERM) == members
        assert process.wait(10) == -signal.SIGTERM
    assert wait_unpopulated(leaf, 10)
    assert signal_leaf(leaf, signal.SIGTERM) == set()


def test_a_pid_that_has_gone_to_a_process_outside_is_not_signalled(
    leaf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with subprocess.Popen(["sleep", "60"]) as stranger, join(leaf, "exec sleep 60") as member:
        listings = [{stranger.pid, member.pid}, {member.pid}]

        def listed(_leaf: Path) -> set[int]:
            return listings.pop(0)

        monkeypatch.setattr(leaf_module, "leaf_pids", listed)
        assert signal_leaf(leaf, signal.SIGTERM) == {member.pid}
        assert member.wait(10) == -signal.SIGTERM
        assert stranger.poll() is None
        stranger.kill()
        assert stranger.wait(10) == -signal.SIGKILL


def test_a_leaf_that_is_gone_is_empty(leaf: Path) -> None:
    gone = leaf / "gone"
    assert not is_populated(gone)
    assert wait_unpopulated(gone, 0)
    assert leaf_pids(gone) == set()
    assert kill_leaf(gone)
    assert remove_leaf(gone)
