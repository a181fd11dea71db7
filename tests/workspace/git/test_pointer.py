"""The ``.git`` of a workdir is never believed: its agent may have written it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from support.workspace.workdirs import prepare

from codexlab.workspace.claim.claim import Claim, claim_workspace
from codexlab.workspace.errors import GitFailed, WorkdirRefused
from codexlab.workspace.gc.remove import remove_workspace
from codexlab.workspace.git.state import git_state, recorded_git_dir

Git = Callable[..., str]


def lead_elsewhere(workdir: Path, git: Git) -> Path:
    """Do what an agent may: make a repository of its own and let the workdir lead there."""
    own = workdir.parent / "o"
    own.mkdir()
    git(own, "init", "-q")
    git(own, "commit", "-q", "--allow-empty", "-m", "mine")
    entry = own / ".git/worktrees/workdir"
    entry.mkdir(parents=True)
    (entry / "gitdir").write_text(f"{workdir}/.git\n")
    (entry / "HEAD").write_text(git(own, "rev-parse", "HEAD") + "\n")
    (entry / "commondir").write_text("../..\n")
    (workdir / ".git").unlink()
    (workdir / ".git").write_text(f"gitdir: {entry}\n")
    return own


def test_the_record_never_follows_a_pointer_and_the_line_says_how_to_go_on(
    claim: Claim, repo: Path, git: Git
) -> None:
    workdir = prepare(claim, repo)
    lead_elsewhere(workdir.path, git)
    for _ in range(2):
        with pytest.raises(WorkdirRefused, match=r"instead of .*worktree repair") as refused:
            prepare(claim, repo)
        assert "\n" not in str(refused.value)
        assert claim.read_provenance().repo == str(repo / ".git")
    git(repo, "worktree", "repair")
    assert prepare(claim, repo).common_dir == repo / ".git"


def test_no_look_follows_a_pointer(claim: Claim, repo: Path, git: Git) -> None:
    workdir = prepare(claim, repo)
    lead_elsewhere(workdir.path, git)
    with pytest.raises(GitFailed, match="not followed"):
        git_state(workdir.path, workdir.base, workdir.git_dir)
    with pytest.raises(GitFailed, match="not followed"):
        git_state(workdir.path, None, recorded_git_dir(claim.read_provenance()))


def test_a_removed_workdir_comes_back_from_the_true_repository(
    claim: Claim, repo: Path, tmp_path: Path, git: Git
) -> None:
    workdir = prepare(claim, repo)
    own = lead_elsewhere(workdir.path, git)
    with pytest.raises(WorkdirRefused):
        prepare(claim, tmp_path)
    for path in workdir.path.iterdir():
        path.unlink()
    workdir.path.rmdir()
    again = prepare(claim, tmp_path)
    assert again.common_dir == repo / ".git"
    assert own.exists()


def test_a_forced_removal_drops_the_true_repositorys_entry_and_branch(
    claim: Claim, repo: Path, git: Git
) -> None:
    workdir = prepare(claim, repo)
    lead_elsewhere(workdir.path, git)
    with pytest.raises(WorkdirRefused):
        prepare(claim, repo)
    claim.release()
    remove_workspace(claim.paths, claim.key, force=True)
    assert len(git(repo, "worktree", "list").splitlines()) == 1
    assert git(repo, "branch", "--list", "codexlab/*") == ""


def test_a_repository_that_was_moved_is_taken_up_where_it_is_now(
    claim: Claim, repo: Path, tmp_path: Path, git: Git
) -> None:
    prepare(claim, repo)
    moved = tmp_path / "moved"
    repo.rename(moved)
    git(moved, "worktree", "repair")
    assert prepare(claim, moved).common_dir == moved / ".git"
    assert claim.read_provenance().repo == str(moved / ".git")


def test_a_record_written_anew_is_led_back_by_the_repository_one_stands_in(
    claim: Claim, repo: Path, git: Git
) -> None:
    workdir = prepare(claim, repo)
    lead_elsewhere(workdir.path, git)
    claim.paths.provenance.unlink()
    claim.release()
    again = claim_workspace(claim.paths, claim.key)
    with pytest.raises(WorkdirRefused, match="worktree repair"):
        prepare(again, repo)
    git(repo, "worktree", "repair")
    assert prepare(again, repo).common_dir == repo / ".git"
    assert again.read_provenance().repo == str(repo / ".git")
    again.release()
