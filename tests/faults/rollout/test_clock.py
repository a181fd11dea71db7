"""A wall clock that jumps: nothing is due too early, nothing waits for ever, nothing is lost."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from support.rollout.cases import BASE, LATE, Store
from support.rollout.writers import left_over, logical

from codexlab.rollout import Outcome, SweepOptions
from codexlab.rollout.maintenance.sweep import sweep
from codexlab.rollout.reconcile.retired import SettleOptions, settle

HOUR, YEAR = 3600.0, 366 * 86400.0


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path)


@pytest.fixture
def jump(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    true = time.time

    def by(seconds: float) -> None:
        monkeypatch.setattr(time, "time", lambda: true() + seconds)

    return by


def wait_for_boot_clock(seconds: float) -> None:
    """The grace is counted by the clock since boot, which no jump moves."""
    due = time.clock_gettime(time.CLOCK_BOOTTIME) + seconds
    while time.clock_gettime(time.CLOCK_BOOTTIME) < due:
        os.sched_yield()


def outcomes(store: Store, grace: float) -> list[Outcome]:
    return [each.outcome for each in settle(store.places, SettleOptions(grace=grace))]


def test_set_back_the_grace_ends_all_the_same(store: Store, jump: Callable[[float], None]) -> None:
    store.compressed()
    jump(-YEAR)
    assert outcomes(store, grace=60) == [Outcome.WAITING]
    wait_for_boot_clock(0.05)
    assert outcomes(store, grace=0.05) == [Outcome.SETTLED]
    assert logical(store.rollout) == BASE
    assert left_over(store.places) == []


def test_set_forward_the_grace_is_no_shorter(store: Store, jump: Callable[[float], None]) -> None:
    store.compressed()
    jump(YEAR)
    assert outcomes(store, grace=HOUR) == [Outcome.WAITING]
    with store.kept.open("ab") as file:
        file.write(LATE)
    assert outcomes(store, grace=0) == [Outcome.PUT_BACK]
    assert logical(store.rollout) == BASE + LATE


def test_set_back_nothing_of_a_later_time_is_touched(
    store: Store, jump: Callable[[float], None]
) -> None:
    store.compressed()
    assert outcomes(store, grace=0) == [Outcome.SETTLED]
    store.plain.write_bytes(BASE + LATE)
    jump(-YEAR)
    list(sweep(store.places, SweepOptions(cold_age=0, wait=False)))
    assert len(store.forms()) == 2
    assert logical(store.rollout) == BASE + LATE
