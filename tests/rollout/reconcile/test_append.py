"""Materialize and append: the plain form again, and whole lines only."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from support.rollout import files
from support.rollout.writers import come_to_rest, left_over, logical

from codexlab.kernel.errors import InternalError
from codexlab.rollout import (
    DamagedFrameError,
    DisagreementError,
    NoSuchRolloutError,
    NotALineError,
    NotARolloutError,
    ThreadBusyError,
)
from codexlab.rollout.operations.file_ops import FileOps
from codexlab.rollout.operations.handle import StoreHandle
from codexlab.rollout.reconcile.append import append
from codexlab.rollout.reconcile.materialize import materialize
from codexlab.rollout.store.rollout_ref import RolloutRef

THREAD = files.thread_id(1)
DATA = files.lines(files.meta(THREAD), files.message("user", "hello"))
OLD = 1_700_000_000


@pytest.fixture
def places(tmp_path: Path) -> StoreHandle:
    return StoreHandle(tmp_path)


@pytest.fixture
def rollout(places: StoreHandle, tmp_path: Path) -> RolloutRef:
    return places.rollout(str(files.rollout_path(tmp_path, THREAD)))


def make_plain(rollout: RolloutRef, data: bytes = DATA) -> Path:
    return files.write(Path(rollout.path), data)


def make_frame(rollout: RolloutRef, data: bytes = DATA) -> Path:
    return files.write(Path(rollout.path), data, compressed=True)


def restore(places: StoreHandle, rollout: RolloutRef, rest: float = 0.0) -> bool:
    with places.locks.lease(rollout.thread_id) as lease:
        return materialize(places, rollout, lease, rest=rest)


def test_appending_to_a_frame_materializes_it_first(
    places: StoreHandle, rollout: RolloutRef
) -> None:
    frame = make_frame(rollout)
    assert append(places, rollout, [b'{"n":1}', b'{"n":2}']) == rollout.path
    assert Path(rollout.path).read_bytes() == DATA + b'{"n":1}\n{"n":2}\n'
    assert not frame.exists()
    assert left_over(places) == []


def test_a_torn_last_line_is_ended_and_stays(places: StoreHandle, rollout: RolloutRef) -> None:
    make_plain(rollout, DATA + b'{"torn')
    append(places, rollout, [b"{}"])
    assert Path(rollout.path).read_bytes() == DATA + b'{"torn\n{}\n'


def test_after_a_full_disk_the_repeated_lines_stand_once_behind_the_torn_one(
    places: StoreHandle, rollout: RolloutRef
) -> None:
    """Nothing is cut away again: a writer without locks may have appended meanwhile."""

    class FullDisk(FileOps):
        def append(self, fd: int, data: bytes) -> None:
            os.write(fd, data[:5])
            raise OSError(28, "No space left on device")

    make_plain(rollout)
    with pytest.raises(OSError, match="No space"):
        append(places.using(FullDisk()), rollout, [b'{"n":1}'])
    append(places, rollout, [b'{"n":1}'])
    assert Path(rollout.path).read_bytes() == DATA + b'{"n":\n{"n":1}\n'


@pytest.mark.parametrize("record", [b"", b"a\nb", b"a\n"])
def test_what_is_not_one_line_is_refused_before_anything_is_done(
    places: StoreHandle, rollout: RolloutRef, record: bytes
) -> None:
    frame = make_frame(rollout)
    with pytest.raises(NotALineError):
        append(places, rollout, [b"{}", record])
    assert frame.exists()


def test_a_thread_with_a_writer_is_not_appended_to(
    places: StoreHandle, rollout: RolloutRef
) -> None:
    make_plain(rollout)
    with places.locks.lease(THREAD), pytest.raises(ThreadBusyError):
        append(places, rollout, [b"{}"])
    assert Path(rollout.path).read_bytes() == DATA


def test_nothing_is_made_where_there_is_no_rollout(
    places: StoreHandle, rollout: RolloutRef
) -> None:
    with pytest.raises(NoSuchRolloutError):
        append(places, rollout, [b"{}"])
    assert not Path(rollout.path).exists()


@pytest.mark.parametrize("mode", [0o600, 0o400])
def test_mode_and_mtime_come_back(places: StoreHandle, rollout: RolloutRef, mode: int) -> None:
    frame = make_frame(rollout)
    frame.chmod(mode)
    os.utime(frame, (OLD, OLD))
    assert restore(places, rollout)
    made = Path(rollout.path).stat()
    assert (stat.S_IMODE(made.st_mode), made.st_mtime) == (mode, OLD)
    assert not restore(places, rollout)


def test_two_equal_forms_and_a_longer_plain_one_become_plain(
    places: StoreHandle, rollout: RolloutRef
) -> None:
    for data in (DATA, DATA + b"{}\n"):
        make_frame(rollout)
        make_plain(rollout, data)
        restore(places, rollout)
        assert logical(rollout) == data
        assert not os.path.exists(rollout.compressed_path)


def test_a_pair_that_another_codex_may_be_at_work_on_is_appended_to_as_it_is(
    places: StoreHandle, rollout: RolloutRef
) -> None:
    """Were the frame dropped now, and the plain file by a compressor, both would be gone."""
    frame = make_frame(rollout)
    make_plain(rollout)
    append(places, rollout, [b"{}"])
    assert Path(rollout.path).read_bytes() == DATA + b"{}\n"
    assert frame.exists()
    come_to_rest(places)
    assert Path(rollout.path).read_bytes() == DATA + b"{}\n"
    assert not frame.exists()


@pytest.mark.parametrize("data", [b'{"shadow":1}\n', DATA[:-5], b""])
def test_a_plain_form_that_lacks_something_is_not_taken_for_the_whole(
    places: StoreHandle, rollout: RolloutRef, data: bytes
) -> None:
    frame = make_frame(rollout)
    make_plain(rollout, data)
    with pytest.raises(DisagreementError):
        restore(places, rollout)
    assert frame.exists()
    assert Path(rollout.path).read_bytes() == data


def test_a_damaged_frame_is_left_as_it_is(places: StoreHandle, rollout: RolloutRef) -> None:
    frame = make_frame(rollout)
    damaged = frame.read_bytes()[:-3]
    frame.write_bytes(damaged)
    with pytest.raises(DamagedFrameError, match="cut short"):
        restore(places, rollout)
    assert frame.read_bytes() == damaged
    assert left_over(places) == []
    assert not os.path.exists(rollout.path)


def test_a_plain_form_that_comes_meanwhile_is_not_replaced(
    places: StoreHandle, rollout: RolloutRef
) -> None:
    class Sudden(FileOps):
        def name_plain(self, temporary: str, plain: str) -> None:
            Path(plain).write_bytes(DATA + b"{}\n")
            super().name_plain(temporary, plain)

    make_frame(rollout)
    assert restore(places.using(Sudden()), rollout)
    assert Path(rollout.path).read_bytes() == DATA + b"{}\n"
    assert left_over(places) == []


def test_a_full_disk_leaves_the_frame_alone(places: StoreHandle, rollout: RolloutRef) -> None:
    class FullDisk(FileOps):
        def sync_file(self, fd: int) -> None:  # noqa: ARG002
            raise OSError(28, "No space left on device")

    frame = make_frame(rollout)
    with pytest.raises(OSError, match="No space"):
        restore(places.using(FullDisk()), rollout)
    assert frame.exists()
    assert left_over(places) == []


def test_another_threads_lease_is_no_lease(places: StoreHandle, rollout: RolloutRef) -> None:
    make_frame(rollout)
    with places.locks.lease(files.thread_id(2)) as lease, pytest.raises(InternalError):
        materialize(places, rollout, lease)


def test_a_path_outside_the_store_is_no_rollout_of_it(places: StoreHandle, tmp_path: Path) -> None:
    with pytest.raises(NotARolloutError):
        places.rollout(str(tmp_path / "elsewhere" / f"rollout-2025-01-03T12-00-00-{THREAD}.jsonl"))
    with pytest.raises(NotARolloutError):
        places.rollout(str(tmp_path / "sessions" / "notes.jsonl"))
