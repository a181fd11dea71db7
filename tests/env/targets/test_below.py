"""Directories below the root: made for us, and never through a link."""

from __future__ import annotations

import os
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from codexlab.env.artifact_root import ARTIFACT_ROOT_VARIABLE, open_artifact_root
from codexlab.env.targets.errors import RootUnusable, TargetPathRefused
from codexlab.env.targets.root_dirs import make_below_root


def test_what_is_missing_is_made_private_and_what_is_there_stays(root: Path) -> None:
    (root / "a").mkdir(mode=0o755)
    assert make_below_root(root, ("a", "b", "c")) == root / "a" / "b" / "c"
    assert stat.S_IMODE((root / "a").stat().st_mode) == 0o755
    assert stat.S_IMODE((root / "a" / "b").stat().st_mode) == 0o700
    make_below_root(root, ("a", "b", "c"))


def test_the_root_itself_is_never_made(scratch: Path) -> None:
    missing = scratch / "unmounted"
    with pytest.raises(RootUnusable, match="No such file"):
        make_below_root(missing, ("a",))
    assert not missing.exists()


@pytest.mark.parametrize("depth", [0, 1, 2])
def test_a_link_or_a_file_on_the_way_is_refused_and_nothing_is_made(root: Path, depth: int) -> None:
    outside = root.parent / "outside"
    outside.mkdir()
    names = ("a", "b", "c")
    for kind in ("link", "file"):
        place = root.joinpath(*names[: depth + 1])
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(outside) if kind == "link" else place.write_bytes(b"")
        with pytest.raises(TargetPathRefused, match="a link or a file") as caught:
            make_below_root(root, names)
        assert str(place) in str(caught.value)
        place.unlink()
    assert list(outside.iterdir()) == []


def test_a_root_behind_a_link_is_the_operators_choice(root: Path) -> None:
    link = root.parent / "link"
    link.symlink_to(root)
    make_below_root(link, ("a",))
    assert (root / "a").is_dir()


def test_another_filesystem_mounted_below_is_refused(
    mount_volume: Callable[..., Path], root: Path
) -> None:
    (root / "local").mkdir()
    mount_volume("artifacts/local")
    with pytest.raises(TargetPathRefused, match="another filesystem"):
        make_below_root(root, ("local", "a"))


def test_a_root_whose_volume_is_gone_is_unusable_or_refused(root: Path) -> None:
    descriptor = os.open(root, os.O_RDONLY)
    gone = Path(f"/proc/self/fd/{descriptor}")
    root.rmdir()
    with pytest.raises((RootUnusable, TargetPathRefused)):
        make_below_root(gone, ("a",))
    os.close(descriptor)


def test_a_parent_that_a_cleanup_removes_meanwhile_is_made_again(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mkdir, removed = os.mkdir, list[str]()

    def interfering(path: str, mode: int = 0o777, *, dir_fd: int | None = None) -> None:
        if path == "c" and len(removed) < 3:
            removed.append("a/b")
            (root / "a" / "b").rmdir()
            (root / "a").rmdir()
        mkdir(path, mode, dir_fd=dir_fd)

    monkeypatch.setattr(os, "mkdir", interfering)
    make_below_root(root, ("a", "b", "c"))
    assert len(removed) == 3
    assert (root / "a" / "b" / "c").is_dir()


def test_a_volume_that_is_gone_when_it_is_used_leaves_nothing_on_the_system_disk(
    mount_volume: Callable[..., Path],
) -> None:
    volume = mount_volume()
    root = open_artifact_root({ARTIFACT_ROOT_VARIABLE: str(volume)})
    make_below_root(root, ("a",))
    subprocess.run(["umount", str(volume)], check=True)
    with pytest.raises(RootUnusable, match="no longer the directory"):
        make_below_root(root, ("a",))
    assert list(volume.iterdir()) == []
