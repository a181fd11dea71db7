"""Files that a filter such as LFS keeps elsewhere: they arrive, or one line says why not."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from support.workspace.workdirs import prepare

from codexlab.workspace.claim.claim import Claim, claim_workspace
from codexlab.workspace.errors import GitFailed
from codexlab.workspace.gc.remove import remove_workspace
from codexlab.workspace.git.state import git_state

Git = Callable[..., str]


def test_large_file_pointers_without_the_filter_stay_pointers(
    claim: Claim, repo: Path, git: Git
) -> None:
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"
    (repo / ".gitattributes").write_text("*.bin filter=lfs\n")
    (repo / "big.bin").write_text(pointer)
    git(repo, "add", ".")
    git(repo, "commit", "-q", "-m", "big")
    workdir = prepare(claim, repo)
    assert (workdir.path / "big.bin").read_text() == pointer


def test_a_required_filter_that_is_missing_is_one_line_and_nothing_stays(
    claim: Claim, repo: Path, git: Git
) -> None:
    (repo / ".gitattributes").write_text("*.bin filter=gone\n")
    (repo / "big.bin").write_text("x")
    git(repo, "add", ".")
    git(repo, "commit", "-q", "-m", "big")
    git(repo, "config", "filter.gone.smudge", "/no/such/program")
    git(repo, "config", "filter.gone.required", "true")
    refs = git(repo, "for-each-ref")
    with pytest.raises(GitFailed) as caught:
        prepare(claim, repo)
    assert "\n" not in str(caught.value)
    assert not claim.paths.workdir.exists()
    assert git(repo, "for-each-ref") == refs
    assert len(git(repo, "worktree", "list").splitlines()) == 1


def large_file(repo: Path, git: Git) -> None:
    (repo / ".gitattributes").write_text("*.bin filter=lfs\n")
    (repo / "big.bin").write_text("pointer\n")
    git(repo, "add", ".")
    git(repo, "commit", "-q", "-m", "big")


def set_filter(git: Git, **values: str) -> None:
    """Write a filter into the user's own configuration, as ``git lfs install`` does."""
    for name, value in values.items():
        git(Path(os.environ["HOME"]), "config", "--global", f"filter.lfs.{name}", value)


def test_large_files_whose_program_is_not_installed_are_one_line_that_names_it(
    claim: Claim, repo: Path, git: Git
) -> None:
    large_file(repo, git)
    set_filter(git, process="no-git-lfs-here filter-process", required="true")
    with pytest.raises(GitFailed) as caught:
        prepare(claim, repo)
    assert "no-git-lfs-here: " in str(caught.value)
    assert "not found" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not claim.paths.workdir.exists()
    assert git(repo, "branch", "--list", "codexlab/*") == ""
    assert len(git(repo, "worktree", "list").splitlines()) == 1
    git(repo, "config", "--global", "--unset", "filter.lfs.process")
    set_filter(git, smudge="tr a-z A-Z", clean="tr A-Z a-z")
    assert (prepare(claim, repo).path / "big.bin").read_text() == "POINTER\n"


def test_large_files_that_cannot_be_fetched_are_one_line_that_says_why(
    claim: Claim, repo: Path, git: Git
) -> None:
    large_file(repo, git)
    complaint = "echo 'Error downloading object: big.bin' >&2; exit 2"
    set_filter(git, smudge=f'sh -c "{complaint}"', required="true")
    with pytest.raises(GitFailed, match=r"Error downloading object: big\.bin$"):
        prepare(claim, repo)


def test_a_password_in_a_complaint_is_left_out_whole(claim: Claim, repo: Path, git: Git) -> None:
    large_file(repo, git)
    complaint = "echo 'Error: https://me:pass@w0rd@host/big.bin: 403' >&2; exit 2"
    set_filter(git, smudge=f'sh -c "{complaint}"', required="true")
    with pytest.raises(GitFailed, match=r"Error: https://\*\*\*@host/big\.bin: 403$"):
        prepare(claim, repo)


def test_large_files_of_a_private_remote_come_with_the_same_credentials(
    claim: Claim, served: str, origin: Path, repo: Path, tmp_path: Path, git: Git
) -> None:
    large_file(repo, git)
    git(repo, "push", "-q", str(origin), "main")
    set_filter(git, smudge="env | grep -o 'http://127.*extraHeader'; cat")
    content = (prepare(claim, tmp_path, repo=served).path / "big.bin").read_text()
    assert content.startswith("http://127.0.0.1:")
    assert content.endswith(".extraHeader\npointer\n")


@pytest.mark.skipif(shutil.which("git-lfs") is None, reason="git-lfs is not installed")
def test_large_files_of_git_lfs_itself_arrive(
    claim: Claim, repo: Path, tmp_path: Path, git: Git
) -> None:
    git(repo, "lfs", "install", "--skip-repo")
    git(repo, "lfs", "track", "*.bin")
    (repo / "big.bin").write_bytes(os.urandom(5000))
    git(repo, "add", ".")
    git(repo, "commit", "-q", "-m", "big")
    for flags in ({}, {"repo": f"file://{repo}"}):
        workdir = prepare(claim, repo, **flags)
        assert (workdir.path / "big.bin").read_bytes() == (repo / "big.bin").read_bytes()
        state = git_state(workdir.path)
        assert state is not None
        assert not state.dirty
        claim.release()
        remove_workspace(claim.paths, claim.key)
        claim = claim_workspace(claim.paths, claim.key)
    claim.release()


def test_a_filter_that_an_agent_wrote_into_our_cache_gets_no_password(
    claim: Claim, served: str, origin: Path, repo: Path, tmp_path: Path, git: Git
) -> None:
    large_file(repo, git)
    git(repo, "push", "-q", str(origin), "main")
    workdir = prepare(claim, tmp_path, repo=served).path
    git(workdir, "config", "filter.lfs.smudge", "env; cat")
    claim.release()
    remove_workspace(claim.paths, claim.key)
    again = claim_workspace(claim.paths, claim.key)
    content = (prepare(again, tmp_path, repo=served).path / "big.bin").read_text()
    assert "GIT_DIR=" in content
    assert "extraHeader" not in content
    assert any("filters get no password" in note for note in again.notes)
    again.release()
