"""A user who may not make cgroups gets a run that is proven all the same."""

from __future__ import annotations

import json
import os

import pytest
from support.lab import Lab, running
from support.records import without_names
from support.users.unprivileged import Unprivileged


@pytest.mark.skipif(os.geteuid() != 0, reason="every other test runs unprivileged already")
def test_without_cgroup_rights_what_was_left_behind_is_swept_and_proven(
    lab: Lab, as_nobody: Unprivileged
) -> None:
    root = as_nobody.home / "ws"
    environ = {
        "CODEX_HOME": str(as_nobody.home / ".codex"),
        "CODEXLAB_WORKSPACES_ROOT": str(root),
        "XDG_CONFIG_HOME": str(as_nobody.home / "config"),
        "XDG_STATE_HOME": str(as_nobody.home / "state"),
        "XDG_CACHE_HOME": str(as_nobody.home / "cache"),
    }
    (as_nobody.home / ".codex").mkdir(mode=0o755)
    os.chown(as_nobody.home / ".codex", 65534, 65534)
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
