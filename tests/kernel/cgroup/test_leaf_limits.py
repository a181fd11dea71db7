"""Control files are set where they are there, and named where they are not."""

from __future__ import annotations

from pathlib import Path

from codexlab.kernel.cgroup.limits import limit_leaf, read_counter


def test_existing_control_files_are_set_and_missing_ones_named(scratch: Path) -> None:
    leaf = scratch / "leaf"
    leaf.mkdir()
    (leaf / "pids.max").write_text("max")
    assert limit_leaf(leaf, {"pids.max": "100", "memory.max": "1"}) == {"memory.max"}
    assert (leaf / "pids.max").read_text() == "100"
    assert not (leaf / "memory.max").exists()


def test_a_missing_controller_is_asked_for_in_the_parent(scratch: Path) -> None:
    leaf = scratch / "leaf"
    leaf.mkdir()
    (scratch / "cgroup.subtree_control").write_text("")
    assert limit_leaf(leaf, {"memory.max": "1"}) == {"memory.max"}
    assert (scratch / "cgroup.subtree_control").read_text() == "+memory"


def test_counters_are_read_alone_or_by_key(scratch: Path) -> None:
    (scratch / "memory.peak").write_text("4096\n")
    (scratch / "cpu.stat").write_text("usage_usec 17\nuser_usec 9\n")
    assert read_counter(scratch, "memory.peak") == 4096
    assert read_counter(scratch, "cpu.stat", "usage_usec") == 17
    assert read_counter(scratch, "cpu.stat", "missing") is None
    assert read_counter(scratch, "missing") is None
