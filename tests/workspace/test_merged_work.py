"""Work that came home under other commit ids no longer keeps a workspace; doubt does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from support.workspace.workdirs import prepare

from codexlab.workspace.claim.claim import claim_workspace
from codexlab.workspace.gc.removable import RemovalRefused
from codexlab.workspace.gc.remove import remove_workspace
from codexlab.workspace.paths import WorkspaceKey, WorkspacePaths
from codexlab.workspace.unique_work.findings import findings

KEY = WorkspaceKey("shop", "123", "codex")
BRANCH = "codexlab/123/codex"
Git = Callable[..., str]
TEXT = "".join(f"line {number}\n" for number in range(40))


@pytest.fixture
def work(paths: WorkspacePaths, repo: Path, origin: Path, git: Git) -> Path:
    """A workdir with two commits: one adds a file, one changes it and another."""
    (repo / "text").write_text(TEXT)
    git(repo, "add", ".")
    git(repo, "commit", "-qm", "text")
    git(repo, "remote", "add", "origin", str(origin))
    git(repo, "push", "-q", "origin", "main")
    claim = claim_workspace(paths, KEY)
    workdir = prepare(claim, repo).path
    claim.release()
    (workdir / "new").write_text("one\n")
    git(workdir, "add", ".")
    git(workdir, "commit", "-qm", "one")
    (workdir / "new").write_text("two\n")
    (workdir / "text").write_text(TEXT.replace("line 20\n", "changed\n"))
    git(workdir, "commit", "-qam", "two")
    return workdir


def bring_home(repo: Path, git: Git, how: str) -> None:
    """Merge the branch in the user's checkout as a forge does, and push."""
    if how == "squashed":
        git(repo, "merge", "-q", "--squash", BRANCH)
        git(repo, "commit", "-qm", "squashed")
    else:
        git(
            repo,
            "cherry-pick",
            "-x",
            *git(repo, "rev-list", "--reverse", f"main..{BRANCH}").split(),
        )
    git(repo, "push", "-q", "origin", "main")


def move_on(repo: Path, git: Git) -> None:
    (repo / "text").write_text("before\n" + (repo / "text").read_text())
    git(repo, "commit", "-qam", "meanwhile")


def lonely(paths: WorkspacePaths) -> str:
    claim = claim_workspace(paths, KEY)
    found = findings(paths, claim.read_provenance())
    claim.release()
    return "\n".join(found)


@pytest.mark.parametrize("how", ["squashed", "rebased"])
@pytest.mark.parametrize("meanwhile", ["nothing", "others worked there"])
def test_merged_work_is_home(
    how: str, meanwhile: str, work: Path, repo: Path, paths: WorkspacePaths, git: Git
) -> None:
    assert lonely(paths).startswith("2 commits that are on no remote")
    if meanwhile != "nothing":
        move_on(repo, git)
    bring_home(repo, git, how)
    move_on(repo, git)
    assert lonely(paths) == ""
    tip = git(work, "rev-parse", "HEAD")
    remove_workspace(paths, KEY)
    # The commits themselves are nowhere else, so their branch stays.
    assert git(repo, "rev-parse", BRANCH) == tip


def test_the_tree_of_a_commit_there_is_enough(
    work: Path, repo: Path, paths: WorkspacePaths, git: Git
) -> None:
    # Its parts came in two other commits, and the last one has exactly this tree.
    (repo / "text").write_text((work / "text").read_text())
    git(repo, "commit", "-qam", "first")
    (repo / "new").write_text("two\n")
    git(repo, "add", ".")
    git(repo, "commit", "-qm", "second")
    git(repo, "push", "-q", "origin", "main")
    assert lonely(paths) == ""


def test_what_was_merged_in_part_is_counted(
    work: Path, repo: Path, paths: WorkspacePaths, git: Git
) -> None:
    git(repo, "cherry-pick", "-x", f"{BRANCH}~1")
    assert lonely(paths).endswith("on no remote and no other branch (1 of them looks merged)")
    with pytest.raises(RemovalRefused, match="looks merged"):
        remove_workspace(paths, KEY)


DIFFERENCES = {
    "other blanks": ("text", TEXT.replace("line 20\n", "  changed\n")),
    "one more change": ("text", TEXT.replace("line 20\n", "changed\n").replace("line 1\n", "x\n")),
    "another file": ("file0.txt", "more\n"),
}


@pytest.mark.parametrize("name", DIFFERENCES)
def test_what_is_nearly_the_same_is_kept(
    name: str, work: Path, repo: Path, paths: WorkspacePaths, git: Git
) -> None:
    git(repo, "merge", "-q", "--squash", BRANCH)
    file, text = DIFFERENCES[name]
    (repo / file).write_text(text)
    git(repo, "commit", "-qam", "squashed, with a difference")
    assert "2 commits that are on no remote and no other branch" in lonely(paths)


def test_two_binary_files_of_one_name_are_two(paths: WorkspacePaths, repo: Path, git: Git) -> None:
    claim = claim_workspace(paths, KEY)
    workdir = prepare(claim, repo).path
    claim.release()
    for place, content in ((workdir, b"\0one"), (repo, b"\0two")):
        (place / "picture").write_bytes(content)
        git(place, "add", ".")
        git(place, "commit", "-qm", "picture")
    assert "1 commit that is on no remote" in lonely(paths)


def test_commits_that_change_nothing_are_not_taken_for_merged(
    paths: WorkspacePaths, repo: Path, git: Git
) -> None:
    claim = claim_workspace(paths, KEY)
    workdir = prepare(claim, repo).path
    claim.release()
    git(workdir, "commit", "-q", "--allow-empty", "-m", "a thought")
    git(repo, "commit", "-q", "--allow-empty", "-m", "another")
    assert "1 commit that is on no remote" in lonely(paths)
