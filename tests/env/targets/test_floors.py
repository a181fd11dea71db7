"""Free-space floors, on a real small filesystem."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from codexlab.env.targets.errors import FloorError, TargetPathRefused, TooLittleSpace
from codexlab.env.targets.floors import Floors, check_floors, read_floors

ROOT = "CODEX_LAB_STORAGE_MIN_ROOT_FREE_BYTES"
TARGET = "CODEX_LAB_STORAGE_MIN_TARGET_FREE_BYTES"
INODES = "CODEXLAB_MIN_FREE_INODES"


def test_floors_are_read_under_codex_labs_names() -> None:
    assert read_floors({}) == Floors()
    environment = {ROOT: "1", TARGET: str(2**63 - 1), INODES: "7"}
    assert read_floors(environment) == Floors(1, 2**63 - 1, 7)


@pytest.mark.parametrize(
    "text", ["", "0", "01", "+1", "1_0", "-1", "1.0", "1G", " 1", "٣", str(2**63)]
)
def test_a_floor_that_is_no_canonical_decimal_is_refused(text: str) -> None:
    with pytest.raises(FloorError, match=ROOT):
        read_floors({ROOT: text})


def test_exactly_enough_is_enough_and_one_less_is_not(
    mount_volume: Callable[..., Path], scratch: Path
) -> None:
    volume = mount_volume()
    stat = os.statvfs(volume)
    free, inodes = stat.f_bavail * stat.f_frsize, stat.f_favail
    target = volume / "not" / "yet" / "there"
    check_floors(Floors(free, free, inodes), volume, target)
    for floors, unit in (
        (Floors(root_bytes=free + 1), "bytes"),
        (Floors(target_bytes=free + 1), "bytes"),
        (Floors(inodes=inodes + 1), "inodes"),
    ):
        with pytest.raises(TooLittleSpace, match=f"{unit} free") as caught:
            check_floors(floors, volume, target)
        assert caught.value.path == str(volume)


def test_a_volume_that_fills_up_falls_below_its_floor(mount_volume: Callable[..., Path]) -> None:
    volume = mount_volume()
    floors = Floors(root_bytes=2 << 20, inodes=100)
    check_floors(floors, volume, volume)
    (volume / "big").write_bytes(bytes(3 << 20))
    with pytest.raises(TooLittleSpace, match="bytes free, the floor is 2097152"):
        check_floors(floors, volume, volume)
    (volume / "big").unlink()
    for number in range(450):
        (volume / str(number)).write_bytes(b"")
    with pytest.raises(TooLittleSpace, match="inodes free"):
        check_floors(floors, volume, volume)


def test_a_place_that_cannot_be_measured_is_refused(scratch: Path) -> None:
    (scratch / "dangling").symlink_to(scratch / "absent")
    (scratch / "loop").symlink_to(scratch / "loop")
    floors = Floors(target_bytes=1)
    for target in ("missing/../x", "dangling", "dangling/below", "loop/x"):
        with pytest.raises(TargetPathRefused):
            check_floors(floors, None, scratch / target)


def test_without_floors_nothing_is_looked_at() -> None:
    check_floors(Floors(), Path("/no/such/root"), Path("/a/../b"))
