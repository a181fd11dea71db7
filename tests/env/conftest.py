"""A small filesystem of its own, and cargo with its own empty home."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

Mount = Callable[..., Path]


@pytest.fixture
def mount_volume(scratch: Path) -> Iterator[Mount]:
    """Mount a tmpfs below the test's scratch; unmounted afterwards."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a volume")
    mounted: list[Path] = []

    def mount(name: str = "volume", options: str = "size=4m,nr_inodes=512") -> Path:
        place = scratch / name
        place.mkdir(exist_ok=True)
        command = ["mount", "-t", "tmpfs", "-o", options, "none", str(place)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            pytest.skip(f"no mounting here: {done.stderr.strip()}")
        mounted.append(place)
        return place

    yield mount
    for place in reversed(mounted):
        if os.path.ismount(place):
            subprocess.run(["umount", str(place)], check=True)


@pytest.fixture
def root(scratch: Path) -> Path:
    """An artifact root that is an ordinary directory."""
    path = scratch / "artifacts"
    path.mkdir()
    return path


@pytest.fixture
def cargo(clean_environ: dict[str, str]) -> dict[str, str]:
    """An environment in which the real cargo works, offline."""
    program = shutil.which("cargo")
    if program is None:
        pytest.skip("no cargo here")
    home = pwd.getpwuid(os.getuid()).pw_dir  # rustup's proxies find their toolchains by HOME
    return {
        **clean_environ,
        "PATH": f"{os.path.dirname(program)}:{clean_environ['PATH']}",
        "RUSTUP_HOME": os.environ.get("RUSTUP_HOME", f"{home}/.rustup"),
        "CARGO_HOME": f"{clean_environ['HOME']}/.cargo",
        "CARGO_NET_OFFLINE": "true",
    }


@pytest.fixture
def crate(scratch: Path) -> Path:
    """A small crate without dependencies."""
    path = scratch / "crate"
    (path / "src").mkdir(parents=True)
    (path / "Cargo.toml").write_text(
        '[package]\nname = "small"\nversion = "0.1.0"\nedition = "2021"\n'
    )
    (path / "src" / "main.rs").write_text('fn main() { println!("built"); }\n')
    return path
