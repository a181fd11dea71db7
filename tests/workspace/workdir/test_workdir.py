"""A launch chooses and prepares its workdir by where it was started."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from support.workspace.workdirs import prepare

from codexlab.workspace.claim.claim import Claim, claim_workspace
from codexlab.workspace.errors import BranchTaken, GitFailed, WorkdirRefused, WorkspaceBusy
from codexlab.workspace.git.checkout import inspect_checkout
from codexlab.workspace.git.state import git_state
from codexlab.workspace.paths import WorkspaceKey, WorkspacePaths, locate_workspace
from codexlab.workspace.workdir.plan import choose_workdir

Git = Callable[..., str]
Snapshot = Callable[[Path], object]


def test_a_main_checkout_gives_a_worktree_on_a_branch_of_its_own(
    claim: Claim, repo: Path, git: Git
) -> None:
    workdir = prepare(claim, repo)
    assert (workdir.kind, workdir.branch, workdir.created) == (
        "worktree",
        "codexlab/123/codex",
        True,
    )
    assert workdir.head == git(repo, "rev-parse", "HEAD")
    assert (workdir.path / "file0.txt").read_text() == "0\n"
    assert git(workdir.path, "status", "--porcelain") == ""


def test_the_next_task_takes_it_up_as_it_is(
    claim: Claim, repo: Path, git: Git, snapshot: Snapshot
) -> None:
    workdir = prepare(claim, repo).path
    (workdir / "file0.txt").write_text("edited\n")
    (workdir / "new.txt").write_text("new\n")
    git(workdir, "add", "new.txt")
    git(repo, "commit", "-q", "--allow-empty", "-m", "main moves on")
    before = snapshot(workdir), snapshot(repo / ".git")
    again = prepare(claim, repo)
    assert not again.created
    assert (snapshot(workdir), snapshot(repo / ".git")) == before


def test_from_elsewhere_the_workspace_continues_where_it_was(
    claim: Claim, repo: Path, tmp_path: Path
) -> None:
    workdir = prepare(claim, repo).path
    assert prepare(claim, tmp_path).path == workdir
    assert prepare(claim, workdir).kind == "worktree"


def test_a_linked_worktree_is_supervised_in_place(
    claim: Claim, repo: Path, tmp_path: Path, git: Git
) -> None:
    side = tmp_path / "side"
    git(repo, "worktree", "add", "-q", "-b", "side", str(side))
    workdir = prepare(claim, side)
    assert (workdir.kind, workdir.path, workdir.branch) == ("linked", side, "side")
    assert not claim.paths.workdir.exists()


def test_two_issues_never_enter_one_linked_worktree(
    claim: Claim, root: Path, repo: Path, tmp_path: Path, git: Git
) -> None:
    side = tmp_path / "side"
    git(repo, "worktree", "add", "-q", str(side))
    prepare(claim, side)
    key = WorkspaceKey("shop", "124", "codex")
    other = claim_workspace(locate_workspace(root, key), key)
    with pytest.raises(WorkspaceBusy):
        prepare(other, side)
    other.release()


def test_another_issue_is_kept_out_of_our_worktree(claim: Claim, root: Path, repo: Path) -> None:
    inside = prepare(claim, repo).path
    key = WorkspaceKey("shop", "124", "codex")
    other = claim_workspace(locate_workspace(root, key), key)
    with pytest.raises(WorkspaceBusy):
        prepare(other, repo, workdir=inside)
    other.release()


def test_another_issue_started_inside_our_worktree_gets_one_of_its_own(
    claim: Claim, root: Path, repo: Path, git: Git
) -> None:
    inside = prepare(claim, repo).path
    git(inside, "commit", "-q", "--allow-empty", "-m", "one")
    key = WorkspaceKey("shop", "124", "codex")
    other = claim_workspace(locate_workspace(root, key), key)
    theirs = prepare(other, inside)
    assert (theirs.kind, theirs.branch) == ("worktree", "codexlab/124/codex")
    assert theirs.head == git(inside, "rev-parse", "HEAD")
    other.release()


def test_outside_git_there_is_a_plain_repository(claim: Claim, tmp_path: Path) -> None:
    workdir = prepare(claim, tmp_path)
    assert (workdir.kind, workdir.head, workdir.created) == ("plain", None, True)
    assert inspect_checkout(workdir.path).top == workdir.path
    assert not prepare(claim, tmp_path).created


def test_no_repo_gives_a_plain_directory_inside_a_repository(claim: Claim, repo: Path) -> None:
    assert prepare(claim, repo, no_repo=True).kind == "plain"


def test_a_given_directory_is_used_and_nothing_is_written_into_it(
    claim: Claim, tmp_path: Path, snapshot: Snapshot
) -> None:
    given = tmp_path / "given"
    given.mkdir()
    before = snapshot(given)
    workdir = prepare(claim, tmp_path, workdir=given)
    assert (workdir.kind, workdir.path) == ("given", given)
    assert snapshot(given) == before


def test_base_chooses_the_commit(claim: Claim, make_repo: Callable[..., Path], git: Git) -> None:
    repo = make_repo(commits=3)
    workdir = prepare(claim, repo, base="HEAD~2")
    assert workdir.head == git(repo, "rev-parse", "HEAD~2")


@pytest.mark.parametrize("base", ["nowhere", "--all", "HEAD:file0.txt"])
def test_a_base_that_is_no_commit_is_one_line(base: str, claim: Claim, repo: Path) -> None:
    with pytest.raises(WorkdirRefused, match="names no commit"):
        prepare(claim, repo, base=base)
    assert not claim.paths.workdir.exists()


def test_a_repository_without_commits_is_explained(
    claim: Claim, make_repo: Callable[..., Path]
) -> None:
    with pytest.raises(WorkdirRefused, match=r"no commit yet.*--no-repo"):
        prepare(claim, make_repo("empty", commits=0))


def test_flags_that_exclude_each_other_are_refused(claim: Claim, repo: Path) -> None:
    with pytest.raises(WorkdirRefused, match="--no-repo and --base: exclude each other"):
        prepare(claim, repo, no_repo=True, base="HEAD")


@pytest.mark.parametrize("branch", ["codexlab/123/codex", "codexlab/123", "codexlab"])
def test_a_branch_in_the_way_is_explained_and_stays(
    branch: str, claim: Claim, repo: Path, git: Git
) -> None:
    git(repo, "branch", branch)
    refs = git(repo, "for-each-ref")
    with pytest.raises(BranchTaken, match="was not made by this workspace"):
        prepare(claim, repo)
    assert git(repo, "for-each-ref") == refs
    assert not claim.paths.workdir.exists()
    assert len(git(repo, "worktree", "list").splitlines()) == 1


def test_a_deeper_branch_in_the_way_is_explained_and_stays(
    claim: Claim, repo: Path, git: Git
) -> None:
    git(repo, "branch", "codexlab/123/codex/deeper")
    with pytest.raises((BranchTaken, GitFailed)):
        prepare(claim, repo)
    assert not claim.paths.workdir.exists()
    assert len(git(repo, "worktree", "list").splitlines()) == 1


def test_a_workdir_somebody_put_there_is_left_alone(claim: Claim, repo: Path) -> None:
    claim.paths.workdir.mkdir()
    (claim.paths.workdir / "precious").write_text("x")
    with pytest.raises(WorkdirRefused, match="did not make it"):
        prepare(claim, repo)
    assert (claim.paths.workdir / "precious").read_text() == "x"


def test_a_lost_workdir_comes_back_with_its_commits(claim: Claim, repo: Path, git: Git) -> None:
    from shutil import rmtree

    workdir = prepare(claim, repo).path
    (workdir / "work.txt").write_text("work")
    git(workdir, "add", ".")
    git(workdir, "commit", "-q", "-m", "work")
    rmtree(workdir)
    again = prepare(claim, repo)
    assert again.created
    assert (again.path / "work.txt").read_text() == "work"
    assert len(git(repo, "worktree", "list").splitlines()) == 2


def test_another_repository_is_refused(claim: Claim, make_repo: Callable[..., Path]) -> None:
    prepare(claim, make_repo("one"))
    with pytest.raises(WorkdirRefused, match="is a worktree of"):
        prepare(claim, make_repo("two"))


def test_uncommitted_changes_stay_behind_with_a_note(paths: WorkspacePaths, repo: Path) -> None:
    assert choose_workdir(inspect_checkout(repo), paths).notes == ()
    (repo / "file0.txt").write_text("dirty")
    (note,) = choose_workdir(inspect_checkout(repo), paths).notes
    assert "stay behind" in note
    assert not paths.base.exists()


def test_hooks_of_the_repository_do_not_run(claim: Claim, repo: Path) -> None:
    hook = repo / ".git/hooks/post-checkout"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    assert prepare(claim, repo).created


def test_variables_of_the_caller_do_not_redirect_git(
    claim: Claim, make_repo: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, git: Git
) -> None:
    repo, other = make_repo("one"), make_repo("other", commits=2)
    head = git(repo, "rev-parse", "HEAD")
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(other / ".git/index"))
    assert prepare(claim, repo).head == head
    monkeypatch.undo()
    assert len(git(other, "worktree", "list").splitlines()) == 1


def test_the_state_tells_head_dirt_and_distance(claim: Claim, repo: Path, git: Git) -> None:
    workdir = prepare(claim, repo)
    state = git_state(workdir.path, workdir.base)
    assert state is not None
    assert (state.head, state.dirty, state.ahead) == (workdir.head, False, 0)
    (workdir.path / "new.txt").write_text("x")
    dirty = git_state(workdir.path, workdir.base)
    assert dirty is not None
    assert dirty.dirty
    git(workdir.path, "add", ".")
    git(workdir.path, "commit", "-q", "-m", "x")
    done = git_state(workdir.path, workdir.base)
    assert done is not None
    assert (done.dirty, done.ahead, done.branch) == (False, 1, "codexlab/123/codex")


def test_the_state_of_what_an_agent_broke_is_one_line(claim: Claim, repo: Path) -> None:
    workdir = prepare(claim, repo).path
    (workdir / ".git").write_text("nonsense")
    with pytest.raises(GitFailed, match="the file is damaged"):
        git_state(workdir)


def test_asking_for_the_state_runs_no_program_of_the_repository(
    claim: Claim, tmp_path: Path, git: Git
) -> None:
    workdir = prepare(claim, tmp_path).path
    witness = tmp_path / "witness"
    (workdir / ".gitattributes").write_text("* filter=evil\n")
    (workdir / "a.txt").write_text("a")
    git(workdir, "add", ".")
    git(workdir, "commit", "-q", "-m", "a")
    (workdir / "a.txt").write_text("b")
    for name in ("filter.evil.clean", "filter.evil.process", "core.fsmonitor"):
        git(workdir, "config", name, f"touch {witness}; cat")
    state = git_state(workdir)
    assert state is not None
    assert state.dirty
    assert not witness.exists()
