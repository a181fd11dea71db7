"""Work that exists only inside of a submodule is work: it is named, and keeps its workspace."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.git.repositories import git, make_repository
from support.lab import Lab
from support.workspace.unique_work import workspace

# What is tried here is git, the kernel or a disk: the same for each Python.
pytestmark = pytest.mark.one_python

FLAGS = ["--issue", "1", "--agent", "generic", "--pass", "CLONED"]
ME = "git config user.name me; git config user.email me@localhost; "
FETCH = "git -c protocol.file.allow=always submodule -q update --init; "
CHANGED, NEW = "uncommitted changes in submodule s", "a new commit in submodule s"
# Its repository lies with the worktree's entry and would go with it, whatever is in it.
CHECKED_OUT = "checked-out submodules"
WORK = {
    "an untracked file": ("echo x >s/new", CHANGED),
    "a changed file": ("echo x >s/README.md", CHANGED),
    "a staged file": ("echo x >s/new; git -C s add new", CHANGED),
    "a commit on a branch": (f"cd s; {ME}git switch -qc b; git commit -q --allow-empty -m x", NEW),
    "a commit, detached": (f"cd s; {ME}git commit -q --allow-empty -m x", NEW),
    "a commit, gone back to the one that is recorded": (
        f"cd s; {ME}git switch -qc b; git commit -q --allow-empty -m x; git checkout -q HEAD^",
        CHECKED_OUT,
    ),
    "a stash": (f"cd s; {ME}echo x >README.md; git stash -q", CHECKED_OUT),
    "files where it was never checked out": ("echo x >s/new", "files in submodule s"),
    "a repository where it was never checked out": (
        f"cd s; git init -q; {ME}echo x >new; git add new; git commit -qm x",
        NEW,
    ),
    "a changed file that git is told not to look at": (
        "cd s; git update-index --skip-worktree README.md; echo x >README.md",
        CHECKED_OUT,
    ),
    "a file that its own exclude rules hide": (
        "cd s; echo new >>$(git rev-parse --git-path info/exclude); echo x >new",
        CHECKED_OUT,
    ),
    "its own settings hide it": (
        "cd s; git config status.showUntrackedFiles no; echo x >new",
        CHANGED,
    ),
    "a setting of the outer one hides it": (
        "git config submodule.s.ignore all; echo x >s/new",
        CHANGED,
    ),
    "the outer one's .gitmodules hides it": (
        "git config -f .gitmodules submodule.s.ignore all; git commit -qam i; echo x >s/new",
        CHANGED,
    ),
}
NEVER = [name for name in WORK if "never" in name]
DIRTY = [name for name, (_, line) in WORK.items() if line != CHECKED_OUT]


def work(lab: Lab, name: str) -> None:
    fetch = "" if name in NEVER else FETCH
    done = lab.run(FLAGS, ["sh", "-ec", fetch + WORK[name][0]])
    assert done.returncode == 0, done.stderr


@pytest.fixture
def with_submodule(lab: Lab, scratch: Path) -> None:
    """Give the repository a submodule, and both a remote that has everything."""
    cloned = make_repository(scratch / "cloned")
    add = ["-c", "protocol.file.allow=always", "submodule", "-q", "add", str(cloned), "s"]
    git(lab.cwd, *add)
    git(lab.cwd, "commit", "-qm", "submodule")
    git(scratch, "clone", "-q", "--bare", str(lab.cwd), str(scratch / "remote.git"))
    git(lab.cwd, "remote", "add", "origin", str(scratch / "remote.git"))
    git(lab.cwd, "config", "push.default", "current")
    git(lab.cwd, "fetch", "-q")
    lab.environ["CLONED"] = str(cloned)


@pytest.mark.usefixtures("with_submodule")
@pytest.mark.parametrize("name", WORK)
def test_work_in_a_submodule_counts_and_is_named(lab: Lab, name: str) -> None:
    work(lab, name)
    line = WORK[name][1]
    before = sorted(lab.workspace.rglob("*"))
    (shown,) = json.loads(workspace(lab, "show", "1", "--json").stdout)
    assert line in shown["only_here"]
    refused = workspace(lab, "remove", "1")
    assert refused.returncode == 125, refused.stdout
    assert line in refused.stderr
    collected = workspace(lab, "gc", "--apply", "--idle", "0s", "--json")
    (kept,) = json.loads(collected.stdout)["workspaces"]
    assert (kept["action"], line in kept["findings"]) == ("keep", True)
    assert sorted(lab.workspace.rglob("*")) == before


@pytest.mark.usefixtures("with_submodule")
@pytest.mark.parametrize("name", DIRTY)
def test_a_workdir_whose_submodule_is_not_as_recorded_is_dirty(lab: Lab, name: str) -> None:
    work(lab, name)
    assert lab.records[0]["git"]["after"]["dirty"] is True
    (shown,) = json.loads(workspace(lab, "show", "1", "--json").stdout)
    assert shown["git"]["dirty"] is True


@pytest.mark.usefixtures("with_submodule")
@pytest.mark.parametrize(("script", "lines"), [("true", []), (FETCH, [CHECKED_OUT])])
def test_a_submodule_as_recorded_is_not_dirty_and_goes_where_it_was_not_checked_out(
    lab: Lab, script: str, lines: list[str]
) -> None:
    assert lab.run(FLAGS, ["sh", "-ec", script]).returncode == 0
    assert lab.records[0]["git"]["after"]["dirty"] is False
    (shown,) = json.loads(workspace(lab, "show", "1", "--json").stdout)
    assert (shown["git"]["dirty"], shown["only_here"]) == (False, lines)
    assert workspace(lab, "remove", "1").returncode == (125 if lines else 0)
