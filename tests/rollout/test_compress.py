"""Which files are compressed, what the frame carries, and what is left alone."""

from __future__ import annotations

import os
import random
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
import zstandard
from support.rollout import files
from support.rollout.writers import come_to_rest, left_over, logical
from support.ticks import wait_one_tick

from codexlab.kernel.files.lease import LeaseAnswer
from codexlab.rollout import CompressOptions, Outcome, Result
from codexlab.rollout.codec.encode import Encoder, EncodingError, window_log
from codexlab.rollout.compression.compress import compress
from codexlab.rollout.operations.file_ops import FileOps
from codexlab.rollout.operations.handle import StoreHandle
from codexlab.rollout.reconcile.materialize import materialize
from codexlab.rollout.reconcile.retired import SettleOptions, settle
from codexlab.rollout.store.rollout_ref import RolloutRef

THREAD = files.thread_id(1)
DATA = files.lines(files.meta(THREAD), *(files.message("user", f"line {n}") for n in range(30)))
OLD = 1_700_000_000


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def places(home: Path) -> StoreHandle:
    return StoreHandle(home)


@pytest.fixture
def plain(home: Path) -> Path:
    return old(files.write(files.rollout_path(home, THREAD), DATA))


def old(path: Path) -> Path:
    """Give a file an old mtime, and wait until its ctime is not of this tick."""
    os.utime(path, (OLD, OLD))
    wait_one_tick(path)
    return path


def one(places: StoreHandle, path: Path, calls: FileOps | None = None, **options: Any) -> Result:
    given = CompressOptions(**options)
    return next(compress(places.using(calls or FileOps()), [places.rollout(str(path))], given))


def packed(path: Path) -> Path:
    return path.with_name(path.name + ".zst")


class Unleased(FileOps):
    """A filesystem that grants no leases."""

    def take_read_lease(self, fd: int, *, granted_before: bool = False) -> LeaseAnswer:  # noqa: ARG002
        return LeaseAnswer.UNAVAILABLE

    take_read_lease_again = take_read_lease

    def is_read_lease_unbroken(self, fd: int) -> bool:  # noqa: ARG002
        return False


def test_the_frame_has_size_checksum_and_a_window_of_the_file(
    places: StoreHandle, plain: Path
) -> None:
    result = one(places, plain)
    assert (result.outcome, result.before) == (Outcome.COMPRESSED, len(DATA))
    frame = packed(plain).read_bytes()
    header = zstandard.get_frame_parameters(frame)
    assert header.has_checksum
    assert header.content_size == len(DATA)
    assert result.after == len(frame)
    assert logical(places.rollout(str(plain))) == DATA


@pytest.mark.parametrize("mode", [0o600, 0o400, 0o644])
def test_mode_and_mtime_are_kept(places: StoreHandle, plain: Path, mode: int) -> None:
    plain.chmod(mode)
    old(plain)
    assert one(places, plain).outcome is Outcome.COMPRESSED
    made = packed(plain).stat()
    assert stat.S_IMODE(made.st_mode) == mode
    assert made.st_mtime == OLD


def test_extended_attributes_of_the_user_are_kept(places: StoreHandle, plain: Path) -> None:
    try:
        os.setxattr(plain, "user.note", b"mine")
    except OSError:
        pytest.skip("this filesystem has no user attributes")
    old(plain)
    assert one(places, plain).outcome is Outcome.COMPRESSED
    assert os.getxattr(packed(plain), "user.note") == b"mine"


def test_a_large_file_is_one_frame_that_spans_it(places: StoreHandle, plain: Path) -> None:
    picture = os.urandom(1 << 20).hex()
    data = files.lines(files.meta(THREAD), *(files.message("user", picture) for _ in range(6)))
    plain.write_bytes(data)
    old(plain)
    result = one(places, plain)
    assert result.outcome is Outcome.COMPRESSED
    assert zstandard.get_frame_parameters(packed(plain).read_bytes()).window_size >= len(data)
    assert result.after < len(data) / 8
    assert logical(places.rollout(str(plain))) == data


@pytest.mark.parametrize(
    ("size", "log"), [(0, 10), (1024, 10), (1025, 11), (1 << 27, 27), (1 << 40, 27)]
)
def test_the_window_spans_the_file_up_to_what_codex_reads(size: int, log: int) -> None:
    assert window_log(size) == log


def test_a_source_that_became_shorter_is_no_frame(tmp_path: Path) -> None:
    source, target = tmp_path / "a", tmp_path / "b"
    source.write_bytes(b"x" * 10)
    with source.open("rb") as read, target.open("w+b") as write:
        for size in (11, 2 << 20):
            with pytest.raises(EncodingError):
                Encoder().encode(read.fileno(), write.fileno(), size)


def test_what_one_large_file_needed_serves_the_next_of_any_size(tmp_path: Path) -> None:
    encoder = Encoder()
    for number, size in enumerate((3 << 20, 4 << 20, 100, 5 << 20, 20 << 20, 3 << 20)):
        data = random.Random(number).randbytes(1 << 18) * (size >> 18) or b"x" * size
        source, used, fresh = (tmp_path / f"{number}.{name}" for name in ("s", "used", "fresh"))
        source.write_bytes(data)
        with source.open("rb") as read, used.open("w+b") as first, fresh.open("w+b") as second:
            if number == 4:
                with pytest.raises(EncodingError):
                    encoder.encode(read.fileno(), second.fileno(), size + 1)
                second.truncate(0)
                second.seek(0)
            if number == 5:
                encoder.give_back()
            encoder.encode(read.fileno(), first.fileno(), size)
            Encoder().encode(read.fileno(), second.fileno(), size)
        assert zstandard.ZstdDecompressor().decompress(used.read_bytes()) == data
        assert used.read_bytes() == fresh.read_bytes()


def skipped(places: StoreHandle, path: Path, **options: Any) -> str:
    before = sorted(path.parent.iterdir())
    result = one(places, path, **options)
    assert result.outcome is Outcome.SKIPPED
    assert sorted(path.parent.iterdir()) == before
    return result.reason


def test_what_is_not_cold_is_left_alone(places: StoreHandle, plain: Path) -> None:
    assert skipped(places, plain, min_quiet=3600.0) == "it was changed just now"
    os.utime(plain)
    assert skipped(places, plain, min_age=60.0) == "it is not cold yet"
    os.utime(plain, (time.time() + 3600, time.time() + 3600))
    assert skipped(places, plain) == "its last write lies in the future"


def test_links_pipes_and_files_that_name_no_thread_are_left_alone(
    places: StoreHandle, plain: Path
) -> None:
    link = plain.with_name(plain.name.replace("0000-7000", "0001-7000"))
    link.symlink_to(plain)
    assert skipped(places, link) == "it is a symbolic link"
    link.unlink()
    os.mkfifo(link)
    assert skipped(places, link) == "it is not a regular file"
    link.unlink()
    assert skipped(places, link) == "there is no plain form"
    plain.write_bytes(b"not a record\n")
    old(plain)
    assert skipped(places, plain) == "no record at its beginning names a thread"


def test_an_existing_frame_is_never_touched(places: StoreHandle, plain: Path) -> None:
    packed(plain).write_bytes(b"whatever")
    assert skipped(places, plain) == "a compressed form exists"
    assert packed(plain).read_bytes() == b"whatever"


def test_a_dry_run_changes_nothing(places: StoreHandle, plain: Path, home: Path) -> None:
    before = sorted(home.rglob("*"))
    assert one(places, plain, dry_run=True).outcome is Outcome.WOULD
    assert sorted(home.rglob("*")) == before


@pytest.fixture
def writer(plain: Path) -> Iterator[subprocess.Popen[bytes]]:
    hold = "import os, sys; os.open(sys.argv[1], os.O_WRONLY); print(flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", hold, plain], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        child.stdout.readline()
        yield child
        child.communicate()


@pytest.mark.usefixtures("writer")
def test_without_leases_open_descriptors_are_looked_at(places: StoreHandle, plain: Path) -> None:
    assert one(places, plain).outcome is Outcome.BUSY
    result = one(places, plain, Unleased())
    assert (result.outcome, result.reason) == (
        Outcome.BUSY,
        "some process has it open for writing",
    )
    assert plain.read_bytes() == DATA
    assert not packed(plain).exists()


def test_without_leases_the_grace_is_longer_and_strict_refuses(
    places: StoreHandle, plain: Path
) -> None:
    assert one(places, plain, Unleased(), strict=True).outcome is Outcome.SKIPPED
    assert one(places, plain, Unleased()).outcome is Outcome.COMPRESSED
    unleased = places.using(Unleased())
    waiting = [result.outcome for result in settle(unleased, SettleOptions(grace=0.001))]
    assert waiting == [Outcome.WAITING]
    settled = [result.outcome for result in settle(unleased, SettleOptions(grace=0))]
    assert settled == [Outcome.SETTLED]


def test_across_filesystems_the_file_is_kept_in_place_under_a_short_name(
    places: StoreHandle, plain: Path
) -> None:
    class OtherFilesystem(FileOps):
        def retire(self, plain: str, kept: str) -> None:
            if kept.startswith(places.kept):
                raise OSError(18, "Invalid cross-device link")
            super().retire(plain, kept)

    assert one(places, plain, OtherFilesystem()).outcome is Outcome.COMPRESSED
    kept = [path for path in plain.parent.iterdir() if path != packed(plain)]
    assert len(kept) == 1
    assert len(kept[0].name) < 16
    assert THREAD[:8] not in kept[0].name
    come_to_rest(places)
    assert left_over(places) == []
    assert logical(places.rollout(str(plain))) == DATA


def test_a_full_disk_fails_one_file_and_leaves_it_whole(places: StoreHandle, plain: Path) -> None:
    class FullDisk(FileOps):
        def sync_directory(self, path: str) -> None:
            raise OSError(28, "No space left on device", path)

    result = one(places, plain, FullDisk())
    assert result.outcome is Outcome.FAILED
    assert "No space left" in result.reason
    assert plain.read_bytes() == DATA
    assert not packed(plain).exists()
    assert left_over(places) == []


def test_a_manifest_that_cannot_be_made_durable_fails_its_files_and_moves_none(
    home: Path, places: StoreHandle
) -> None:
    class FullDisk(FileOps):
        def sync_filesystem(self, fd: int) -> None:  # noqa: ARG002
            raise OSError(28, "No space left on device")

    paths = [
        files.write(files.rollout_path(home, thread), files.lines(files.meta(thread)))
        for thread in map(files.thread_id, range(40))
    ]
    old(paths[-1])
    rollouts = [places.rollout(str(path)) for path in paths]
    results = list(compress(places.using(FullDisk()), rollouts))
    assert [result.outcome for result in results] == [Outcome.FAILED] * 40
    assert sorted(os.listdir(paths[0].parent)) == sorted(path.name for path in paths)
    assert left_over(places) == []


def test_a_compression_that_is_given_up_midway_leaves_no_temporary_file(
    home: Path, places: StoreHandle
) -> None:
    paths = [
        files.write(files.rollout_path(home, thread), files.lines(files.meta(thread)))
        for thread in map(files.thread_id, range(300))
    ]
    old(paths[-1])
    results = compress(places, [places.rollout(str(path)) for path in paths])
    assert next(results).outcome is Outcome.COMPRESSED
    assert isinstance(results, Generator)
    results.close()
    come_to_rest(places)
    assert left_over(places) == []


def test_without_room_no_file_is_encoded_before_the_one_before_it_can_be_freed(
    home: Path, places: StoreHandle
) -> None:
    paths = [
        files.write(files.rollout_path(home, thread), files.lines(files.meta(thread)))
        for thread in map(files.thread_id, range(3))
    ]
    old(paths[-1])
    rollouts = [places.rollout(str(path)) for path in paths]
    now = SettleOptions(grace=0)
    for result in compress(places, rollouts, CompressOptions(room=lambda: 0)):
        assert result.outcome is Outcome.COMPRESSED
        assert [freed.outcome for freed in settle(places, now)] == [Outcome.SETTLED]
        assert left_over(places) == []
    assert [path.exists() for path in paths] == [False] * 3


def test_many_small_files_each_become_their_own_frame(home: Path, places: StoreHandle) -> None:
    rollouts: list[RolloutRef] = []
    for number in range(300):
        thread = files.thread_id(number)
        path = files.write(files.rollout_path(home, thread), files.lines(files.meta(thread)))
        rollouts.append(places.rollout(str(path)))
    old(Path(rollouts[-1].path))
    results = list(compress(places, rollouts, CompressOptions(workers=2)))
    assert [result.about for result in results] == rollouts
    assert {result.outcome for result in results} == {Outcome.COMPRESSED}
    come_to_rest(places)
    assert left_over(places) == []
    for number, rollout in enumerate(rollouts):
        assert logical(rollout) == files.lines(files.meta(files.thread_id(number)))


@pytest.fixture
def other_filesystem(tmp_path: Path) -> Iterator[Path]:
    memory = Path("/dev/shm")
    if not os.access(memory, os.W_OK) or memory.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("there is no second filesystem to write to")
    with tempfile.TemporaryDirectory(dir=memory, prefix="codexlab-test-") as directory:
        yield Path(directory)


def test_a_store_across_two_filesystems_compresses_settles_and_takes_late_lines_back(
    home: Path, other_filesystem: Path
) -> None:
    home.mkdir()
    (home / "archived_sessions").symlink_to(other_filesystem)
    (home / "sessions").mkdir()
    places = StoreHandle(home)
    path = old(files.write(files.rollout_path(home, THREAD, archived=True), DATA))
    rollout = places.rollout(str(path))
    for late in (b"", b'{"late":1}\n'):
        assert next(compress(places, [rollout])).outcome is Outcome.COMPRESSED
        (kept,) = (entry for entry in other_filesystem.iterdir() if entry.name.startswith("."))
        with kept.open("ab") as file:
            file.write(late)
        come_to_rest(places)
        assert left_over(places) == []
        assert logical(rollout) == DATA + late
        if not late:
            with places.locks.lease(THREAD) as lease:
                materialize(places, rollout, lease)
            old(path)
