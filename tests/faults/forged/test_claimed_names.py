"""A command names a workspace by its place, whatever the workspace says of itself."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any, cast

import pytest
from support.git.repositories import git
from support.lab import Lab
from support.users.callers import Caller, caller_named
from support.users.unprivileged import give
from support.workspace.forging import change

pytestmark = pytest.mark.one_python

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


@pytest.fixture(params=NAMES)
def forged(request: pytest.FixtureRequest, lab: Lab) -> tuple[Caller, Path]:
    """Return a caller, and where workspace ``2`` lies, which claims to be workspace ``1``."""
    name = request.param
    caller = caller_named(name, request, lab, lab.workspaces_root.parent)
    root = caller.home / "ws" if name == "nobody" else lab.workspaces_root
    for issue in ("1", "2"):
        flags = ["--no-repo", "--project", "p", "--issue", issue]
        assert caller.launch(flags, "true", cwd=caller.home).returncode == 0
    place = root / "p/2/generic"
    record = place / ".codexlab/workspace.json"
    change(record, project="theirs", issue="1", agent="codex")
    if name == "nobody" and os.getuid() == 0:
        give(record)
    return caller, place


def documents(caller: Caller, *words: str) -> list[dict[str, Any]]:
    """Return the workspaces that a command tells of as JSON."""
    told = caller.codexlab("workspace", *words, "--json", cwd=caller.home)
    assert told.returncode == 0, told.stderr
    found: Any = json.loads(told.stdout)
    return cast("list[dict[str, Any]]", found["workspaces"] if words[0] == "gc" else found)


@pytest.mark.parametrize("words", [("list",), ("gc",), ("list", "--project", "p")])
def test_a_forged_key_names_no_other_workspace(
    forged: tuple[Caller, Path], words: tuple[str, ...]
) -> None:
    caller, place = forged
    rows = documents(caller, *words, "--root", str(place.parents[2]))
    names = [(row["project"], row["issue"], row["agent"]) for row in rows]
    assert sorted(names) == [("p", "1", "generic"), ("p", "2", "generic")]
    assert {row["path"] for row in rows if row["issue"] == "2"} == {str(place)}


@pytest.mark.parametrize("words", [("list",), ("gc",)])
def test_the_table_shows_the_place_too(forged: tuple[Caller, Path], words: tuple[str, ...]) -> None:
    caller, place = forged
    told = caller.codexlab("workspace", *words, "--root", str(place.parents[2]), cwd=caller.home)
    names = [tuple(line.split()[:3]) for line in told.stdout.splitlines()[1:]]
    assert sorted(names) == [("p", "1", "generic"), ("p", "2", "generic")]


@pytest.mark.parametrize("issue", ["1", "2"])
def test_an_issue_is_looked_up_by_its_place(forged: tuple[Caller, Path], issue: str) -> None:
    caller, place = forged
    (row,) = documents(caller, "show", issue)
    assert row["path"] == str(place.parents[1] / issue / "generic")
    assert (row["project"], row["issue"], row["agent"]) == ("p", issue, "generic")


def test_a_forged_key_makes_no_issue_ambiguous(forged: tuple[Caller, Path]) -> None:
    caller, place = forged
    told = caller.codexlab("workspace", "path", "1", cwd=caller.home)
    assert told.stdout == f"{place.parents[1]}/1/generic/workdir\n", told.stderr
    removed = caller.codexlab("workspace", "remove", "1", cwd=caller.home)
    assert removed.returncode == 0, removed.stderr
    assert place.is_dir()
    assert not (place.parents[1] / "1").exists()


def test_what_claims_another_key_goes_by_force_alone(forged: tuple[Caller, Path]) -> None:
    caller, place = forged
    refused = caller.codexlab("workspace", "remove", "2", cwd=caller.home)
    assert (refused.returncode, "theirs/1/codex" in refused.stderr) == (125, True)
    removed = caller.codexlab("workspace", "remove", "2", "--force", cwd=caller.home)
    assert (removed.returncode, place.exists()) == (0, False), removed.stderr


def test_the_hook_before_a_removal_is_told_the_place(forged: tuple[Caller, Path]) -> None:
    caller, _ = forged
    seen = caller.home / "seen"
    words = 'echo "$CODEXLAB_RUN_PROJECT/$CODEXLAB_RUN_ISSUE"'
    flags = ["--force", "--hook-before-remove", f"{words} >{seen}"]
    removed = caller.codexlab("workspace", "remove", "2", *flags, cwd=caller.home)
    assert removed.returncode == 0, removed.stderr
    assert seen.read_text() == "p/2\n"


def test_a_name_that_is_no_directory_name_is_found_without_its_record(
    request: pytest.FixtureRequest, lab: Lab
) -> None:
    flags = ["--issue", "Fix the Login", "--no-repo", "--project", "p"]
    assert lab.run(flags, ["true"]).returncode == 0
    (record,) = lab.workspaces_root.glob("p/*/generic/.codexlab/workspace.json")
    caller = caller_named("root", request, lab, lab.cwd)
    assert documents(caller, "show", "Fix the Login")[0]["issue"] == "Fix the Login"
    record.write_text("{")
    (row,) = documents(caller, "show", "Fix the Login")
    assert (row["state"], row["path"]) == ("damaged", str(record.parents[1]))
    (same,) = documents(caller, "show", row["issue"])
    assert same["path"] == row["path"]


def test_a_forged_key_takes_no_branch_of_that_issue_along(
    request: pytest.FixtureRequest, lab: Lab
) -> None:
    for issue in ("1", "2"):
        assert lab.run(["--issue", issue, "--project", "p"], ["true"]).returncode == 0
    one, two = (lab.workspaces_root / f"p/{issue}/generic" for issue in ("1", "2"))
    branch = "codexlab/1/generic"
    git(one / "workdir", "switch", "-q", "--detach")
    change(two / ".codexlab/workspace.json", issue="1", branch=branch)
    caller = caller_named("root", request, lab, lab.cwd)
    removed = caller.codexlab("workspace", "remove", "2", "--force", cwd=lab.cwd)
    assert removed.returncode == 0, removed.stderr
    assert git(lab.cwd, "rev-parse", "--verify", branch)
