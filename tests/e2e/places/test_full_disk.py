"""A full disk costs records and logs, never the agent, its output or the containment."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.lab import Lab

from codexlab.kernel.cgroup.leaf import own_cgroup


@pytest.fixture
def small(lab: Lab, scratch: Path) -> Iterator[Path]:
    """Put the workspaces on a filesystem of 2 MiB."""
    if os.getuid() != 0:
        pytest.skip("only root can mount")
    place = scratch / "small"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", place], check=True)
    lab.environ["CODEXLAB_WORKSPACES_ROOT"] = str(place / "ws")
    yield place
    subprocess.run(["umount", place], check=True)


def leaves() -> set[str]:
    group = own_cgroup()
    return {path.name for path in group.glob("codexlab-*")} if group else set()


def test_a_disk_that_fills_costs_the_log_and_a_full_one_the_launch(lab: Lab, small: Path) -> None:
    before = leaves()
    flood = "head -c 6000000 /dev/zero; setsid sleep 60 & exit 3"
    done = lab.run(["--issue", "1"], ["sh", "-c", flood])
    assert (done.returncode, len(done.stdout)) == (3, 6_000_000)
    assert "log given up" in done.stderr
    refused = lab.run(["--issue", "1"], ["true"])
    assert refused.returncode == 125
    assert "No space left on device" in refused.stderr
    assert len(refused.stderr.splitlines()) == 1
    assert leaves() == before
