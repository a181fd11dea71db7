"""How much a tree occupies."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from codexlab.env.artifacts.sizes import Deadline, measure_tree


def test_hard_links_count_once_and_links_are_not_followed(scratch: Path) -> None:
    tree, outside = scratch / "tree", scratch / "outside"
    tree.mkdir()
    outside.write_bytes(bytes(1 << 20))
    (tree / "one").write_bytes(bytes(1 << 16))
    os.link(tree / "one", tree / "two")
    (tree / "link").symlink_to(outside)
    size = measure_tree(tree, Deadline(10))
    assert size.state == "complete"
    assert size.allocated is not None
    assert 1 << 16 <= size.allocated < 1 << 17


def test_missing_is_not_empty_and_a_link_is_refused(scratch: Path) -> None:
    (scratch / "link").symlink_to(scratch)
    (scratch / "empty").mkdir()
    assert measure_tree(scratch / "absent", Deadline(10)).state == "missing"
    assert measure_tree(scratch / "link", Deadline(10)).state == "refused"
    empty = measure_tree(scratch / "empty", Deadline(10))
    assert empty.state == "complete"
    assert empty.allocated is not None


def test_when_time_is_over_the_size_is_a_lower_bound(scratch: Path) -> None:
    (scratch / "tree" / "a" / "b").mkdir(parents=True)
    assert measure_tree(scratch / "tree", Deadline(0)).state == "partial"


def test_other_filesystems_do_not_count(mount_volume: Callable[..., Path], scratch: Path) -> None:
    volume = mount_volume()
    (volume / "big").write_bytes(bytes(1 << 20))
    size = measure_tree(scratch, Deadline(10))
    assert size.allocated is not None
    assert size.allocated < 1 << 20


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_part_that_cannot_be_read_is_said(scratch: Path) -> None:
    (scratch / "tree" / "closed").mkdir(parents=True)
    (scratch / "tree" / "closed").chmod(0)
    assert measure_tree(scratch / "tree", Deadline(10)).state == "unreadable"
