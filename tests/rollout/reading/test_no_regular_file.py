"""A fifo, directory or socket in a form's place is that rollout's problem: nobody waits for it."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from support.rollout import files
from support.rollout.cases import BASE, LATE, NOW, THREAD, Store
from support.rollout.writers import left_over

from codexlab.rollout import (
    NotARolloutFileError,
    Outcome,
    Problem,
    iter_lines,
    make_query,
    open_snapshot,
)
from codexlab.rollout.catalog.listing import list_rollouts
from codexlab.rollout.maintenance.repair import repair
from codexlab.rollout.maintenance.verify import verify_rollout
from codexlab.rollout.reconcile.append import append
from codexlab.rollout.reconcile.materialize import restore
from codexlab.rollout.reconcile.pair import resolve_pair
from codexlab.rollout.reconcile.retired import settle
from codexlab.rollout.search.search import search_rollouts

Make = Callable[[str], None]


def listen(path: str) -> None:
    # By its short name: an address has room for a hundred bytes.
    directory = os.open(os.path.dirname(path), os.O_PATH)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(f"/proc/self/fd/{directory}/{os.path.basename(path)}")
    os.close(directory)


odd = pytest.mark.parametrize("make", [os.mkfifo, os.mkdir, listen])


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path)


@odd
def test_in_a_frames_place_it_is_reported_and_keeps_no_lock(store: Store, make: Make) -> None:
    files.write(store.plain, BASE)
    make(store.rollout.compressed_path)
    for work in (
        lambda: restore(store.places, store.rollout),
        lambda: append(store.places, store.rollout, [b"{}"]),
        lambda: resolve_pair(store.places, store.rollout, rest=0),
    ):
        with pytest.raises(NotARolloutFileError, match=r"\.zst is not a regular file"):
            work()
    store.places.locks.lease(THREAD).release()
    (found,) = verify_rollout(store.rollout)
    assert (found.path, found.problem) == (store.rollout.compressed_path, Problem.UNREADABLE)
    assert list(repair(store.places)) == []
    assert store.plain.read_bytes() == BASE


@odd
def test_in_a_plain_files_place_nothing_is_written_to_it(store: Store, make: Make) -> None:
    store.plain.parent.mkdir(parents=True)
    make(str(store.plain))
    with pytest.raises((NotARolloutFileError, IsADirectoryError)):
        append(store.places, store.rollout, [b"{}"])
    (found,) = verify_rollout(store.rollout)
    assert found.problem is Problem.UNREADABLE


@odd
def test_in_a_plain_files_place_it_hides_no_frame_and_is_reported(store: Store, make: Make) -> None:
    files.write(store.plain, BASE, compressed=True)
    make(str(store.plain))
    with open_snapshot(store.plain) as snapshot:
        assert b"".join(line.data + b"\n" for line in iter_lines(snapshot)) == BASE
    (found,) = verify_rollout(store.rollout)
    assert (found.path, found.problem) == (store.rollout.path, Problem.UNREADABLE)
    (listed,) = list_rollouts(store.places.home).entries
    assert listed.head.problem == ""
    (result,) = search_rollouts(store.places.home, make_query("line 3"))
    assert (result.problems, result.hits != ()) == ((), True)


@odd
def test_a_kept_file_waits_beside_it_with_every_byte(store: Store, make: Make) -> None:
    store.compressed()
    kept = store.kept
    with kept.open("ab") as file:
        file.write(LATE)
    make(str(store.plain))
    (result,) = settle(store.places, NOW)
    assert (result.outcome, "regular" in result.reason) == (Outcome.FAILED, True)
    assert kept.read_bytes() == BASE + LATE
    assert left_over(store.places) != []
