"""A containment that was demanded and cannot be had is refused; chosen freely, it is named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.lab import Lab
from support.users.unprivileged import Unprivileged, give

pytestmark = pytest.mark.one_python


def flags(place: Path, *more: str) -> list[str]:
    return ["--issue", "1", "--agent", "generic", "--workdir", str(place), *more]


def test_a_user_without_a_group_of_its_own_is_refused_a_cgroup_and_told_of_the_fallback(
    lab: Lab, as_nobody: Unprivileged, scratch: Path
) -> None:
    place = scratch / "theirs"
    place.mkdir()
    give(place)
    places = {
        "CODEXLAB_WORKSPACES_ROOT": str(as_nobody.home / "ws"),
        "XDG_STATE_HOME": str(as_nobody.home / "state"),
    }
    demanded = as_nobody.run(
        lab.argv(flags(place, "--containment", "cgroup"), ["true"]), environ=places
    )
    free = as_nobody.run(lab.argv(flags(place), ["true"]), environ=places)
    if demanded.returncode == 0:
        pytest.skip("this user may divide its cgroup")
    assert (demanded.returncode, demanded.stderr.count("\n")) == (125, 1), demanded.stderr
    assert "--containment cgroup" in demanded.stderr
    assert "delegate" in demanded.stderr
    assert free.returncode == 0, free.stderr
    (path,) = as_nobody.home.glob("ws/*/*/*/.codexlab/runs/*/record.json")
    record = json.loads(path.read_text())
    assert record["containment"]["mechanism"] == "subreaper"
    assert record["containment"]["why"]
    assert record["contained"]["proven"] is True
