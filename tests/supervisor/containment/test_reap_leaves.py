"""Which empty groups `reap` removes: never that of a run which may be alive."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
from support.processes.leaves import OTHER_RUN, RUN, entry, living, make_leaf

from codexlab.supervisor import reap_leaves
from codexlab.supervisor.containment import reap_leaves as reap
from codexlab.supervisor.records.registry import enter


@pytest.fixture(autouse=True)
def below_the_group(leaves_group: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reap, "own_cgroup", lambda: leaves_group)


@pytest.fixture
def leaf(leaves_group: Path) -> Path:
    """An empty leaf of :data:`RUN`."""
    return make_leaf(leaves_group, RUN)


def let_a_day_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reap, "UNKNOWN_LEAF_SECONDS", -1.0)


def test_that_of_a_dead_run_goes_and_a_dry_run_only_names_it(leaf: Path) -> None:
    enter(entry())
    assert reap_leaves(dry_run=True) == [os.fspath(leaf)]
    assert leaf.exists()
    assert reap_leaves() == [os.fspath(leaf)]
    assert not leaf.exists()


def test_one_that_was_just_made_stays_whatever_lies_below_the_roots(
    leaf: Path, workspaces_root: Path
) -> None:
    # Its lock, its record and owner.json were looked at before it began.
    (workspaces_root / "p/1/generic/.codexlab/runs" / RUN).mkdir(parents=True)
    (workspaces_root / "p/1/generic/.codexlab/lock").touch()
    enter(replace(entry(), guardian=living(), supervisor=living()))
    assert reap_leaves() == []
    assert leaf.exists()


def test_one_of_a_registered_run_that_may_be_alive_stays_for_days(
    leaf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    enter(replace(entry(), place="elsewhere pid:[1]"))
    let_a_day_pass(monkeypatch)
    assert reap_leaves() == []
    assert leaf.exists()


def test_one_that_nobody_registered_goes_after_a_day(
    leaf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert reap_leaves() == []
    let_a_day_pass(monkeypatch)
    assert reap_leaves() == [os.fspath(leaf)]


def test_what_is_not_named_like_a_run_stays(
    leaves_group: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = [make_leaf(leaves_group, name) for name in ("x", f"{OTHER_RUN}.scope")]
    let_a_day_pass(monkeypatch)
    assert reap_leaves() == []
    assert all(each.exists() for each in made)
