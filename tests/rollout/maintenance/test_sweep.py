"""A sweep: what is cold, within its budget, one at a time, and everything settled."""

from __future__ import annotations

import fcntl
import json
import os
import time
from pathlib import Path
from typing import Any

import pytest
from support.rollout import files
from support.rollout.writers import left_over, logical
from support.ticks import wait_one_tick

from codexlab.rollout import Outcome, Result, SweeperBusyError, SweepOptions
from codexlab.rollout.locks.sweep_marker import seconds_since_sweep
from codexlab.rollout.maintenance.sweep import sweep
from codexlab.rollout.operations.handle import StoreHandle
from codexlab.rollout.reconcile.recover import recover
from codexlab.rollout.reconcile.retired import SettleOptions, settle

OLD = 1_700_000_000
# Tests cannot set a ctime an hour back; an age of none takes that rule away, too.
AT_ONCE: dict[str, Any] = {"cold_age": 0.0, "grace": 0.0}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def places(home: Path) -> StoreHandle:
    return StoreHandle(home)


def data_of(number: int) -> bytes:
    thread = files.thread_id(number)
    return files.lines(files.meta(thread), files.message("user", f"thread {number} " * 50))


def make(home: Path, number: int, archived: bool = False) -> Path:
    path = files.rollout_path(home, files.thread_id(number), archived=archived)
    files.write(path, data_of(number))
    os.utime(path, (OLD + number, OLD + number))
    return path


def make_many(home: Path, count: int) -> list[Path]:
    paths = [make(home, number) for number in range(count)]
    wait_one_tick(paths[-1])
    return paths


def run(places: StoreHandle, **options: Any) -> list[Result]:
    return list(sweep(places, SweepOptions(**(AT_ONCE | options))))


def outcomes(results: list[Result]) -> list[str]:
    return [str(result.outcome) for result in results]


def is_packed(path: Path) -> bool:
    return path.with_name(path.name + ".zst").exists() and not path.exists()


def test_cold_files_are_compressed_and_settled_and_nothing_is_left(
    home: Path, places: StoreHandle
) -> None:
    archived = make(home, 100, archived=True)
    paths = [*make_many(home, 3), archived]
    results = run(places)
    assert outcomes(results) == ["compressed"] * 4 + ["settled"] * 4
    assert results[0].thread_id == files.thread_id(100)
    assert all(map(is_packed, paths))
    assert left_over(places) == []
    assert run(places) == []


def test_fresh_files_are_passed_over_in_silence(home: Path, places: StoreHandle) -> None:
    make_many(home, 2)
    young = make(home, 9)
    os.utime(young)
    assert outcomes(run(places, cold_age=3600.0)) == ["skipped", "skipped"]
    assert young.exists()


@pytest.mark.parametrize(
    "budget", [{"max_files": 2}, {"max_bytes": 2 * len(data_of(0)) + 100}], ids=["files", "bytes"]
)
def test_a_budget_ends_a_sweep_and_the_next_goes_on(
    home: Path, places: StoreHandle, budget: dict[str, int]
) -> None:
    paths = make_many(home, 5)
    done: list[int] = []
    for _ in range(3):
        run(places, **budget)
        done.append(sum(map(is_packed, paths)))
    assert done == [2, 4, 5]


def test_what_cannot_be_compressed_spends_no_budget(home: Path, places: StoreHandle) -> None:
    *unusable, one, two, three = make_many(home, 5)
    for path in unusable:
        old = path.stat().st_mtime
        path.write_bytes(b"no rollout\n")
        os.utime(path, (old, old))
    run(places, max_files=2)
    assert [is_packed(path) for path in (one, two, three)] == [True, True, False]


def test_a_file_larger_than_the_budget_is_passed_over(home: Path, places: StoreHandle) -> None:
    large, small = make_many(home, 2)
    old = large.stat().st_mtime
    with large.open("ab") as file:
        file.write(b'{"type":"event_msg","payload":{}}\n' * 1000)
    os.utime(large, (old, old))
    run(places, max_bytes=small.stat().st_size + 100)
    assert [is_packed(path) for path in (large, small)] == [False, True]


def test_no_file_is_begun_after_its_time_or_a_request_to_stop(
    home: Path, places: StoreHandle
) -> None:
    make_many(home, 2)
    assert run(places, max_seconds=0.0) == []
    assert run(places, should_stop=lambda: True) == []


def test_a_dry_run_says_what_would_be_done_and_does_nothing(
    home: Path, places: StoreHandle
) -> None:
    make_many(home, 2)
    before = sorted(home.rglob("*"))
    assert outcomes(run(places, dry_run=True)) == ["would", "would"]
    assert sorted(home.rglob("*")) == before


@pytest.mark.parametrize("lock", [".tmp/rollout-maintenance.lock", ".codexlab-retired/sweep.lock"])
def test_a_sweep_stands_aside_for_codex_and_for_another(
    home: Path, places: StoreHandle, lock: str
) -> None:
    make_many(home, 1)
    path = home / lock
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(SweeperBusyError, match=f"pid {os.getpid()}"):
            run(places)
    assert outcomes(run(places)) == ["compressed", "settled"]


def test_lock_files_of_killed_writers_go_and_held_ones_stay(
    home: Path, places: StoreHandle
) -> None:
    make_many(home, 1)
    stale = Path(places.locks.directory, f"{files.thread_id(8)}.lock")
    stale.touch()
    with places.locks.lease(files.thread_id(9)):
        run(places)
        assert not stale.exists()
        assert Path(places.locks.directory, f"{files.thread_id(9)}.lock").exists()


def test_with_little_space_kept_files_are_settled_at_once(home: Path, places: StoreHandle) -> None:
    make_many(home, 140)  # more than one chunk
    results = run(places, grace=3600.0, wait=False, low_space=1 << 62)
    # The first chunk is freed before anything is known of the second.
    assert outcomes(results)[:129] == ["compressed"] + ["settled"] * 128


def test_either_root_may_be_short_of_space_or_missing(home: Path, places: StoreHandle) -> None:
    make(home, 1, archived=True)
    make_many(home, 1)
    (home / "sessions").rename(home / "not here")
    results = run(places, grace=3600.0, wait=False, low_space=1 << 62)
    assert outcomes(results) == ["compressed", "settled"]


def test_a_sweep_waits_for_its_grace_unless_told_not_to(home: Path, places: StoreHandle) -> None:
    make_many(home, 1)
    assert outcomes(run(places, grace=3600.0, wait=False)) == ["compressed"]
    assert outcomes(run(places, grace=3600.0, wait=False)) == ["waiting"]
    began = time.monotonic()
    assert outcomes(run(places, grace=0.4))[-1] == "settled"
    assert time.monotonic() - began < 30


def test_unlinked_homes_of_one_store_find_what_the_other_kept(
    home: Path, places: StoreHandle, tmp_path: Path
) -> None:
    make_many(home, 1)
    run(places, grace=3600.0, wait=False)
    other = tmp_path / "other"
    other.mkdir()
    (other / "sessions").symlink_to(home / "sessions")
    assert outcomes(list(settle(StoreHandle(other), SettleOptions(grace=0)))) == ["settled"]
    assert left_over(places) == []


def test_a_pair_that_codex_may_be_at_work_on_is_left_alone(home: Path, places: StoreHandle) -> None:
    path = make_many(home, 1)[0]
    files.write(path, data_of(0), compressed=True)
    assert outcomes(list(recover(places, SettleOptions(grace=0)))) == ["waiting"]
    assert path.exists()
    rested = SettleOptions(grace=0, rest=0)
    assert outcomes(list(recover(places, rested)))[0] == "compressed"
    assert is_packed(path)


@pytest.mark.parametrize("kind", ["damaged frame", "another version"])
def test_forms_that_disagree_in_no_way_of_ours_keep_every_byte(
    home: Path, places: StoreHandle, kind: str
) -> None:
    path = make_many(home, 1)[0]
    frame = files.write(path, data_of(0), compressed=True)
    if kind == "damaged frame":
        frame.write_bytes(frame.read_bytes()[:-2])
    else:
        path.write_bytes(data_of(0).replace(b"thread 0", b"thread X"))
    before = (path.read_bytes(), frame.read_bytes())
    results = list(recover(places, SettleOptions(grace=0, rest=0)))
    assert outcomes(results) == ["reported"]
    assert (path.read_bytes(), frame.read_bytes()) == before


def test_a_whole_sweep_that_left_nothing_is_noted_for_who_would_look_again(
    home: Path, places: StoreHandle
) -> None:
    make_many(home, 3)
    assert seconds_since_sweep(places.sweep_lock, 1e9) is None
    list(sweep(places, SweepOptions(**AT_ONCE)))
    since = seconds_since_sweep(places.sweep_lock, AT_ONCE["cold_age"])
    assert since is not None
    assert since < 600
    assert left_over(places) == []


@pytest.mark.parametrize(
    "options",
    [
        {"max_files": 9},
        {"max_bytes": 1 << 40},
        {"max_seconds": 600.0},
        {"strict": True},
        {"should_stop": lambda: True},
        {"dry_run": True},
        {"grace": 3600.0, "wait": False},
    ],
)
def test_a_sweep_that_may_have_left_something_is_not_noted(
    home: Path, places: StoreHandle, options: dict[str, Any]
) -> None:
    make_many(home, 2)
    list(sweep(places, SweepOptions(**{**AT_ONCE, **options})))
    assert seconds_since_sweep(places.sweep_lock, 0.0) is None


def test_a_fifo_where_the_note_belongs_is_not_waited_for(places: StoreHandle) -> None:
    Path(places.kept).mkdir(parents=True)
    os.mkfifo(Path(places.kept, "sweep.lock"))
    assert seconds_since_sweep(places.sweep_lock, 1e9) is None


def test_a_note_says_nothing_about_younger_files_another_boot_or_when_it_is_torn(
    home: Path, places: StoreHandle
) -> None:
    make_many(home, 1)
    list(sweep(places, SweepOptions(cold_age=1e9, grace=0.0)))
    assert seconds_since_sweep(places.sweep_lock, 1e9) is not None
    assert seconds_since_sweep(places.sweep_lock, 1e9 - 1) is None
    lock = Path(places.kept, "sweep.lock")
    note = json.loads(lock.read_text())
    for changed in ({"boot": "another"}, {"at": note["at"] + 1e6}, {"at": None}):
        lock.write_text(json.dumps(note | changed))
        assert seconds_since_sweep(places.sweep_lock, 1e9) is None
    lock.write_text(json.dumps(note)[:-9])
    assert seconds_since_sweep(places.sweep_lock, 1e9) is None
    list(sweep(places, SweepOptions(cold_age=1e9, grace=0.0)))
    assert seconds_since_sweep(places.sweep_lock, 1e9) is not None


def test_temporary_files_of_the_dead_go_and_those_of_the_living_stay(
    home: Path, places: StoreHandle
) -> None:
    path = make_many(home, 1)[0]
    dead = path.with_name("rollout-compress-codexlab-00000000.tmp")
    living = path.with_name("rollout-materialize-codexlab-00000000.tmp")
    codex_own = path.with_name("rollout-compress-abcdef.tmp")
    for temporary in (dead, living, codex_own):
        temporary.touch()
    with living.open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        list(recover(places))
    assert [temporary.exists() for temporary in (dead, living, codex_own)] == [False, True, True]


def test_what_was_kept_of_a_deleted_thread_expires_after_a_week(
    home: Path, places: StoreHandle, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make_many(home, 1)[0]
    run(places, grace=3600.0, wait=False)
    path.with_name(path.name + ".zst").unlink()
    now = SettleOptions(grace=0)
    assert outcomes(list(settle(places, now))) == ["deleted"]
    later = time.time() + 8 * 86400
    monkeypatch.setattr("codexlab.rollout.reconcile.retired.time.time", lambda: later)
    assert outcomes(list(settle(places, now))) == ["settled"]
    assert not path.exists()
    assert left_over(places) == []


def test_a_kept_file_is_due_by_the_clock_since_boot_when_the_wall_clock_was_set_back(
    home: Path, places: StoreHandle, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_many(home, 1)
    run(places, grace=3600.0, wait=False)
    monkeypatch.setattr("codexlab.rollout.reconcile.retired.time.time", lambda: OLD)
    assert outcomes(list(settle(places, SettleOptions(grace=3600.0)))) == ["waiting"]
    assert outcomes(list(settle(places, SettleOptions(grace=0.0)))) == [str(Outcome.SETTLED)]


def test_lines_written_to_a_kept_file_come_back_whatever_the_form(
    home: Path, places: StoreHandle
) -> None:
    path = make_many(home, 1)[0]
    run(places, grace=3600.0, wait=False)
    kept = next(entry for entry in Path(places.kept).iterdir() if entry.suffix == ".0")
    with kept.open("ab") as late:
        late.write(b'{"late":1}\n')
    assert outcomes(list(settle(places, SettleOptions(grace=0)))) == ["put back"]
    assert logical(places.rollout(str(path))) == data_of(0) + b'{"late":1}\n'


def test_a_dry_run_leaves_what_is_due_where_it_is(home: Path, places: StoreHandle) -> None:
    make_many(home, 1)
    run(places, grace=3600.0, wait=False)
    before = left_over(places)
    assert outcomes(run(places, dry_run=True)) == ["would"]
    assert left_over(places) == before


def test_a_sweep_leaves_a_pair_alone_that_is_not_at_rest(home: Path, places: StoreHandle) -> None:
    path = make_many(home, 1)[0]
    frame = files.write(path, data_of(0), compressed=True)
    assert outcomes(run(places)) == ["waiting"]
    assert path.exists()
    assert frame.exists()
