"""Repositories of every shape: by URL, bare, shallow, sparse, partial, with submodules."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from support.git.http_remote import SECRET
from support.workspace.workdirs import prepare

from codexlab.workspace.claim.claim import Claim, claim_workspace
from codexlab.workspace.errors import GitFailed, WorkdirRefused
from codexlab.workspace.gc.remove import remove_workspace
from codexlab.workspace.git.checkout import inspect_checkout
from codexlab.workspace.git.state import git_state
from codexlab.workspace.paths import WorkspaceKey, locate_workspace
from codexlab.workspace.repository.project import default_project
from codexlab.workspace.workdir.plan import choose_workdir
from codexlab.workspace.workdir.prepare import prepare_workdir

Git = Callable[..., str]


def test_a_url_is_fetched_into_a_cache_and_worked_on_beside_its_branches(
    claim: Claim, origin: Path, tmp_path: Path, git: Git
) -> None:
    workdir = prepare(claim, tmp_path, repo=f"file://{origin}")
    assert workdir.kind == "worktree"
    assert workdir.branch == "codexlab/123/codex"
    assert workdir.head == git(origin, "rev-parse", "main")
    assert git(workdir.path, "branch", "--remotes") == "origin/HEAD -> origin/main\n  origin/main"
    git(workdir.path, "commit", "-q", "--allow-empty", "-m", "work")
    git(workdir.path, "push", "-q", "origin", "HEAD")
    assert "codexlab/123/codex" in git(origin, "branch")


def test_the_second_task_fetches_nothing_and_the_next_issue_starts_from_today(
    claim: Claim, origin: Path, repo: Path, root: Path, tmp_path: Path, git: Git
) -> None:
    url = f"file://{origin}"
    first = prepare(claim, tmp_path, repo=url)
    (repo / "later.txt").write_text("x")
    git(repo, "add", ".")
    git(repo, "commit", "-q", "-m", "later")
    git(repo, "push", "-q", str(origin), "main")
    assert prepare(claim, tmp_path, repo=url).head == first.head
    assert git(first.path, "rev-parse", "origin/main") == first.head
    key = WorkspaceKey("shop", "124", "codex")
    other = claim_workspace(locate_workspace(root, key), key)
    assert prepare(other, tmp_path, repo=url).head == git(repo, "rev-parse", "HEAD")
    other.release()


def test_base_names_a_branch_of_the_remote_or_a_commit(
    claim: Claim, origin: Path, tmp_path: Path, git: Git
) -> None:
    git(origin, "branch", "release", "main")
    assert prepare(claim, tmp_path, repo=f"file://{origin}", base="release").created


def test_a_base_the_remote_does_not_have_is_one_line(
    claim: Claim, origin: Path, tmp_path: Path
) -> None:
    with pytest.raises(WorkdirRefused, match="--base nope: names no commit in file://"):
        prepare(claim, tmp_path, repo=f"file://{origin}", base="nope")


def test_a_remote_out_of_reach_uses_the_cache_and_says_so(
    claim: Claim, origin: Path, root: Path, tmp_path: Path
) -> None:
    url = f"file://{origin}"
    prepare(claim, tmp_path, repo=url)
    origin.rename(tmp_path / "away.git")
    key = WorkspaceKey("shop", "124", "codex")
    other = claim_workspace(locate_workspace(root, key), key)
    assert prepare(other, tmp_path, repo=url).created
    assert any("using what is cached" in note for note in other.notes)
    other.release()


def test_a_remote_that_was_never_reached_is_one_line(claim: Claim, tmp_path: Path) -> None:
    with pytest.raises(GitFailed, match="git fetch"):
        prepare(claim, tmp_path, repo=f"file://{tmp_path}/nowhere")
    assert not claim.paths.workdir.exists()


def test_a_password_reaches_the_server_and_nothing_else(
    claim: Claim, served: str, tmp_path: Path, scratch: Path
) -> None:
    plan = choose_workdir(inspect_checkout(tmp_path), claim.paths, repo=served)
    assert SECRET not in repr(plan)
    assert prepare_workdir(claim, plan).created
    for top in (claim.paths.base, scratch, Path(os.environ["HOME"])):
        for path in top.rglob("*"):
            if path.is_file() and not path.is_symlink():
                assert SECRET.encode() not in path.read_bytes(), path


def test_a_wrong_password_is_one_line_without_it(claim: Claim, served: str, tmp_path: Path) -> None:
    wrong = served.replace(SECRET, "guessed-wrongly")
    with pytest.raises(GitFailed) as caught:
        prepare(claim, tmp_path, repo=wrong)
    assert "guessed-wrongly" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_url_and_its_clone_share_a_project(origin: Path, tmp_path: Path, git: Git) -> None:
    git(tmp_path, "clone", "-q", f"file://{origin}", "clone")
    start = inspect_checkout(tmp_path)
    assert default_project(start) == "default"
    expected = default_project(inspect_checkout(tmp_path / "clone"))
    assert default_project(start, f"file://{origin}") == expected
    assert default_project(start, str(tmp_path / "clone")) == expected


def test_a_path_chooses_another_repository(claim: Claim, repo: Path, tmp_path: Path) -> None:
    assert prepare(claim, tmp_path, repo=str(repo)).common_dir == repo / ".git"


def test_a_path_that_is_no_repository_is_one_line(claim: Claim, tmp_path: Path) -> None:
    with pytest.raises(WorkdirRefused, match="is not a git repository"):
        prepare(claim, tmp_path, repo=str(tmp_path))


@pytest.mark.parametrize(
    "how", [["--bare"], ["--depth=1"], ["--filter=blob:none"], ["--sparse"]], ids=str
)
def test_a_clone_of_any_shape_gives_a_clean_worktree(
    how: list[str], claim: Claim, make_repo: Callable[..., Path], tmp_path: Path, git: Git
) -> None:
    source = make_repo(commits=3)
    (source / "deep").mkdir()
    (source / "deep/file").write_text("x")
    git(source, "add", ".")
    git(source, "commit", "-q", "-m", "deep")
    git(source, "config", "uploadpack.allowFilter", "true")
    git(tmp_path, "clone", "-q", *how, f"file://{source}", "clone")
    workdir = prepare(claim, tmp_path / "clone")
    assert workdir.kind == "worktree"
    assert git(workdir.path, "status", "--porcelain") == ""
    assert (workdir.path / "file2.txt").read_text() == "2\n"


def test_submodules_stay_empty_with_a_note(
    claim: Claim, make_repo: Callable[..., Path], git: Git
) -> None:
    outer, inner = make_repo("outer"), make_repo("inner")
    git(outer, "submodule", "--quiet", "add", str(inner), "inner")
    git(outer, "commit", "-q", "-m", "inner")
    plan = choose_workdir(inspect_checkout(outer), claim.paths)
    assert plan.notes == ("submodules are not checked out in the new worktree",)
    workdir = prepare_workdir(claim, plan)
    assert list((workdir.path / "inner").iterdir()) == []
    state = git_state(workdir.path)
    assert state is not None
    assert not state.dirty


def test_worktrees_that_are_elsewhere_or_gone_are_left_alone(
    claim: Claim, repo: Path, tmp_path: Path, git: Git
) -> None:
    git(repo, "worktree", "add", "-q", str(tmp_path / "unplugged/side"))
    (tmp_path / "unplugged").rename(tmp_path / "away")
    prepare(claim, repo)
    (tmp_path / "away").rename(tmp_path / "unplugged")
    assert git(tmp_path / "unplugged/side", "status", "--porcelain") == ""


def test_a_repository_of_another_reference_format_works(
    claim: Claim, tmp_path: Path, git: Git
) -> None:
    done = subprocess.run(
        ["git", "init", "-q", "--ref-format=reftable", str(tmp_path / "new")],
        capture_output=True,
        check=False,
    )
    if done.returncode != 0:
        pytest.skip("this git knows no reftable")
    git(tmp_path / "new", "commit", "-q", "--allow-empty", "-m", "x")
    assert prepare(claim, tmp_path / "new").branch == "codexlab/123/codex"


def test_a_repository_that_moved_goes_on_once_repaired(
    claim: Claim, repo: Path, tmp_path: Path, git: Git
) -> None:
    workdir = prepare(claim, repo).path
    moved = repo.rename(tmp_path / "moved")
    with pytest.raises(WorkdirRefused, match="git worktree repair"):
        prepare(claim, moved)
    git(moved, "worktree", "repair", str(workdir))
    assert prepare(claim, moved).common_dir == moved / ".git"
    assert prepare(claim, tmp_path).common_dir == moved / ".git"


def test_a_workspaces_root_behind_a_link_works_like_any_other(
    repo: Path, tmp_path: Path, key: WorkspaceKey, git: Git
) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "linked").symlink_to(tmp_path / "disk")
    paths = locate_workspace(tmp_path / "linked", key)
    held = claim_workspace(paths, key)
    prepare(held, repo)
    assert not prepare(held, repo).created
    shutil.rmtree(paths.workdir)
    assert prepare(held, repo).created
    held.release()
    remove_workspace(paths, key)
    assert len(git(repo, "worktree", "list").splitlines()) == 1


def test_the_user_may_delete_the_whole_workspace_by_hand(
    claim: Claim, root: Path, repo: Path, git: Git
) -> None:
    git(prepare(claim, repo).path, "commit", "-q", "--allow-empty", "-m", "work")
    claim.release()
    shutil.rmtree(root)
    again = claim_workspace(claim.paths, claim.key)
    workdir = prepare(again, repo)
    assert git(workdir.path, "log", "-1", "--format=%s") == "work"
    assert len(git(repo, "worktree", "list").splitlines()) == 2
    again.release()


def test_a_bare_repository_with_configuration_by_worktree_gives_one_that_works(
    claim: Claim, repo: Path, git: Git
) -> None:
    git(repo, "config", "core.bare", "true")
    git(repo, "config", "extensions.worktreeConfig", "true")
    workdir = prepare(claim, repo).path
    assert git(workdir, "status", "--porcelain") == ""
    assert claim.notes == []


def test_where_bare_repositories_must_be_named_all_launches_work(
    claim: Claim, repo: Path, origin: Path, tmp_path: Path, git: Git
) -> None:
    git(repo, "config", "--global", "safe.bareRepository", "explicit")
    for start, flags in (
        (repo, {}),
        (tmp_path, {"repo": str(origin)}),
        (tmp_path, {"repo": f"file://{origin}"}),
    ):
        assert prepare(claim, start, **flags).created
        claim.release()
        remove_workspace(claim.paths, claim.key)
        claim = claim_workspace(claim.paths, claim.key)
    claim.release()
