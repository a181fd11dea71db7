"""Jobs in forked processes: their order, what is kept meanwhile, and how it ends."""

from __future__ import annotations

import multiprocessing
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from io import FileIO
from pathlib import Path

import pytest

from codexlab.rollout.search import ordered_pool
from codexlab.rollout.search.ordered_pool import WorkerLost, in_order


@pytest.fixture(autouse=True)
def no_worker_is_left() -> Iterator[None]:
    yield
    assert multiprocessing.active_children() == []


def test_parts_come_in_the_order_of_the_jobs_whoever_is_done_first() -> None:
    gate, opened = os.pipe()

    def work(number: int) -> Iterator[tuple[int, int]]:
        if number == 0:
            os.read(gate, 1)  # until the last job has been done
        for part in range(number % 4):
            yield number, part
        if number == 19:
            os.write(opened, b"x")

    found = list(in_order(work, 20, 3))
    assert found == [(number, part) for number in range(20) for part in range(number % 4)]
    os.close(gate)
    os.close(opened)


def test_no_jobs_are_no_parts() -> None:
    assert list(in_order(lambda _: iter([1]), 0, 2)) == []


def test_what_is_kept_is_bounded_and_a_worker_that_is_too_far_ahead_waits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ordered_pool, "_KEPT_BYTES", 1 << 20)
    gate, opened = os.pipe()
    most = 0

    def work(number: int) -> Iterator[bytes]:
        if number == 0:
            os.read(gate, 1)
        for _ in range(200):
            yield bytes(100_000)

    class Pool(ordered_pool._Pool[bytes]):
        def _hear(self, turn: int) -> None:
            nonlocal most
            most = max(most, self._kept_bytes)
            if self._kept_bytes >= 1 << 20 and turn == 0:
                os.write(opened, b"x")
            super()._hear(turn)

    monkeypatch.setattr(ordered_pool, "_Pool", Pool)
    assert sum(1 for _ in in_order(work, 3, 3)) == 600
    assert 1 << 20 <= most < 2 << 20
    os.close(gate)
    os.close(opened)


def test_what_a_job_raises_is_raised_in_its_turn() -> None:
    def work(number: int) -> Iterator[int]:
        yield number
        if number == 1:
            raise LookupError("nothing there")

    results = in_order(work, 3, 2)
    assert [next(results), next(results)] == [0, 1]
    with pytest.raises(LookupError, match="nothing there"):
        next(results)


@pytest.mark.parametrize("victim", range(3))
def test_a_worker_that_is_killed_is_an_error_and_no_end_of_its_job(victim: int) -> None:
    def work(number: int) -> Iterator[int]:
        yield number
        if number == victim:
            os.kill(os.getpid(), signal.SIGKILL)

    with pytest.raises(WorkerLost):
        list(in_order(work, 3, 2))


def test_nobody_who_wants_no_more_waits_for_a_job() -> None:
    def work(number: int) -> Iterator[int]:
        yield number
        signal.pause()

    results = in_order(work, 2, 2)
    assert next(results) == 0
    results.close()  # type: ignore[attr-defined]


_PARENT = """
import os, signal, sys
from codexlab.rollout.search.ordered_pool import in_order

def work(number):
    yield os.getpid()
    signal.pause()

results = in_order(work, 1, 1)
print(next(results), flush=True)
signal.pause()
"""


def test_workers_end_with_a_parent_that_is_killed() -> None:
    with subprocess.Popen([sys.executable, "-c", _PARENT], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        worker = int(parent.stdout.readline())
        with FileIO(os.pidfd_open(worker)) as end:
            assert Path(f"/proc/{worker}/stat").exists()
            parent.kill()
            assert select.select([end], [], [], 30)[0], "the worker lives on"
