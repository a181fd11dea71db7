"""Somebody sees to a workspace before it goes: under the claim, again after a crash."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from codexlab.kernel.process.identity import boot_id
from codexlab.workspace.claim.claim import Claim, claim_workspace
from codexlab.workspace.errors import WorkspaceBusy
from codexlab.workspace.gc.removable import RemovalRefused
from codexlab.workspace.gc.remove import remove_workspace
from codexlab.workspace.gc.survey import survey_workspace
from codexlab.workspace.gc.verdict import GcPolicy, plan_collection
from codexlab.workspace.git.checkout import inspect_checkout
from codexlab.workspace.owner import OwnerRecord
from codexlab.workspace.paths import WorkspaceKey, WorkspacePaths
from codexlab.workspace.workdir.after_create import note_after_create, owes_after_create
from codexlab.workspace.workdir.plan import choose_workdir
from codexlab.workspace.workdir.prepare import prepare_workdir


def launch(paths: WorkspacePaths, key: WorkspaceKey, start: Path, *, hook: bool = False) -> bool:
    """Do what a launch does with a workspace; return whether ``after_create`` is due."""
    claim = claim_workspace(paths, key)
    try:
        plan = choose_workdir(inspect_checkout(start), paths)
        return prepare_workdir(claim, plan, after_create=hook).after_create_due
    finally:
        claim.release()


def killed_while_removing(paths: WorkspacePaths, key: WorkspaceKey) -> None:
    pid = os.fork()
    if pid == 0:
        remove_workspace(
            paths, key, attend=lambda _claim, _workdir: os.kill(os.getpid(), signal.SIGKILL)
        )
        os._exit(1)
    assert os.WTERMSIG(os.waitpid(pid, 0)[1]) == signal.SIGKILL


def verdict(paths: WorkspacePaths) -> tuple[str, str]:
    (found,) = plan_collection(paths.base, GcPolicy(), time.time())
    return found.action, found.reason


def test_it_is_called_with_the_workdir_while_nobody_else_can_have_the_workspace(
    paths: WorkspacePaths, key: WorkspaceKey, repo: Path
) -> None:
    launch(paths, key, repo)
    seen: list[Path] = []

    def attend(_: Claim, workdir: Path) -> None:
        assert workdir.is_dir()
        with pytest.raises(WorkspaceBusy):
            claim_workspace(paths, key)
        seen.append(workdir)

    remove_workspace(paths, key, attend=attend)
    assert seen == [paths.workdir]
    assert not paths.root.exists()


def test_where_it_fails_nothing_is_deleted_and_nothing_is_owed(
    paths: WorkspacePaths, key: WorkspaceKey, repo: Path
) -> None:
    launch(paths, key, repo)

    def attend(*_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        remove_workspace(paths, key, attend=attend)
    assert paths.workdir.is_dir()
    assert verdict(paths)[0] == "keep"


def test_a_refused_removal_is_not_attended(
    paths: WorkspacePaths, key: WorkspaceKey, repo: Path
) -> None:
    launch(paths, key, repo)
    (paths.workdir / "new").write_text("x")
    with pytest.raises(RemovalRefused):
        remove_workspace(paths, key, attend=lambda _claim, _workdir: pytest.fail("attended"))


def test_one_that_was_killed_is_due_at_once_and_attended_again(
    paths: WorkspacePaths, key: WorkspaceKey, repo: Path
) -> None:
    launch(paths, key, repo)
    killed_while_removing(paths, key)
    assert verdict(paths) == ("collect", "its removal was begun and cut short")
    survey = survey_workspace(paths)
    assert survey is not None
    assert survey.is_cut_removal
    seen: list[Path] = []
    remove_workspace(paths, key, attend=lambda _, workdir: seen.append(workdir))
    assert seen == [paths.workdir]
    assert not paths.root.exists()


def test_a_launch_takes_back_a_removal_that_was_killed(
    paths: WorkspacePaths, key: WorkspaceKey, repo: Path
) -> None:
    launch(paths, key, repo)
    killed_while_removing(paths, key)
    launch(paths, key, repo)
    assert verdict(paths)[0] == "keep"


def test_one_run_is_judged_by_the_workspaces_own_record_of_it(
    paths: WorkspacePaths, key: WorkspaceKey, repo: Path
) -> None:
    """Who ends a killed run (its guardian, reap) writes the proof there and nowhere else."""
    claim = claim_workspace(paths, key)
    record = OwnerRecord(
        "r-1", 4711, 1, boot_id(), os.uname().nodename, os.geteuid(), None, "none", False, "now"
    )
    claim.write_owner(record)
    prepare_workdir(claim, choose_workdir(inspect_checkout(repo), paths))
    claim.release()
    with pytest.raises(RemovalRefused, match="not proven contained"):
        remove_workspace(paths, key)
    again = claim_workspace(paths, key)
    again.write_owner(replace(record, contained=True))
    again.release()
    assert not remove_workspace(paths, key).root.exists()


def test_after_create_is_owed_to_each_new_directory_until_it_is_noted(
    paths: WorkspacePaths, key: WorkspaceKey, repo: Path, tmp_path: Path, git: Callable[..., str]
) -> None:
    assert owes_after_create(paths, choose_workdir(inspect_checkout(repo), paths))
    assert [launch(paths, key, repo, hook=True) for _ in range(2)] == [True, True]
    claim = claim_workspace(paths, key)
    note_after_create(claim)
    claim.release()
    assert not launch(paths, key, repo, hook=True)
    assert not owes_after_create(paths, choose_workdir(inspect_checkout(repo), paths))
    git(repo, "worktree", "add", "-q", str(tmp_path / "other"))
    assert launch(paths, key, tmp_path / "other", hook=True)


def test_a_directory_from_before_there_was_a_hook_owes_nothing(
    paths: WorkspacePaths, key: WorkspaceKey, repo: Path
) -> None:
    assert [launch(paths, key, repo, hook=hook) for hook in (False, True)] == [False, False]
    # Its successor may get the very same inode number.
    (paths.workdir).rename(paths.root / "away")
    assert launch(paths, key, repo, hook=True)
