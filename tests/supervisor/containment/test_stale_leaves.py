"""Whose empty group goes when another run starts, and whose stays."""

from __future__ import annotations

import os
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support.processes.leaves import OTHER_RUN as NEW
from support.processes.leaves import RUN, entry, living, make_leaf
from support.users.unprivileged import NOBODY

from codexlab.kernel.cgroup.leaf import remove_leaf
from codexlab.supervisor.containment import stale_leaves as stale
from codexlab.supervisor.records.registry import enter


@pytest.fixture
def group(leaves_group: Path) -> Path:
    return leaves_group


@pytest.fixture(autouse=True)
def never_looked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stale, "_last_look", {})


@pytest.fixture
def leaf(group: Path) -> Path:
    """An empty leaf of :data:`RUN`."""
    return make_leaf(group, RUN)


def test_the_empty_leaf_of_a_dead_run_goes_with_all_below_it(group: Path, leaf: Path) -> None:
    enter(entry())
    (leaf / "made" / "by" / "its agent").mkdir(parents=True)
    stale.remove_stale_leaves(group, NEW)
    assert not leaf.exists()


def test_a_reused_pid_is_not_the_run(group: Path, leaf: Path) -> None:
    other = replace(living(), start_time=living().start_time - 1)
    enter(replace(entry(), guardian=other, supervisor=other))
    stale.remove_stale_leaves(group, NEW)
    assert not leaf.exists()


def test_a_half_that_is_alive_keeps_it(group: Path) -> None:
    for number, half in enumerate(("guardian", "supervisor")):
        run_id = f"{RUN[:-1]}{number}"
        leaf = make_leaf(group, run_id)
        halves: dict[str, Any] = {half: living()}
        enter(replace(entry(run_id), **halves))
        stale.remove_stale_leaves(group, NEW)
        stale._last_look.clear()
        assert leaf.exists(), half


@pytest.mark.parametrize(
    "doubt",
    [
        {"place": "host pid:[1]"},
        {"guardian": replace(living(), start_time=0)},
        {"guardian": replace(living(), boot_id="unknown")},
        {"run_id": NEW[:-1] + "3"},
    ],
    ids=lambda doubt: next(iter(doubt)),
)
def test_what_cannot_be_told_keeps_it(group: Path, leaf: Path, doubt: dict[str, Any]) -> None:
    enter(replace(entry(), **doubt))
    stale.remove_stale_leaves(group, NEW)
    assert leaf.exists()


def test_a_run_nobody_registered_and_a_foreign_name_are_left_alone(group: Path, leaf: Path) -> None:
    (group / "codexlab-x").mkdir()
    (group / "another").mkdir()
    stale.remove_stale_leaves(group, NEW)
    assert leaf.exists()
    assert (group / "codexlab-x").exists()
    assert (group / "another").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a group away")
def test_another_users_leaf_is_left_alone(group: Path, leaf: Path) -> None:
    enter(entry())
    os.chown(leaf, NOBODY, NOBODY)
    stale.remove_stale_leaves(group, NEW)
    assert leaf.exists()


def test_a_survivor_keeps_it_for_whoever_ends_it(group: Path, leaf: Path) -> None:
    enter(entry())
    with subprocess.Popen(["sleep", "60"]) as survivor:
        (leaf / "cgroup.procs").write_text(str(survivor.pid))
        stale.remove_stale_leaves(group, NEW)
        assert leaf.exists()
        survivor.kill()


def test_what_joins_after_the_last_look_keeps_it(
    group: Path, leaf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    enter(entry())
    with subprocess.Popen(["sleep", "60"]) as survivor:

        def join_first(path: str) -> bool:
            (leaf / "cgroup.procs").write_text(str(survivor.pid))
            return remove_leaf(path)

        monkeypatch.setattr(stale, "remove_leaf", join_first)
        stale.remove_stale_leaves(group, NEW)
        assert (leaf / "cgroup.procs").read_text().split() == [str(survivor.pid)]
        survivor.kill()


def test_one_that_starts_keeps_its_leaf_at_each_of_its_steps(group: Path) -> None:
    def others_start() -> bool:
        """Let another run look; return whether the leaf is still there."""
        stale._last_look.clear()
        stale.remove_stale_leaves(group, NEW)
        return (group / f"codexlab-{RUN}").exists()

    assert not others_start()
    enter(replace(entry(), guardian=living(), supervisor=living()))
    assert not others_start()
    leaf = make_leaf(group, RUN)
    assert others_start()
    with subprocess.Popen(["sleep", "60"]) as agent:
        (leaf / "cgroup.procs").write_text(str(agent.pid))
        assert others_start()
        agent.kill()
    assert others_start()


def test_one_that_another_run_removes_at_the_same_moment_is_no_error(
    group: Path, leaf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    enter(entry())

    def removed_before(path: str) -> bool:
        os.rmdir(path)
        return remove_leaf(path)

    monkeypatch.setattr(stale, "remove_leaf", removed_before)
    stale.remove_stale_leaves(group, NEW)
    assert not leaf.exists()


def test_a_program_with_many_runs_does_not_look_at_each_launch(group: Path, leaf: Path) -> None:
    stale.remove_stale_leaves(group, NEW)
    enter(entry())
    stale.remove_stale_leaves(group, NEW)
    assert leaf.exists()
    stale._last_look[str(group)] -= stale.LOOK_INTERVAL
    stale.remove_stale_leaves(group, NEW)
    assert not leaf.exists()


def test_its_own_leaf_and_a_group_that_is_gone_are_no_matter(group: Path, leaf: Path) -> None:
    enter(entry())
    stale.remove_stale_leaves(group, RUN)
    assert leaf.exists()
    stale.remove_stale_leaves(group / "gone", NEW)
