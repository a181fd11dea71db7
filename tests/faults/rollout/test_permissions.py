"""Without root, without rights, without space: one file fails, and stays whole."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import resource
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from support.commands import CODEXLAB
from support.rollout import files
from support.rollout.writers import left_over, logical
from support.ticks import wait_one_tick
from support.users.unprivileged import Unprivileged, give

from codexlab.rollout import Outcome
from codexlab.rollout.compression.compress import compress
from codexlab.rollout.operations.handle import StoreHandle

pytestmark = pytest.mark.one_python

THREAD = files.thread_id(1)
DATA = files.lines(files.meta(THREAD), *(files.message("user", f"line {n}") for n in range(30)))
_PROGRAM = str(CODEXLAB)
SWEEP = ["rollout", "sweep", "--cold-age", "0s", "--grace", "0s", "--json"]


@pytest.fixture
def home(as_nobody: Unprivileged) -> Path:
    home = as_nobody.home / ".codex"
    home.mkdir(mode=0o700)
    return give(home)


@pytest.fixture
def plain(home: Path) -> Path:
    path = files.write(files.rollout_path(home, THREAD), DATA)
    for part in (path, *path.parents):
        if part == home:
            break
        give(part)
    os.utime(path, (1_700_000_000, 1_700_000_000))
    wait_one_tick(path)
    return path


def sweep(who: Unprivileged) -> tuple[int, list[dict[str, Any]]]:
    done = who.run([sys.executable, _PROGRAM, *SWEEP])
    begin, *results = [json.loads(line) for line in done.stdout.splitlines()]
    assert set(begin) == {"begin"}
    return done.returncode, results


def test_an_ordinary_user_compresses_and_settles_its_own(
    as_nobody: Unprivileged, plain: Path, home: Path
) -> None:
    status, results = sweep(as_nobody)
    assert status == 0
    assert [result.get("outcome") for result in results] == ["compressed", "settled", None]
    places = StoreHandle(home)
    assert logical(places.rollout(str(plain))) == DATA
    assert left_over(places) == []
    frame = plain.with_name(plain.name + ".zst").stat()
    assert (frame.st_uid, frame.st_mtime) == (home.stat().st_uid, 1_700_000_000)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to somebody else")
def test_a_file_of_a_group_that_we_are_not_in_is_skipped(
    as_nobody: Unprivileged, plain: Path
) -> None:
    os.chown(plain, -1, 12345)
    wait_one_tick(plain)
    status, results = sweep(as_nobody)
    assert (status, results[0]["outcome"]) == (0, "skipped")
    assert "group 12345" in results[0]["reason"]
    assert sorted(plain.parent.iterdir()) == [plain]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to somebody else")
def test_another_users_file_is_left_to_its_owner(as_nobody: Unprivileged, plain: Path) -> None:
    os.chown(plain, 0, 0)
    plain.chmod(0o644)
    wait_one_tick(plain)
    status, results = sweep(as_nobody)
    assert status == 0
    assert results[0]["reason"] == "it belongs to another user"
    assert plain.read_bytes() == DATA


def test_a_directory_that_became_read_only_fails_its_files_alone(
    as_nobody: Unprivileged, plain: Path
) -> None:
    plain.parent.chmod(0o555)
    status, results = sweep(as_nobody)
    assert status == 125
    assert results[0]["outcome"] == "failed"
    assert "Permission denied" in results[0]["reason"]
    assert os.listdir(plain.parent) == [plain.name]


@contextlib.contextmanager
def little_space(most: int) -> Generator[None]:
    """No file of this process may grow beyond so many bytes: a real error of write(2)."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_frame_that_cannot_be_written_fails_one_file_and_the_next_goes_on(
    tmp_path: Path,
) -> None:
    places = StoreHandle(tmp_path)
    large, small = (files.rollout_path(tmp_path, files.thread_id(n)) for n in (1, 2))
    noise = files.message("user", os.urandom(20_000).hex())
    files.write(large, files.lines(files.meta(files.thread_id(1)), noise))
    files.write(small, DATA)
    wait_one_tick(small)
    rollouts = [places.rollout(str(path)) for path in (large, small)]
    with little_space(4096):
        results = list(compress(places, rollouts))
    assert [result.outcome for result in results] == [Outcome.FAILED, Outcome.COMPRESSED]
    assert "File too large" in results[0].reason
    assert sorted(os.listdir(large.parent)) == sorted([large.name, small.name + ".zst"])


def test_a_store_below_a_directory_that_is_not_ours_keeps_its_files_in_the_home(
    as_nobody: Unprivileged, scratch: Path, home: Path, plain: Path
) -> None:
    foreign = scratch / "volume"
    foreign.mkdir(mode=0o755)
    os.rename(home / "sessions", foreign / "store")
    (home / "sessions").symlink_to(foreign / "store")
    foreign.chmod(0o555)
    status, results = sweep(as_nobody)
    assert (status, [result.get("outcome") for result in results]) == (
        0,
        ["compressed", "settled", None],
    )
    assert (home / ".codexlab-retired").is_dir()
    assert os.listdir(foreign) == ["store"]
    foreign.chmod(0o755)


@pytest.mark.usefixtures("plain")
def test_two_homes_of_a_store_below_a_directory_that_is_not_ours_sweep_one_at_a_time(
    as_nobody: Unprivileged, scratch: Path, home: Path
) -> None:
    foreign = scratch / "volume"
    foreign.mkdir(mode=0o755)
    os.rename(home / "sessions", foreign / "store")
    other = home.with_name("other")
    other.mkdir(mode=0o700)
    for each in (home, other):
        give(each)
        (each / "sessions").symlink_to(foreign / "store")
    foreign.chmod(0o555)
    assert sweep(as_nobody)[0] == 0
    with (foreign / "store" / ".codexlab-sweep.lock").open("r+") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        done = as_nobody.run([sys.executable, _PROGRAM, *SWEEP, "--codex-home", str(other)])
    assert (done.returncode, "another sweep is at work" in done.stderr) == (75, True)
    foreign.chmod(0o755)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root works on another's home")
def test_what_root_makes_in_a_users_home_is_the_users(
    as_nobody: Unprivileged, home: Path, plain: Path
) -> None:
    subprocess.run([_PROGRAM, *SWEEP, "--codex-home", home], check=True)
    owners = {path: path.lstat().st_uid for path in (home, *home.rglob("*"))}
    assert set(owners.values()) == {home.stat().st_uid}, owners
    assert not plain.exists()
    for command in (["restore", THREAD], ["verify"], SWEEP[1:]):
        done = as_nobody.run([sys.executable, _PROGRAM, "rollout", *command])
        assert done.returncode == 0, done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="only root could be made to give a file away")
def test_root_follows_no_link_that_a_user_put_where_a_lock_belongs(
    home: Path, plain: Path, scratch: Path
) -> None:
    roots_own = scratch / "roots-own"
    roots_own.write_text("secret")
    roots_own.chmod(0o600)
    locks = home / "thread-writer-locks"
    locks.mkdir()
    (locks / ".coordination.lock").symlink_to(roots_own)
    subprocess.run([_PROGRAM, "rollout", "compress", THREAD, "--codex-home", home], check=False)
    assert roots_own.stat().st_uid == 0
    assert plain.exists()
