"""Collecting removes a workspace only when all its work exists elsewhere."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from codexlab.kernel.process.identity import boot_id
from codexlab.workspace.claim.claim import Claim, claim_workspace
from codexlab.workspace.codex_home.heal import heal_codex_home
from codexlab.workspace.errors import WorkspaceBusy
from codexlab.workspace.gc.killed_removals import empty_trash
from codexlab.workspace.gc.removable import RemovalRefused
from codexlab.workspace.gc.remove import remove_workspace
from codexlab.workspace.gc.survey import survey_workspaces
from codexlab.workspace.gc.url_caches import MONTH, plan_cache_collection, remove_cache
from codexlab.workspace.gc.verdict import GcPolicy, plan_collection
from codexlab.workspace.git.checkout import inspect_checkout
from codexlab.workspace.owner import OwnerRecord
from codexlab.workspace.paths import WorkspaceKey, WorkspacePaths, locate_workspace
from codexlab.workspace.users_codex_home import SessionMode
from codexlab.workspace.workdir.plan import choose_workdir
from codexlab.workspace.workdir.prepare import Workdir, prepare_workdir

KEY = WorkspaceKey("shop", "123", "codex")
Git = Callable[..., str]
OLD = GcPolicy(idle=0, empty=0)


def worked(paths: WorkspacePaths, start: Path, key: WorkspaceKey = KEY, **flags: object) -> Workdir:
    claim = claim_workspace(paths, key)
    plan = choose_workdir(inspect_checkout(start), paths, **flags)  # type: ignore[arg-type]
    workdir = prepare_workdir(claim, plan)
    claim.release()
    return workdir


def owner(paths: WorkspacePaths, **changes: object) -> None:
    claim = claim_workspace(paths, KEY)
    record = OwnerRecord(
        "r-1", 4711, 1, boot_id(), os.uname().nodename, os.geteuid(), None, "none", False, "now"
    )
    claim.write_owner(replace(record, **changes))  # type: ignore[arg-type]
    claim.release()


def test_a_clean_workspace_goes_with_its_worktree_and_branch(
    paths: WorkspacePaths, repo: Path, git: Git
) -> None:
    worked(paths, repo)
    done = remove_workspace(paths, KEY)
    assert done.branch == "codexlab/123/codex"
    assert list(paths.base.iterdir()) == [paths.base / ".trash"]
    assert list((paths.base / ".trash").iterdir()) == []
    assert len(git(repo, "worktree", "list").splitlines()) == 1
    assert git(repo, "branch", "--list", "codexlab/*") == ""
    assert worked(paths, repo).created


@pytest.mark.parametrize("what", ["untracked", "edited", "staged", "commit", "merge"])
def test_work_that_exists_nowhere_else_is_never_deleted(
    what: str, paths: WorkspacePaths, repo: Path, git: Git, snapshot: Callable[[Path], object]
) -> None:
    workdir = worked(paths, repo).path
    if what == "untracked":
        (workdir / "new.txt").write_text("x")
    elif what == "merge":
        (repo / ".git/worktrees/workdir/MERGE_HEAD").write_text("x")
    else:
        (workdir / "file0.txt").write_text("changed")
    if what in ("staged", "commit"):
        git(workdir, "add", ".")
    if what == "commit":
        git(workdir, "commit", "-q", "-m", "work")
    before = snapshot(workdir)
    with pytest.raises(RemovalRefused, match=r"uncommitted|1 commit that is on no|unfinished"):
        remove_workspace(paths, KEY)
    assert snapshot(workdir) == before
    (verdict,) = plan_collection(paths.base, OLD, time.time() + 1)
    assert verdict.action == "due"


def test_force_deletes_the_directory_and_keeps_the_branch_with_its_commits(
    paths: WorkspacePaths, repo: Path, git: Git
) -> None:
    workdir = worked(paths, repo).path
    (workdir / "new.txt").write_text("x")
    git(workdir, "add", ".")
    git(workdir, "commit", "-q", "-m", "work")
    done = remove_workspace(paths, KEY, force=True)
    assert done.branch is None
    assert git(repo, "show", "codexlab/123/codex:new.txt") == "x"
    assert (worked(paths, repo).path / "new.txt").read_text() == "x"


def test_pushed_commits_may_go(paths: WorkspacePaths, repo: Path, tmp_path: Path, git: Git) -> None:
    git(tmp_path, "init", "-q", "--bare", "origin.git")
    git(repo, "remote", "add", "origin", str(tmp_path / "origin.git"))
    workdir = worked(paths, repo).path
    git(workdir, "commit", "-q", "--allow-empty", "-m", "work")
    git(workdir, "push", "-q", "origin", "HEAD")
    assert remove_workspace(paths, KEY).branch == "codexlab/123/codex"


def test_a_given_directory_is_never_deleted(
    paths: WorkspacePaths, tmp_path: Path, snapshot: Callable[[Path], object]
) -> None:
    given = tmp_path / "given"
    given.mkdir()
    (given / "file").write_text("x")
    worked(paths, tmp_path, workdir=given)
    before = snapshot(given)
    remove_workspace(paths, KEY, force=True)
    assert snapshot(given) == before


def test_a_busy_workspace_stays(paths: WorkspacePaths, repo: Path, claim: Claim) -> None:
    with pytest.raises(WorkspaceBusy):
        remove_workspace(paths, KEY, force=True)
    (verdict,) = plan_collection(paths.base, OLD, time.time() + 1)
    assert verdict.action == "keep"
    assert paths.root.is_dir()


def test_a_run_that_was_not_proven_contained_keeps_its_workspace(
    paths: WorkspacePaths, repo: Path
) -> None:
    worked(paths, repo)
    owner(paths)
    with pytest.raises(RemovalRefused, match="not proven contained"):
        remove_workspace(paths, KEY, force=True)
    owner(paths, boot_id="an earlier one")
    remove_workspace(paths, KEY)


def test_use_after_the_decision_keeps_it(paths: WorkspacePaths, repo: Path) -> None:
    worked(paths, repo)
    (survey,) = survey_workspaces(paths.base)
    owner(paths, contained=True)
    with pytest.raises(RemovalRefused, match="has been used since"):
        remove_workspace(paths, KEY, unused_since=survey.used - 1)


def test_transcripts_of_its_own_move_to_the_shared_home_first(
    paths: WorkspacePaths, repo: Path, shared: Path
) -> None:
    worked(paths, repo)
    claim = claim_workspace(paths, KEY)
    heal_codex_home(paths, shared, sessions=SessionMode.ISSUE)
    claim.release()
    rollout = paths.codex_home / "sessions/2026/01/rollout-r.jsonl"
    rollout.parent.mkdir(parents=True)
    rollout.write_text("history")
    assert remove_workspace(paths, KEY).moved == 1
    assert (shared / "sessions/2026/01/rollout-r.jsonl").read_text() == "history"


def test_transcripts_that_conflict_keep_the_workspace(
    paths: WorkspacePaths, repo: Path, shared: Path
) -> None:
    worked(paths, repo)
    claim = claim_workspace(paths, KEY)
    heal_codex_home(paths, shared, sessions=SessionMode.ISSUE)
    claim.release()
    (paths.codex_home / "sessions/rollout-r.jsonl").write_text("ours")
    (shared / "sessions").mkdir()
    (shared / "sessions/rollout-r.jsonl").write_text("theirs")
    with pytest.raises(RemovalRefused, match="transcripts of its own"):
        remove_workspace(paths, KEY)
    assert (paths.codex_home / "sessions/rollout-r.jsonl").read_text() == "ours"


def test_links_inside_are_removed_not_followed(
    paths: WorkspacePaths, repo: Path, shared: Path, tmp_path: Path
) -> None:
    worked(paths, repo)
    claim = claim_workspace(paths, KEY)
    heal_codex_home(paths, shared)
    claim.release()
    (shared / "sessions/rollout-r.jsonl").write_text("history")
    remove_workspace(paths, KEY)
    assert (shared / "sessions/rollout-r.jsonl").read_text() == "history"
    assert (shared / "auth.json").exists()


@pytest.fixture
def killed_removal(paths: WorkspacePaths, repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A removal that ended when the workspace lay in the trash and its worktree was still known."""
    worked(paths, repo)

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("codexlab.workspace.gc.remove.unregister", die)
        with pytest.raises(KeyboardInterrupt):
            remove_workspace(paths, KEY)


@pytest.mark.usefixtures("killed_removal")
def test_what_a_killed_removal_left_is_finished(
    paths: WorkspacePaths, repo: Path, git: Git
) -> None:
    assert len(git(repo, "worktree", "list").splitlines()) == 2
    assert empty_trash(paths.base) == 1
    assert len(git(repo, "worktree", "list").splitlines()) == 1
    assert list((paths.base / ".trash").iterdir()) == []


@pytest.mark.usefixtures("killed_removal")
def test_a_new_workspace_of_the_same_name_is_not_hit_by_old_trash(
    paths: WorkspacePaths, repo: Path, git: Git
) -> None:
    workdir = worked(paths, repo).path
    empty_trash(paths.base)
    assert git(workdir, "status", "--porcelain") == ""
    assert len(git(repo, "worktree", "list").splitlines()) == 2


def test_a_read_only_tree_goes_too(paths: WorkspacePaths, tmp_path: Path) -> None:
    worked(paths, tmp_path, no_repo=True)
    cache = paths.codex_home / "cache/mod"
    cache.mkdir(parents=True)
    (cache / "file").write_text("x")
    cache.chmod(0o500)
    remove_workspace(paths, KEY)
    assert not paths.root.exists()


def test_ages_and_pressure_decide(root: Path, repo: Path) -> None:
    for issue in ("old", "recent", "empty"):
        key = WorkspaceKey("shop", issue, "codex")
        paths = locate_workspace(root, key)
        if issue == "empty":
            claim_workspace(paths, key).release()
        else:
            worked(paths, repo, key)
        if issue != "recent":
            os.utime(paths.lock, (1000, 1000))
    days = 24 * 3600.0
    verdicts = plan_collection(root, GcPolicy(), time.time())
    assert {v.survey.key.issue: v.action for v in verdicts} == {
        "old": "collect",
        "empty": "collect",
        "recent": "keep",
    }
    pressed = plan_collection(root, GcPolicy(min_free=1 << 60), time.time() + 2 * days)
    assert {v.survey.key.issue: v.action for v in pressed}["recent"] == "pressed"


def test_a_worktree_whose_repository_is_gone_is_not_judged_clean(
    paths: WorkspacePaths, repo: Path
) -> None:
    worked(paths, repo)
    shutil.rmtree(repo)
    with pytest.raises(RemovalRefused, match="cannot be judged"):
        remove_workspace(paths, KEY)
    remove_workspace(paths, KEY, force=True)


def test_a_cache_goes_once_nothing_uses_it(
    paths: WorkspacePaths, repo: Path, tmp_path: Path, git: Git
) -> None:
    url = f"file://{repo}"
    workdir = worked(paths, tmp_path, repo=url)
    later = time.time() + 40 * 24 * 3600
    state = tmp_path / "state"

    def verdict(now: float = later) -> str:
        (found,) = plan_cache_collection(now)
        return found.reason

    cache = workdir.common_dir
    assert cache is not None
    assert "fetched 0 d ago" in verdict(time.time())
    assert verdict() == "has worktrees"
    git(workdir.path, "commit", "-q", "--allow-empty", "-m", "work")
    remove_workspace(paths, KEY, force=True)
    assert "no remote has" in verdict()
    assert not remove_cache(cache, idle=MONTH, now=later, state_dir=state)
    git(cache, "branch", "-D", "codexlab/123/codex")
    assert remove_cache(cache, idle=MONTH, now=later, state_dir=state)
    assert plan_cache_collection(later) == []
    assert worked(paths, tmp_path, repo=url).created


def test_a_workdir_that_another_issues_run_is_in_stays(
    paths: WorkspacePaths, root: Path, repo: Path
) -> None:
    workdir = worked(paths, repo).path
    other_key = WorkspaceKey("shop", "200", "codex")
    other = claim_workspace(locate_workspace(root, other_key), other_key)
    plan = choose_workdir(inspect_checkout(workdir), other.paths, workdir=workdir)
    prepare_workdir(other, plan)
    with pytest.raises(WorkspaceBusy):
        remove_workspace(paths, KEY, force=True)
    assert workdir.is_dir()
    other.release()
    remove_workspace(paths, KEY)
    places = Path(os.environ["HOME"]) / ".local/state/codexlab/workdirs"
    assert list(places.iterdir()) == []


def test_a_copy_is_kept_and_even_by_force_takes_no_branch_another_worktree_is_on(
    paths: WorkspacePaths, repo: Path, git: Git
) -> None:
    workdir = worked(paths, repo).path
    copy = paths_of_copy(paths)
    with pytest.raises(RemovalRefused, match="moved or copied here"):
        remove_workspace(copy, KEY)
    remove_workspace(copy, KEY, force=True)
    assert not copy.root.exists()
    assert git(workdir, "status", "--porcelain", "--branch") == "## codexlab/123/codex"
    assert not worked(paths, repo).created


def paths_of_copy(paths: WorkspacePaths) -> WorkspacePaths:
    copy = locate_workspace(paths.base, WorkspaceKey("shop", "124", "codex"))
    shutil.copytree(paths.root, copy.root)
    return copy


def test_a_dead_run_whose_end_was_proven_since_keeps_nothing(
    paths: WorkspacePaths, repo: Path
) -> None:
    """Its directory has a record of its own, which only the next launch there renews."""
    claim = claim_workspace(paths, KEY)
    prepare_workdir(claim, choose_workdir(inspect_checkout(repo), paths))
    host = os.uname().nodename
    dead = OwnerRecord("r-1", 4711, 1, boot_id(), host, os.geteuid(), None, "none", False, "now")
    claim.write_owner(dead)
    claim.release()
    with pytest.raises(RemovalRefused, match="see 'codexlab reap'"):
        remove_workspace(paths, KEY)
    owner(paths, contained=True)
    remove_workspace(paths, KEY)
