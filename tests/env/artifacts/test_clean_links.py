"""Cleaning goes through no link, wherever and whenever one is put in the way."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from support.targets import EVERYTHING, clean, make_target, plan, snapshot, verdicts

from codexlab.env.artifacts.clean import apply_clean

LINKED = [
    "local",
    "local/app",
    "local/app/worktrees",
    "local/app/worktrees/k-1",
    "local/app/worktrees/k-1/cargo-target",
    "local/app/worktrees/k-1/cargo-target/host",
]


@pytest.mark.parametrize("place", LINKED)
def test_a_link_anywhere_on_the_way_keeps_what_it_points_to(
    root: Path, scratch: Path, place: str
) -> None:
    make_target(root)
    outside = scratch / "outside"
    shutil.move(root / place, outside)
    (root / place).symlink_to(outside)
    before = snapshot(outside)
    clean(root, EVERYTHING)
    assert snapshot(outside) == before


@pytest.mark.parametrize("place", LINKED)
def test_a_link_put_in_the_way_after_the_plan_is_refused(
    root: Path, scratch: Path, place: str
) -> None:
    target = make_target(root)
    findings = plan(root, EVERYTHING)
    outside = scratch / "outside"
    shutil.move(root / place, outside)
    (root / place).symlink_to(outside)
    before = snapshot(outside)
    after = verdicts(apply_clean(findings, EVERYTHING, lambda _: None))
    assert after[str(target)] in ("refused", "in use")
    assert snapshot(outside) - {".codexlab"} >= before


def test_links_inside_a_target_are_removed_not_followed(root: Path, scratch: Path) -> None:
    target = make_target(root)
    outside = scratch / "outside"
    outside.mkdir()
    (outside / "kept").write_bytes(b"1")
    (target / "debug" / "link").symlink_to(outside)
    assert clean(root, EVERYTHING) == {str(target): "removed"}
    assert (outside / "kept").is_file()
