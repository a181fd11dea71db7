"""A user who may not make cgroups gets a run that is proven all the same."""

from __future__ import annotations

import json
import os

import pytest
from support.lab import Lab, running
from support.records import without_names
from support.users.unprivileged import Unprivileged, give


@pytest.mark.skipif(os.geteuid() != 0, reason="every other test runs unprivileged already")
def test_without_cgroup_rights_what_was_left_behind_is_swept_and_proven(
    lab: Lab, as_nobody: Unprivileged
) -> None:
    root = as_nobody.home / "ws"
    environ = as_nobody.places() | {"CODEX_HOME": str(as_nobody.home / ".codex")}
    (as_nobody.home / ".codex").mkdir(mode=0o755)
    give(as_nobody.home / ".codex")
    leave = "setsid sleep 223.6 >/dev/null 2>&1 & exit 0"
    done = as_nobody.run(
        lab.argv(["--issue", "1", "--no-repo"], ["sh", "-c", leave]), environ=environ
    )
    assert (done.returncode, done.stderr) == (0, "")
    (path,) = root.glob("*/*/*/.codexlab/runs/*/record.json")
    contained = json.loads(path.read_text())["contained"]
    assert without_names(contained) == {
        "mechanism": "subreaper",
        "proven": True,
        "swept": 1,
        "left": 0,
    }
    assert running("sleep 223.6") == set()
