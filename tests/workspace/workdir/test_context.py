"""The context files of a task are copied into its workspace."""

from __future__ import annotations

import os
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

from codexlab.workspace.paths import WorkspacePaths
from codexlab.workspace.workdir.context import ContextRefused, place_context

pytestmark = pytest.mark.usefixtures("claim")


def test_it_holds_exactly_the_files_of_this_task(paths: WorkspacePaths, tmp_path: Path) -> None:
    one, two = tmp_path / "one.md", tmp_path / "two.md"
    one.write_text("1")
    two.write_text("2")
    assert place_context(paths, [one, two], print) == paths.context
    two.write_text("changed")
    place_context(paths, [two], print)
    assert [path.name for path in paths.context.iterdir()] == ["two.md"]
    assert (paths.context / "two.md").read_text() == "changed"
    assert (paths.context / "two.md").stat().st_mode & 0o777 == 0o600
    assert place_context(paths, [], print) is None
    assert not paths.context.exists()


def test_the_same_files_again_change_no_byte(
    paths: WorkspacePaths, tmp_path: Path, snapshot: Callable[[Path], object]
) -> None:
    (tmp_path / "one.md").write_text("1")
    place_context(paths, [tmp_path / "one.md"], print)
    before = snapshot(paths.root)
    place_context(paths, [tmp_path / "one.md"], print)
    assert snapshot(paths.root) == before


def test_what_cannot_be_handed_over_is_one_line_and_nothing_changes(
    paths: WorkspacePaths, tmp_path: Path
) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "f").write_text("x")
    (tmp_path / "a/f").write_text("y")
    os.mkfifo(tmp_path / "pipe")
    place_context(paths, [tmp_path / "f"], print)
    for files in (
        [tmp_path / "gone"],
        [tmp_path / "a"],
        [tmp_path / "pipe"],
        [tmp_path / "f", tmp_path / "a/f"],
    ):
        with pytest.raises(ContextRefused, match=r"^--context "):
            place_context(paths, files, print)
    assert (paths.context / "f").read_text() == "x"


def test_a_link_planted_there_is_replaced_not_followed(
    paths: WorkspacePaths, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (tmp_path / "f").write_text("x")
    paths.context.symlink_to(outside)
    place_context(paths, [tmp_path / "f"], print)
    assert list(outside.iterdir()) == []
    assert not paths.context.is_symlink()


def test_a_large_file_costs_no_memory(paths: WorkspacePaths, tmp_path: Path) -> None:
    large = tmp_path / "large"
    large.write_bytes(b"begin")
    os.truncate(large, 48 << 20)
    tracemalloc.start()
    try:
        for _ in range(2):  # copied, then compared
            place_context(paths, [large], print)
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert most < 8 << 20
    assert (paths.context / "large").stat().st_size == 48 << 20
    with large.open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        file.write(b"!")
    place_context(paths, [large], print)
    assert (paths.context / "large").read_bytes().endswith(b"!")
