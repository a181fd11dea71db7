"""What other systems of this kind got wrong, as promises about workspaces.

The reference document numbers 43 failures of multica's execution environment. Those
about workspaces, and where each is held to:

 1 ids that begin alike shared a directory           here
 2 two claimers both won                             test_crowds
 3 a redelivered task wiped itself while running     here, test_claim
 4 a lock taken by a short-lived helper vanished     test_claim (close keeps duplicates)
 5 a lock outlived its run                           test_claim
 6 a torn owner file wedged the workspace            test_claim
 7 a lock was written through a link                 test_claim, test_refusals
 9 gc deleted what a task had just begun to use      here, test_collect
10 a follow-up raced the first task's metadata       test_crashes (journal before first step)
11 a step that blocked for ever                      here (git is bounded)
12 half a preparation stayed in the user's repository  test_crashes, test_workdir
13 the user's AGENTS.md was rewritten                here
14 healing twice made a second copy                  here, test_home
15 stale credentials                                 test_home
16 stale configuration, also after deletion          test_config, test_own_config
17 a managed key landed in the wrong table           test_config
19 a relative instructions file was missing          test_own_config
20 the shared history stalled the first launch       test_home, benchmarks/workspace.py
21 gc removed what had just been opened again        test_collect
22 two roots pruned each other's files               here
37 a mirror froze the cache                          test_repositories
38 a partial clone lost its files                    test_repositories
39 the sandbox made the git directory read-only      test_own_config (git-write)
40 a failure removed a worktree with work in it      test_collect
42 maintenance blocked checkouts                     here (none is started)

The others are about processes and streams; the supervisor's tests hold to those.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from support.commands import program
from support.users.unprivileged import Unprivileged

from codexlab.workspace.claim.claim import Claim, claim_workspace
from codexlab.workspace.claim.threads import stored_cargo_key
from codexlab.workspace.codex_home.heal import heal_codex_home
from codexlab.workspace.errors import GitFailed, WorkspaceBusy
from codexlab.workspace.gc.remove import remove_workspace
from codexlab.workspace.git.checkout import inspect_checkout
from codexlab.workspace.paths import WorkspaceKey, WorkspacePaths, locate_workspace
from codexlab.workspace.records.provenance import WorkdirKind
from codexlab.workspace.repository.project import default_project
from codexlab.workspace.workdir.plan import WorkdirPlan, choose_workdir
from codexlab.workspace.workdir.prepare import prepare_workdir

Git = Callable[..., str]


def test_ids_that_begin_alike_have_directories_of_their_own(root: Path) -> None:
    ids = [f"0190a1b2-c3d4-7000-8000-{number:012x}" for number in range(100)]
    places = {locate_workspace(root, WorkspaceKey("p", each, "codex")).root for each in ids}
    assert len(places) == 100


def test_the_same_task_delivered_again_finds_it_busy_and_changes_nothing(
    claim: Claim, repo: Path, snapshot: Callable[[Path], object]
) -> None:
    prepare_workdir(claim, choose_workdir(inspect_checkout(repo), claim.paths))
    before = snapshot(claim.paths.root)
    with pytest.raises(WorkspaceBusy):
        claim_workspace(claim.paths, claim.key)
    assert snapshot(claim.paths.root) == before


def test_a_removal_and_a_launch_exclude_each_other(claim: Claim, repo: Path) -> None:
    with pytest.raises(WorkspaceBusy):
        remove_workspace(claim.paths, claim.key, force=True)


def test_a_git_that_never_answers_is_ended(
    claim: Claim, repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hangs = tmp_path / "bin/git"
    hangs.parent.mkdir()
    real = shutil.which("git")
    hangs.write_text(
        f'#!/bin/sh\ncase "$*" in *worktree*) exec sleep 600 ;; esac\nexec {real} "$@"\n'
    )
    hangs.chmod(0o755)
    monkeypatch.setenv("PATH", f"{hangs.parent}:{os.environ['PATH']}")
    monkeypatch.setattr("codexlab.workspace.workdir.make._CHECKOUT_TIMEOUT", 0.2)
    start = inspect_checkout(repo)
    branch = "codexlab/123/codex"
    plan = WorkdirPlan(
        WorkdirKind.WORKTREE, claim.paths.workdir, start.common_dir, start.head, branch
    )
    with pytest.raises(GitFailed, match="no answer within"):
        prepare_workdir(claim, plan)
    assert not claim.paths.workdir.exists()


@pytest.mark.parametrize("name", ["AGENTS.md", "CLAUDE.md", ".gitignore", ".codex/config.toml"])
def test_files_of_the_users_repository_are_never_written(
    name: str, claim: Claim, repo: Path, shared: Path, git: Git
) -> None:
    (repo / name).parent.mkdir(exist_ok=True)
    (repo / name).write_text("mine")
    git(repo, "add", ".")
    git(repo, "commit", "-q", "-m", "mine")
    workdir = prepare_workdir(claim, choose_workdir(inspect_checkout(repo), claim.paths))
    heal_codex_home(claim.paths, shared, writable_roots=["/cache"], exclude_names=["KEY"])
    assert git(workdir.path, "status", "--porcelain") == ""
    assert git(repo, "status", "--porcelain") == ""


def test_healing_often_makes_nothing_twice(claim: Claim, shared: Path) -> None:
    (shared / "skills/one").mkdir(parents=True)
    (claim.paths.codex_home / "skills/.system").mkdir(parents=True)
    for _ in range(3):
        heal_codex_home(claim.paths, shared)
    found = sorted(path.name for path in (claim.paths.codex_home / "skills").iterdir())
    assert found == [".system", "one"]


def test_two_roots_never_touch_each_others_worktrees(repo: Path, tmp_path: Path, git: Git) -> None:
    claims: list[Claim] = []
    for name, issue in (("one", "1"), ("two", "2")):
        key = WorkspaceKey("shop", issue, "codex")
        claim = claim_workspace(locate_workspace(tmp_path / name, key), key)
        prepare_workdir(claim, choose_workdir(inspect_checkout(repo), claim.paths))
        claims.append(claim)
    claims[0].release()
    remove_workspace(claims[0].paths, claims[0].key)
    assert git(claims[1].paths.workdir, "status", "--porcelain") == ""
    claims[1].release()


def test_no_maintenance_is_started_beside_a_checkout(claim: Claim, repo: Path, git: Git) -> None:
    git(repo, "config", "gc.auto", "1")
    git(repo, "config", "gc.autoDetach", "false")
    loose = len(list((repo / ".git/objects").glob("??/*")))
    prepare_workdir(claim, choose_workdir(inspect_checkout(repo), claim.paths))
    assert len(list((repo / ".git/objects").glob("??/*"))) == loose


def test_a_launch_in_a_healthy_workspace_runs_no_program(
    paths: WorkspacePaths,
    key: WorkspaceKey,
    repo: Path,
    shared: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def launch() -> None:
        start = inspect_checkout(repo)
        default_project(start)
        claim = claim_workspace(paths, key)
        prepare_workdir(claim, choose_workdir(start, paths))
        heal_codex_home(paths, shared, writable_roots=["/cache"])
        stored_cargo_key(paths, lambda: "key")
        claim.release()

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError

    launch()
    monkeypatch.setattr(subprocess, "Popen", refuse)
    monkeypatch.setattr("tomllib.loads", refuse)
    launch()


UNPRIVILEGED = program("whole_life_of_a_workspace")


def test_all_of_it_works_without_roots_rights_and_with_a_read_only_home(
    as_nobody: Unprivileged,
) -> None:
    state = {"XDG_STATE_HOME": str(as_nobody.home / "state")}
    done = as_nobody.run([sys.executable, "-c", UNPRIVILEGED, str(as_nobody.home)], environ=state)
    (as_nobody.home / "codex").chmod(0o700)
    assert done.stderr == ""
    assert done.stdout.split() == ["busy", "removed"]
