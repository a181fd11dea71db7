"""``codexlab reap`` names a workspace by its place, whatever the workspace says of itself."""

from __future__ import annotations

import json
import os
import shutil

import pytest
from support.lab import Lab
from support.users.callers import caller_named
from support.users.unprivileged import give

NAMES = ("root", "nobody")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("damage", ["runs", "owner"])
def test_a_copy_that_claims_to_be_another_workspace_is_told_by_its_own_name(
    request: pytest.FixtureRequest, lab: Lab, name: str, damage: str
) -> None:
    caller = caller_named(name, request, lab, lab.workspaces_root.parent)
    done = caller.launch(["--no-repo", "--project", "p"], "true", cwd=caller.home)
    assert done.returncode == 0, done.stderr
    root = caller.home / "ws" if name == "nobody" else lab.workspaces_root
    (issue,) = root.glob("p/1")
    copy = issue.with_name("copied")
    shutil.copytree(issue, copy, symlinks=True)
    control = copy / "generic/.codexlab"
    if damage == "runs":
        shutil.rmtree(control / "runs")
        (control / "runs").write_text("x")
    else:
        owner = json.loads((control / "owner.json").read_text())
        (control / "owner.json").write_text(json.dumps({**owner, "contained": False, "pid": 1}))
    if name == "nobody" and os.getuid() == 0:
        for path in (copy, *copy.rglob("*")):
            if not path.is_symlink():
                give(path)
    told = caller.codexlab("reap", "--json", "--root", str(root), cwd=caller.home)
    rows = json.loads(told.stdout)["runs"]
    assert rows, told.stderr
    assert {(row["issue"], row["path"]) for row in rows} == {("copied", str(copy / "generic"))}
    if damage == "runs":
        assert str(copy / "generic") in told.stderr
