"""The kernel lease answers "can anybody write to this file right now?"."""

from __future__ import annotations

import mmap
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from codexlab.kernel.files.lease import (
    LeaseAnswer,
    filesystem_type,
    has_coherent_leases,
    is_read_lease_unbroken,
    release_read_lease,
    take_read_lease,
)

# Says "opening", opens for writing, says "open", waits for a line, writes it, ends.
WRITER = """
import os, sys
print("opening", flush=True)
fd = os.open(sys.argv[1], os.O_WRONLY | os.O_APPEND)
print("open", flush=True)
os.write(fd, sys.stdin.buffer.readline())
"""

_OTHER_UID = """
import os, sys
from codexlab.kernel.files.lease import take_read_lease
for path in sys.argv[1:]:
    print(take_read_lease(os.open(path, os.O_RDONLY)).value)
"""


# The capability only lets that user read an interpreter below a private home.
_AS_NOBODY = [
    "setpriv",
    "--reuid",
    "65534",
    "--regid",
    "65534",
    "--clear-groups",
    "--inh-caps=+dac_read_search",
    "--ambient-caps=+dac_read_search",
    "--",
]


@pytest.fixture
def rollout(tmp_path: Path) -> Path:
    path = tmp_path / "rollout.jsonl"
    path.write_bytes(b"first\n")
    return path


@pytest.fixture
def reader(rollout: Path) -> Iterator[int]:
    fd = os.open(rollout, os.O_RDONLY | os.O_CLOEXEC)
    yield fd
    os.close(fd)


def _start_writer(path: Path) -> subprocess.Popen[bytes]:
    child = subprocess.Popen(
        [sys.executable, "-c", WRITER, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert child.stdout is not None
    assert child.stdout.readline() == b"opening\n"
    return child


def _expect_open(child: subprocess.Popen[bytes]) -> None:
    assert child.stdout is not None
    assert child.stdout.readline() == b"open\n"


def _wait_broken(fd: int) -> None:
    poller = select.poll()
    for _ in range(5000):
        if not is_read_lease_unbroken(fd):
            return
        poller.poll(1)
    pytest.fail("the lease was never seen broken")


def test_lease_is_granted_and_unbroken_while_nobody_writes(reader: int) -> None:
    assert take_read_lease(reader) is LeaseAnswer.GRANTED
    assert is_read_lease_unbroken(reader)
    release_read_lease(reader)
    assert not is_read_lease_unbroken(reader)


def test_releasing_without_holding_is_harmless(reader: int) -> None:
    release_read_lease(reader)
    assert take_read_lease(reader) is LeaseAnswer.GRANTED


def test_lease_is_busy_while_another_process_has_the_file_open_for_writing(
    rollout: Path, reader: int
) -> None:
    with _start_writer(rollout) as child:
        _expect_open(child)
        assert take_read_lease(reader) is LeaseAnswer.BUSY
        child.communicate(b"second\n")
    assert take_read_lease(reader) is LeaseAnswer.GRANTED


def test_asked_again_on_one_descriptor_the_kernel_still_sees_a_writer(
    rollout: Path, reader: int
) -> None:
    assert take_read_lease(reader) is LeaseAnswer.GRANTED
    release_read_lease(reader)
    with _start_writer(rollout) as child:
        _expect_open(child)
        assert take_read_lease(reader, granted_before=True) is LeaseAnswer.BUSY
        child.communicate(b"second\n")
    assert take_read_lease(reader, granted_before=True) is LeaseAnswer.GRANTED
    with _start_writer(rollout) as child:
        _wait_broken(reader)  # and its signal is still one that does not end us
        release_read_lease(reader)
        _expect_open(child)
        child.communicate(b"third\n")


def test_lease_is_busy_while_a_writable_mapping_outlives_its_descriptor(
    rollout: Path, reader: int
) -> None:
    writable = os.open(rollout, os.O_RDWR)
    with mmap.mmap(writable, 0):
        os.close(writable)
        assert take_read_lease(reader) is LeaseAnswer.BUSY
    assert take_read_lease(reader) is LeaseAnswer.GRANTED


def test_opener_for_writing_blocks_until_release_and_the_holder_sees_it(
    rollout: Path, reader: int
) -> None:
    assert take_read_lease(reader) is LeaseAnswer.GRANTED
    with _start_writer(rollout) as child:
        _wait_broken(reader)
        assert child.stdout is not None
        assert select.select([child.stdout], [], [], 0.05)[0] == []
        release_read_lease(reader)
        _expect_open(child)
        child.communicate(b"second\n")
    assert rollout.read_bytes() == b"first\nsecond\n"


def test_a_broken_lease_does_not_interrupt_the_holder(rollout: Path, reader: int) -> None:
    assert signal.getsignal(signal.SIGURG) is signal.SIG_DFL
    assert take_read_lease(reader) is LeaseAnswer.GRANTED
    with pytest.raises(BlockingIOError):
        os.open(rollout, os.O_WRONLY | os.O_NONBLOCK)
    assert not is_read_lease_unbroken(reader)
    release_read_lease(reader)


def test_readers_pass_and_leave_the_lease_whole(rollout: Path, reader: int) -> None:
    assert take_read_lease(reader) is LeaseAnswer.GRANTED
    assert rollout.read_bytes() == b"first\n"
    assert is_read_lease_unbroken(reader)


def test_rename_and_read_only_truncation_pass_unseen_so_callers_compare_name_and_size(
    rollout: Path, reader: int
) -> None:
    assert take_read_lease(reader) is LeaseAnswer.GRANTED
    os.close(os.open(rollout, os.O_RDONLY | os.O_TRUNC))
    rollout.rename(rollout.with_suffix(".moved"))
    assert is_read_lease_unbroken(reader)
    assert os.fstat(reader).st_size == 0


def test_release_ends_the_lease_for_every_duplicate(rollout: Path, reader: int) -> None:
    duplicate = os.dup(reader)
    assert take_read_lease(reader) is LeaseAnswer.GRANTED
    release_read_lease(reader)
    assert not is_read_lease_unbroken(duplicate)
    os.close(duplicate)
    os.close(os.open(rollout, os.O_WRONLY | os.O_NONBLOCK))


def test_a_filesystem_without_known_coherence_is_unavailable() -> None:
    fd = os.open("/proc/self/status", os.O_RDONLY)
    try:
        assert filesystem_type(fd) == 0x9FA0
        assert not has_coherent_leases(fd)
        assert take_read_lease(fd) is LeaseAnswer.UNAVAILABLE
    finally:
        os.close(fd)


def test_a_closed_descriptor_is_an_error_not_an_answer(rollout: Path) -> None:
    fd = os.open(rollout, os.O_RDONLY)
    os.close(fd)
    with pytest.raises(OSError, match="Bad file descriptor"):
        take_read_lease(fd)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can start a process of another user")
def test_without_capability_only_the_owner_gets_an_answer(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    foreign, own = tmp_path / "foreign", tmp_path / "own"
    foreign.write_bytes(b"x")
    own.write_bytes(b"x")
    os.chown(own, 65534, 65534)
    answers = subprocess.run(
        [*_AS_NOBODY, sys.executable, "-c", _OTHER_UID, foreign, own],
        env={"HOME": str(tmp_path), "PATH": os.defpath},
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    )
    assert answers.stdout.split() == ["unavailable", "granted"]
