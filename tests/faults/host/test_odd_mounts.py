"""cgroup v2 mounted where nobody expects it, as in some containers, or not at all."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from support.lab import Lab
from support.processes.leaks import own_cgroup
from support.records import without_names

ODD = 'mount -t cgroup2 none "$0" && '
HIDE = 'mount -t tmpfs none /sys/fs/cgroup && exec "$@"'


def launch(
    lab: Lab, place: Path, script: str, *namespaces: str
) -> subprocess.CompletedProcess[str]:
    group = own_cgroup()
    if os.geteuid() != 0 or group is None or not os.access(group, os.W_OK):
        pytest.skip("only root with a cgroup of its own can mount one elsewhere")
    place.mkdir()
    flags = ["--issue", "1", "--agent", "generic", "--no-repo"]
    agent = lab.argv(flags, ["sh", "-c", "setsid sleep 60 & exit 5"])
    apart = ["unshare", "--mount", "--propagation", "private", *namespaces]
    return lab.call([*apart, "sh", "-c", script, str(place), *agent])


@pytest.mark.parametrize("namespaces", [(), ("--cgroup",)], ids=["same", "own namespace"])
def test_a_group_is_made_wherever_the_hierarchy_is_mounted(
    lab: Lab, scratch: Path, namespaces: tuple[str, ...]
) -> None:
    place = scratch / "odd place"
    done = launch(lab, place, ODD + HIDE, *namespaces)
    assert done.returncode == 5, done.stderr
    (record,) = lab.records
    assert record["containment"]["mechanism"] == "cgroup", record["containment"]
    assert record["containment"]["leaf"].startswith(f"{place}/")
    assert without_names(record["contained"]) == {
        "mechanism": "cgroup",
        "proven": True,
        "swept": 1,
        "left": 0,
    }


def test_without_any_hierarchy_the_run_is_proven_by_its_guardian(lab: Lab, scratch: Path) -> None:
    done = launch(lab, scratch / "unused", HIDE)
    assert done.returncode == 5, done.stderr
    (record,) = lab.records
    assert "no cgroup v2 hierarchy is mounted here" in record["containment"]["why"]
    assert without_names(record["contained"]) == {
        "mechanism": "subreaper",
        "proven": True,
        "swept": 1,
        "left": 0,
    }
