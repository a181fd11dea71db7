"""What a launch must know of a repository is read from files, without a process."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from codexlab.workspace.errors import WorkdirRefused
from codexlab.workspace.git.checkout import inspect_checkout
from codexlab.workspace.repository.project import default_project

Git = Callable[..., str]


def test_a_subdirectory_of_a_checkout_knows_its_top_head_and_branch(repo: Path, git: Git) -> None:
    (repo / "a/b").mkdir(parents=True)
    start = inspect_checkout(repo / "a/b")
    assert (start.kind, start.top, start.common_dir) == ("main", repo, repo / ".git")
    assert (start.head, start.branch) == (git(repo, "rev-parse", "HEAD"), "main")


def test_a_linked_worktree_names_the_common_git_directory(
    repo: Path, tmp_path: Path, git: Git
) -> None:
    git(repo, "worktree", "add", "-q", "-b", "side", str(tmp_path / "side"))
    start = inspect_checkout(tmp_path / "side")
    assert (start.kind, start.branch) == ("linked", "side")
    assert start.common_dir == repo / ".git"
    assert start.git_dir == repo / ".git/worktrees/side"


def test_packed_references_are_found(repo: Path, git: Git) -> None:
    head = git(repo, "rev-parse", "HEAD")
    git(repo, "pack-refs", "--all")
    assert inspect_checkout(repo).head == head


def test_a_detached_head_has_no_branch(repo: Path, git: Git) -> None:
    git(repo, "checkout", "-q", "--detach")
    start = inspect_checkout(repo)
    assert start.branch is None
    assert start.head == git(repo, "rev-parse", "HEAD")


def test_before_the_first_commit_there_is_no_head(make_repo: Callable[..., Path]) -> None:
    start = inspect_checkout(make_repo("empty", commits=0))
    assert (start.kind, start.head, start.branch) == ("main", None, "main")


def test_a_bare_repository_is_known(repo: Path, tmp_path: Path, git: Git) -> None:
    git(tmp_path, "clone", "-q", "--bare", str(repo), "bare.git")
    start = inspect_checkout(tmp_path / "bare.git")
    assert (start.kind, start.top) == ("bare", None)


def test_a_submodule_is_a_checkout_of_its_own(make_repo: Callable[..., Path], git: Git) -> None:
    outer, inner = make_repo("outer"), make_repo("inner")
    git(outer, "submodule", "--quiet", "add", str(inner), "inner")
    start = inspect_checkout(outer / "inner")
    assert (start.kind, start.top) == ("main", outer / "inner")


def test_outside_git_is_outside(tmp_path: Path) -> None:
    assert inspect_checkout(tmp_path).kind == "outside"


def test_an_empty_dot_git_directory_is_ignored_as_git_does(repo: Path) -> None:
    (repo / "sub/.git").mkdir(parents=True)
    assert inspect_checkout(repo / "sub").top == repo


def test_a_damaged_gitfile_is_one_line(tmp_path: Path) -> None:
    (tmp_path / ".git").write_text("nonsense")
    with pytest.raises(WorkdirRefused, match="expected 'gitdir: PATH'"):
        inspect_checkout(tmp_path)


def test_a_worktree_whose_repository_moved_says_how_to_repair_it(
    repo: Path, tmp_path: Path, git: Git
) -> None:
    git(repo, "worktree", "add", "-q", str(tmp_path / "side"))
    repo.rename(tmp_path / "elsewhere")
    with pytest.raises(WorkdirRefused, match="git worktree repair"):
        inspect_checkout(tmp_path / "side")


def test_a_missing_directory_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(WorkdirRefused, match="No such file"):
        inspect_checkout(tmp_path / "gone")


def test_no_process_is_started(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError

    monkeypatch.setattr(subprocess, "Popen", refuse)
    assert default_project(inspect_checkout(repo)).startswith("repo-")


def test_spellings_of_one_origin_give_one_project(make_repo: Callable[..., Path], git: Git) -> None:
    repo = make_repo("clone")
    git(repo, "remote", "add", "origin", "x")
    names: set[str] = set()
    for url in (
        "git@Example.com:team/My-Shop.git",
        "ssh://git@example.com:22/team/My-Shop",
        "https://user:secret@example.com/team/My-Shop.git/",
    ):
        git(repo, "remote", "set-url", "origin", url)
        names.add(default_project(inspect_checkout(repo)))
    assert len(names) == 1
    assert names.pop().startswith("my-shop-")


def test_without_origin_two_repositories_of_one_name_differ(
    make_repo: Callable[..., Path], tmp_path: Path
) -> None:
    (tmp_path / "x").mkdir()
    one, other = make_repo("app"), make_repo("x/app")
    projects = {default_project(inspect_checkout(place)) for place in (one, other)}
    assert len(projects) == 2
    assert all(project.startswith("app-") for project in projects)


def test_outside_git_the_project_is_default(tmp_path: Path) -> None:
    assert default_project(inspect_checkout(tmp_path)) == "default"
