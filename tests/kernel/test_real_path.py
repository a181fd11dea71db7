"""The kernel says where a path leads as ``os.path.realpath`` does, which asks part by part."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from codexlab.kernel.real_path import real_path

PLACES = (
    ".",
    "there",
    "there/",
    "there/inner/../file",
    "to-there",
    "to-there/inner",
    "to-there/..",
    "to-file",
    "fifo",
    "dangling",
    "dangling/below",
    "loop",
    "missing",
    "missing/../there",
    "there/file/below",
    "shut/inner",
    "named (deleted)",
    "to-named",
)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    there = tmp_path / "there"
    (there / "inner").mkdir(parents=True)
    (there / "file").touch()
    (tmp_path / "named (deleted)").mkdir()
    os.mkfifo(tmp_path / "fifo")
    for name, target in (
        ("to-there", "there"),
        ("to-file", str(there / "file")),
        ("dangling", "nowhere"),
        ("loop", "loop"),
        ("to-named", "named (deleted)"),
    ):
        (tmp_path / name).symlink_to(target)
    return tmp_path


@pytest.mark.parametrize("name", PLACES)
def test_it_says_what_realpath_says(place: Path, name: str) -> None:
    path = f"{place}/{name}"
    assert real_path(path) == os.path.realpath(path)


def test_a_relative_path_is_taken_from_where_we_are(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(place)
    for name in ("", *PLACES):
        assert real_path(name) == os.path.realpath(name)


def test_no_descriptor_stays_open_and_none_is_needed(place: Path) -> None:
    import resource

    before = os.listdir("/proc/self/fd")
    real_path(place / "to-there")
    assert os.listdir("/proc/self/fd") == before
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, limit[1]))
    try:
        assert real_path(place / "to-there") == str(place / "there")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limit)
