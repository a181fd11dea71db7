"""Which repository a directory belongs to."""

from __future__ import annotations

import hashlib
import os
import subprocess
import time
from pathlib import Path

import pytest
from support.git.repositories import make_repository

from codexlab.env.artifacts.repository import Repository, find_repository, worktree_key
from codexlab.env.cargo import safe_cargo_key


def git(directory: Path, *arguments: str) -> None:
    subprocess.run(["git", "-C", str(directory), *arguments], check=True, capture_output=True)


def found(directory: Path) -> Repository:
    repository = find_repository(directory)
    assert repository is not None
    return repository


def test_a_repository_is_found_from_below_and_named_by_its_origin(source_repo: Path) -> None:
    git(source_repo, "remote", "add", "origin", "https://u:hunter2@example.org/team/app.git")
    (source_repo / "sub").mkdir()
    repository = found(source_repo / "sub")
    assert (repository.top, repository.main, repository.name) == (source_repo, source_repo, "app")
    assert repository.git_dir == source_repo / ".git"
    assert "hunter2" not in repr(repository)


def test_a_linked_worktree_knows_its_main_checkout(source_repo: Path, scratch: Path) -> None:
    git(source_repo, "worktree", "add", "-q", "-b", "topic/a", str(scratch / "linked"))
    linked = found(scratch / "linked")
    assert linked.main == source_repo
    assert linked.top == scratch / "linked"
    assert linked.branch == "topic/a"
    assert linked.name == found(source_repo).name
    assert worktree_key(linked) != worktree_key(found(source_repo))


def test_codex_labs_default_key_is_computed_as_it_computes_it(source_repo: Path) -> None:
    git(source_repo, "checkout", "-q", "-b", "feature/one two".replace(" ", "--"))
    digest = hashlib.sha256(str(source_repo).encode()).hexdigest()[:12]
    key = worktree_key(found(source_repo))
    assert key == f"feature-one-two-{digest}"
    assert safe_cargo_key(key) == key


def test_without_a_branch_the_directory_names_the_key(source_repo: Path) -> None:
    git(source_repo, "checkout", "-q", "--detach")
    repository = found(source_repo)
    assert repository.branch is None
    assert worktree_key(repository).startswith("sample-")


def test_git_variables_of_the_caller_do_not_point_elsewhere(
    source_repo: Path, scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = make_repository(scratch / "other")
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    assert found(source_repo).top == source_repo


def test_outside_a_repository_or_in_a_missing_directory_there_is_none(scratch: Path) -> None:
    outside = Path("/usr")
    assert find_repository(outside) is None
    assert find_repository(scratch / "absent") is None


def test_a_path_with_a_newline_is_no_trouble(scratch: Path) -> None:
    odd = make_repository(scratch / "a\nb")
    assert found(odd).top == odd


def test_a_configuration_that_nobody_writes_to_is_not_waited_for(source_repo: Path) -> None:
    (source_repo / ".git/config").unlink()
    os.mkfifo(source_repo / ".git/config")
    begun = time.monotonic()
    assert find_repository(source_repo) is None
    assert time.monotonic() - begun < 15
