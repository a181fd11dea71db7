"""An artifact root that is there, is not, or is not the right one."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from codexlab.env.artifact_root import (
    ARTIFACT_ROOT_VARIABLE,
    VOLUME_VARIABLE,
    ArtifactRoot,
    open_artifact_root,
)
from codexlab.env.volume import volume_ids


def opened(path: str | Path, volume: str = "") -> ArtifactRoot:
    return open_artifact_root({ARTIFACT_ROOT_VARIABLE: str(path), VOLUME_VARIABLE: volume})


def test_no_root_and_an_empty_one_are_quietly_none() -> None:
    assert open_artifact_root({}) == ArtifactRoot(None, None)
    assert opened("") == ArtifactRoot(None, None)


def test_a_writable_directory_is_used(tmp_path: Path) -> None:
    assert opened(tmp_path).path == tmp_path
    assert opened(f"{tmp_path}/").path == tmp_path


def test_a_missing_root_is_reported_and_not_created(tmp_path: Path) -> None:
    missing = tmp_path / "absent"
    root = opened(missing)
    assert root.path is None
    assert root.fallback_reason is not None
    assert str(missing) in root.fallback_reason
    assert "mounted" in root.fallback_reason
    assert not missing.exists()


def test_what_cannot_be_a_root_says_why(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"")
    (tmp_path / "dangling").symlink_to(tmp_path / "absent")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    reasons = {
        "relative/path": "not an absolute path",
        f"{tmp_path}/x/../y": "holds '..'",
        f"{tmp_path}/a\nb": "holds unprintable characters",
        str(file): "not a directory",
        f"{file}/below": "Not a directory",
        str(tmp_path / "dangling"): "no such directory",
        str(tmp_path / "loop"): "symbolic links",
        f"{tmp_path}/{'x' * 300}": "too long",
    }
    for path, reason in reasons.items():
        root = opened(path)
        assert root.path is None
        assert root.fallback_reason is not None
        assert reason in root.fallback_reason
        assert "\n" not in root.fallback_reason


def test_a_root_that_holds_everything_else_too_is_refused_however_it_is_spelled(
    tmp_path: Path,
) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "link").symlink_to("home")
    (tmp_path / "home" / "below").mkdir()
    reasons = {
        "/": "is the root of the filesystem",
        "//.": "is the root of the filesystem",
        f"{tmp_path}/home/": "is the home directory itself",
        f"{tmp_path}/link": "is the home directory itself",
    }
    home = {"HOME": str(tmp_path / "home")}
    for path, reason in reasons.items():
        root = open_artifact_root(home | {ARTIFACT_ROOT_VARIABLE: path})
        assert root.path is None
        assert reason in str(root.fallback_reason)
    below = str(tmp_path / "home" / "below")
    assert open_artifact_root(home | {ARTIFACT_ROOT_VARIABLE: below}).path == Path(below)


def test_a_link_to_a_directory_is_used_under_its_own_name(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    link = tmp_path / "link"
    link.symlink_to("real")
    assert opened(link).path == link


def test_the_expected_volume_is_compared_without_regard_to_case(tmp_path: Path) -> None:
    ids = volume_ids(str(tmp_path))
    assert ids
    for volume in ids:
        assert opened(tmp_path, volume.upper()).path == tmp_path


def test_another_volume_is_refused_and_both_are_named(tmp_path: Path) -> None:
    expected = "00000000-0000-4000-8000-000000000000"
    root = opened(tmp_path, expected)
    assert root.path is None
    assert root.fallback_reason is not None
    assert expected in root.fallback_reason
    assert volume_ids(str(tmp_path))[0] in root.fallback_reason


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_an_unwritable_root_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    code = "import os, sys; os.setuid(65534); print(os.access(sys.argv[1], os.W_OK))"
    probe = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert probe.stdout == "False\n"
    pid = os.fork()
    if pid == 0:
        os.setuid(65534)
        reason = opened(tmp_path).fallback_reason or ""
        os._exit(0 if "not writable" in reason or "Permission denied" in reason else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def test_each_mount_has_an_id_of_its_own(mount_volume: Callable[..., Path]) -> None:
    one, other = mount_volume("one"), mount_volume("other")
    expected = volume_ids(str(one))[0]
    assert opened(one, expected).path == one
    reason = opened(other, expected).fallback_reason
    assert reason is not None
    assert "another volume" in reason


def test_a_volume_that_is_not_mounted_is_another_volume(mount_volume: Callable[..., Path]) -> None:
    volume = mount_volume()
    expected = volume_ids(str(volume))[0]
    subprocess.run(["umount", str(volume)], check=True)
    assert opened(volume, expected).path is None
