"""A directory that a run uses, or used, below another issue's workspace outlives that workspace."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from support.git.repositories import git, make_repository
from support.lab import Lab
from support.users.unprivileged import NOBODY, Unprivileged
from support.workspace.forging import as_ordinary_user, codexlab, workspace_of

# What is tried here is git, the kernel or a disk: the same for each Python.
pytestmark = pytest.mark.one_python

GENERIC = ["--agent", "generic"]
AGENT = ["sh", "-c", "echo unique >mine; echo ready; read line; cat mine"]
REMOVE = ("workspace", "remove", "b")
COLLECT = ("workspace", "gc", "--idle", "0s", "--apply")
PLACES = ("workdir/target/x", "codex-home/log", "codex-home/tmp")


@pytest.fixture(params=["us", "nobody"])
def caller(request: pytest.FixtureRequest, lab: Lab, scratch: Path, as_nobody: Unprivileged) -> Lab:
    """Whoever starts the runs, in a repository of theirs that ignores ``target``."""
    repo = make_repository((as_nobody.home if request.param == "nobody" else scratch) / "src")
    (repo / ".gitignore").write_text("/target\n")
    git(repo, "add", ".gitignore")
    git(repo, "commit", "-m", "ignore")
    lab = replace(lab, cwd=repo)
    if request.param == "us":
        return lab
    if os.geteuid() != 0:
        pytest.skip("every run is an ordinary user's already")
    for path in (repo, *repo.rglob("*")):
        os.lchown(path, NOBODY, NOBODY)
    return as_ordinary_user(lab, scratch, as_nobody)


def make_b(caller: Lab, place: str) -> Path:
    """Have the agent of issue b make a directory; return it."""
    made = caller.run(["--issue", "b", *GENERIC], ["mkdir", "-p", f"../{place}"])
    assert made.returncode == 0, made.stderr
    return workspace_of(caller, "b") / place


@contextmanager
def working_in(caller: Lab, given: Path, *flags: str) -> Generator[Path]:
    """Have a run of issue a work in a directory; yield its only file."""
    words = ["--issue", "a", *GENERIC, "--workdir", str(given), *flags]
    with caller.started(words, AGENT, stdin=subprocess.PIPE) as run:
        assert run.process.stdout is not None
        assert run.process.stdout.readline() == b"ready\n"
        yield given / "mine"
        assert run.process.communicate(b"go on\n", 60)[0] == b"unique\n"


def work_in(caller: Lab, given: Path) -> Path:
    with working_in(caller, given) as mine:
        return mine


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("force", [(), ("--force",)], ids=["unforced", "forced"])
def test_no_removal_takes_a_given_directory_below_its_live_run(
    caller: Lab, place: str, force: tuple[str, ...]
) -> None:
    with working_in(caller, make_b(caller, place)) as mine:
        removed = codexlab(caller, *REMOVE, *force)
        collected = codexlab(caller, *COLLECT, *force)
        assert mine.read_text() == "unique\n"
    assert (removed.returncode, place in removed.stderr) == (75, True), removed.stderr
    assert place in collected.stdout


@pytest.mark.parametrize("place", PLACES)
def test_a_given_directory_outlives_its_run_and_only_force_takes_it(
    caller: Lab, place: str
) -> None:
    mine = work_in(caller, make_b(caller, place))
    removed = codexlab(caller, *REMOVE)
    collected = codexlab(caller, *COLLECT)
    assert mine.read_text() == "unique\n"
    assert (removed.returncode, f"{place} was given to" in removed.stderr) == (125, True)
    assert f"{place} was given to" in collected.stdout
    assert codexlab(caller, *REMOVE, "--force").returncode == 0
    assert not mine.exists()


def test_force_takes_no_directory_with_tracked_files_below_its_live_run(caller: Lab) -> None:
    with working_in(caller, make_b(caller, "workdir/sub")) as mine:
        removed = codexlab(caller, *REMOVE, "--force")
        assert mine.exists()
    assert removed.returncode == 75


def test_a_directory_that_was_moved_below_its_live_run_is_still_that_runs(caller: Lab) -> None:
    with working_in(caller, make_b(caller, "workdir/target/x")) as mine:
        moved = mine.parent.parent.with_name("moved")
        mine.parent.parent.rename(moved)
        removed = codexlab(caller, *REMOVE, "--force")
        assert (moved / "x/mine").exists()
    assert removed.returncode == 75


def test_a_link_on_the_way_to_a_given_directory_hides_it_from_no_removal(
    caller: Lab, scratch: Path
) -> None:
    given = make_b(caller, "workdir/target/x")
    (scratch / "way").symlink_to(given.parent)
    mine = work_in(caller, scratch / "way/x")
    assert codexlab(caller, *REMOVE).returncode == 125
    assert mine.exists()


def test_a_given_directory_outlives_the_workspace_whose_run_had_it(caller: Lab) -> None:
    mine = work_in(caller, make_b(caller, "workdir/target/x"))
    assert codexlab(caller, "workspace", "remove", "a").returncode == 0
    removed = codexlab(caller, *REMOVE)
    assert (removed.returncode, "target/x was given to" in removed.stderr) == (125, True)
    assert mine.exists()


def test_a_directory_that_is_gone_keeps_no_workspace(caller: Lab) -> None:
    shutil.rmtree(work_in(caller, make_b(caller, "workdir/target/x")).parent)
    (workspace_of(caller, "b") / "workdir/target/other").mkdir()
    assert codexlab(caller, *REMOVE).returncode == 0


def test_a_workspaces_root_in_another_workspace_keeps_that(caller: Lab) -> None:
    inner = make_b(caller, "workdir/target/ws")
    nested = replace(caller, environ={**caller.environ, "CODEXLAB_WORKSPACES_ROOT": str(inner)})
    flags = ["--issue", "c", *GENERIC, "--no-repo"]
    assert nested.run(flags, ["sh", "-c", "echo unique >mine"]).returncode == 0
    removed = codexlab(caller, *REMOVE)
    assert (removed.returncode, "is the workspace" in removed.stderr) == (125, True)
    with nested.started(flags, AGENT, stdin=subprocess.PIPE) as run:
        assert run.process.stdout is not None
        assert run.process.stdout.readline() == b"ready\n"
        assert codexlab(caller, *REMOVE, "--force").returncode == 75
        run.process.communicate(b"go on\n", 60)
    assert list(inner.glob("*/c/generic/workdir/mine"))


def test_a_worktree_below_a_workspace_that_a_run_works_in_keeps_it(caller: Lab) -> None:
    place = make_b(caller, "workdir/target")
    made = caller.run(
        ["--issue", "b", *GENERIC], ["git", "worktree", "add", "-q", str(place / "tree")]
    )
    assert made.returncode == 0, made.stderr
    with working_in(caller, place / "tree") as mine:
        assert codexlab(caller, *REMOVE, "--force").returncode == 75
        assert mine.exists()


def test_the_repository_of_another_runs_worktree_keeps_the_workspace_it_lies_in(
    caller: Lab,
) -> None:
    place = make_b(caller, "workdir/target")
    words = ["git", "clone", "-q", str(caller.cwd), str(place / "clone")]
    assert caller.run(["--issue", "b", *GENERIC], words).returncode == 0
    flags = ["--issue", "c", *GENERIC, "--repo", str(place / "clone")]
    with caller.started(flags, AGENT, stdin=subprocess.PIPE) as run:
        assert run.process.stdout is not None
        assert run.process.stdout.readline() == b"ready\n"
        removed = codexlab(caller, *REMOVE, "--force")
        assert (place / "clone/.git/HEAD").exists()
        run.process.communicate(b"go on\n", 60)
    assert removed.returncode == 75, removed.stderr
    assert codexlab(caller, *REMOVE).returncode == 125
