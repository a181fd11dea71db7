"""Codex's writer locks, taken and dropped as codex does."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from support.rollout.files import thread_id

from codexlab.kernel.errors import BusyError
from codexlab.kernel.files.flock import try_lock
from codexlab.rollout import CoordinationBusyError, ThreadBusyError
from codexlab.rollout.locks.thread import ThreadLocks

THREAD, OTHER = thread_id(1), thread_id(2)

_HOLD_LEASE = """
import sys
from codexlab.rollout.locks.thread import ThreadLocks
lease = ThreadLocks(sys.argv[1]).lease(sys.argv[2])
print("held", flush=True)
sys.stdin.readline()
lease.release()
"""


@pytest.fixture
def locks(tmp_path: Path) -> ThreadLocks:
    return ThreadLocks(tmp_path)


def _names(locks: ThreadLocks) -> set[str]:
    return set(os.listdir(locks.directory))


def _held_elsewhere(home: Path, thread: str) -> subprocess.Popen[bytes]:
    child = subprocess.Popen(
        [sys.executable, "-c", _HOLD_LEASE, home, thread],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert child.stdout is not None
    assert child.stdout.readline() == b"held\n"
    return child


def test_release_removes_the_file_and_a_second_release_does_nothing(locks: ThreadLocks) -> None:
    lease = locks.lease(THREAD)
    assert _names(locks) == {".coordination.lock", f"{THREAD}.lock"}
    lease.release()
    lease.release()
    assert _names(locks) == {".coordination.lock"}


def test_a_second_writer_is_refused_and_told_who_the_first_is(
    tmp_path: Path, locks: ThreadLocks
) -> None:
    with _held_elsewhere(tmp_path, THREAD) as child:
        with pytest.raises(ThreadBusyError, match=f"pid {child.pid}") as refused:
            locks.lease(THREAD)
        assert [holder.pid for holder in refused.value.holders] == [child.pid]
        assert isinstance(refused.value, BusyError)
        with locks.lease(OTHER):
            assert {f"{THREAD}.lock", f"{OTHER}.lock"} < _names(locks)
        child.communicate(b"\n")
    with locks.lease(THREAD):
        pass


def test_homes_whose_lock_directories_are_linked_exclude_each_other(tmp_path: Path) -> None:
    shared, issue = tmp_path / "shared", tmp_path / "issue"
    issue.mkdir()
    with ThreadLocks(shared).lease(THREAD):
        (issue / "thread-writer-locks").symlink_to(shared / "thread-writer-locks")
        with pytest.raises(ThreadBusyError):
            ThreadLocks(issue).lease(THREAD)


def test_a_file_left_by_a_killed_writer_is_no_lock(tmp_path: Path, locks: ThreadLocks) -> None:
    with _held_elsewhere(tmp_path, THREAD) as child:
        child.send_signal(signal.SIGKILL)
        child.communicate()
    assert f"{THREAD}.lock" in _names(locks)
    with locks.coordination() as coordination:
        assert not coordination.is_writer_active(THREAD)
    locks.lease(THREAD).release()


def test_sweep_unlinks_what_nobody_holds_and_nothing_else(locks: ThreadLocks) -> None:
    stale, foreign = Path(locks.directory, f"{OTHER}.lock"), Path(locks.directory, "notes.lock")
    stale.touch()
    foreign.touch()
    with locks.lease(THREAD), locks.coordination() as coordination:
        assert coordination.sweep() == 1
        assert _names(locks) == {".coordination.lock", f"{THREAD}.lock", "notes.lock"}


def test_coordination_is_waited_for_and_then_given_up_naming_its_holder(
    locks: ThreadLocks,
) -> None:
    with (
        locks.coordination(),
        pytest.raises(CoordinationBusyError, match=f"pid {os.getpid()}"),
        locks.coordination(timeout=0.02),
    ):
        pass


def test_nobody_becomes_a_writer_while_coordination_is_held(locks: ThreadLocks) -> None:
    with locks.coordination() as coordination:
        assert not coordination.is_writer_active(THREAD)
        with pytest.raises(CoordinationBusyError):
            locks.lease(THREAD, timeout=0.02)


def test_one_look_tells_of_many_threads_which_have_a_writer(locks: ThreadLocks) -> None:
    Path(locks.directory, f"{OTHER}.lock").touch()
    with locks.lease(THREAD), locks.coordination() as coordination:
        has_writer = coordination.writer_check()
        assert [has_writer(thread) for thread in (THREAD, OTHER, thread_id(9))] == [
            True,
            False,
            False,
        ]


def test_release_without_coordination_still_frees_the_thread(
    locks: ThreadLocks, monkeypatch: pytest.MonkeyPatch
) -> None:
    lease = locks.lease(THREAD)
    with locks.coordination() as coordination:
        monkeypatch.setattr("codexlab.rollout.locks.thread.COORDINATION_TIMEOUT", 0.02)
        lease.release()
        assert not coordination.is_writer_active(THREAD)
        assert f"{THREAD}.lock" in _names(locks)


def test_our_lock_is_a_flock_on_codex_own_file(locks: ThreadLocks) -> None:
    with locks.lease(THREAD):
        fd = os.open(Path(locks.directory, f"{THREAD}.lock"), os.O_RDWR)
        assert not try_lock(fd)
        os.close(fd)
