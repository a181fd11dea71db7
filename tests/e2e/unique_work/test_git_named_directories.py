"""A file below a directory that git passes over by name is a file like any other.

An agent hides the only copy there, and ``codexlab workspace`` is asked to remove the workspace.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from support.lab import Lab
from support.workspace.unique_work import ME, only_here, work, workspace

# What is tried here is git, the kernel or a disk: the same for each Python.
pytestmark = pytest.mark.one_python

ONLY = "echo 'only copy' > "
CLEAN = "mkdir -p ../codex-home/skills; cd ../codex-home/skills; git init -q r; cd r; "
# The directory that hides the file, and the script that makes both.
HIDDEN = {
    "that holds a directory": (
        "workdir/notes/.git",
        f"mkdir -p notes/.git/x; {ONLY} notes/.git/x/notes.txt",
    ),
    "that holds a file": (
        "workdir/notes/.git",
        f"mkdir -p notes/.git; {ONLY} notes/.git/notes.txt",
    ),
    "in a directory of commits": (
        "workdir/d/.git",
        (
            f"{ME}mkdir -p d/.git; echo x > d/f; git add d/f; git commit -qm d;"
            f" git push -q . HEAD:refs/heads/kept; {ONLY} d/.git/notes.txt"
        ),
    ),
    "in another such directory": (
        "workdir/a/.git/b/.git",
        f"mkdir -p a/.git/b/.git; {ONLY} a/.git/b/.git/notes.txt",
    ),
    "with only a hook": (
        "workdir/n/.git",
        f"mkdir -p n/.git/hooks; {ONLY} n/.git/hooks/pre-commit",
    ),
    "with only its own ignore rules": (
        "workdir/n/.git",
        f"mkdir -p n/.git/info; {ONLY} n/.git/info/exclude",
    ),
    "beside a repository in it": (
        "workdir/n/.git",
        f"mkdir -p n/.git; git init -q n/.git/r; {ONLY} n/.git/notes.txt",
    ),
    "in a checkout in it": (
        "workdir/n/.git",
        f"mkdir -p n/.git/c/.git; {ONLY} n/.git/c/notes.txt",
    ),
    "in codex's home": (
        "codex-home/skills/s/.git",
        f"cd ../codex-home; mkdir -p skills/s/.git; {ONLY} skills/s/.git/n",
    ),
    "among submodules": (
        "codex-home/skills/r/.git/modules",
        f"{CLEAN}mkdir -p .git/modules/m; {ONLY} .git/modules/m/notes.txt",
    ),
    "in the place of a submodule": (
        "codex-home/skills/r/.git/modules",
        f"{CLEAN}mkdir -p .git/modules; {ONLY} .git/modules/notes.txt",
    ),
    "among worktrees": (
        "codex-home/skills/r/.git/worktrees",
        f"{CLEAN}mkdir -p .git/worktrees/w; {ONLY} .git/worktrees/w/notes.txt",
    ),
    # git itself stumbles over this file, so another line would keep the workspace as well.
    "in the place of a worktree": (
        "codex-home/skills/r/.git/worktrees",
        f"{CLEAN}mkdir -p .git/worktrees; {ONLY} .git/worktrees/notes.txt",
    ),
}
# What is said of the repository, and the script.
IN_A_REPOSITORY = {
    "in a worktree's empty entry": (
        "notes.txt in its git directory in repository codex-home/skills/r",
        (
            f"{CLEAN}mkdir -p .git/worktrees/w; : > .git/worktrees/w/gitdir;"
            f" {ONLY} .git/worktrees/w/notes.txt"
        ),
    ),
    "among large files": (
        "lfs/notes.txt in its git directory in repository codex-home/skills/r",
        f"{CLEAN}mkdir -p .git/lfs; {ONLY} .git/lfs/notes.txt",
    ),
    "among what codexlab keeps": (
        "codexlab-kept/n in its git directory in repository codex-home/skills/r",
        f"{CLEAN}mkdir -p .git/codexlab-kept; {ONLY} .git/codexlab-kept/n",
    ),
    "in a bare one's rebase": (
        "unfinished rebase-merge in repository codex-home/skills/b",
        (
            f"{CLEAN}cd ..; git init -q --bare b; cd b; mkdir rebase-merge;"
            f" {ONLY} rebase-merge/notes.txt"
        ),
    ),
}
UNCOMMITTED = "uncommitted changes"
# What names each file without the walk through directories that git passes over.
NOT_HIDDEN = {
    "in capitals": (UNCOMMITTED, f"mkdir -p n/.GIT; {ONLY} n/.GIT/notes.txt"),
    "with a blank": (UNCOMMITTED, f"mkdir -p 'n/.git '; {ONLY} 'n/.git /notes.txt'"),
    "of mercurial": (UNCOMMITTED, f"mkdir -p n/.hg; {ONLY} n/.hg/notes.txt"),
    "of subversion": (UNCOMMITTED, f"mkdir -p n/.svn; {ONLY} n/.svn/notes.txt"),
    "of node": (UNCOMMITTED, f"mkdir -p node_modules; {ONLY} node_modules/notes.txt"),
    "by a link": (UNCOMMITTED, f"mkdir -p n/x; ln -s x n/.git; {ONLY} n/x/notes.txt"),
    "under a free name": (
        "notes.txt in its git directory in repository codex-home/skills/r",
        f"{CLEAN}{ONLY} .git/notes.txt",
    ),
}


def keeps(lab: Lab, root: Path) -> bool:
    """Tell whether a removal is refused, and everything stays."""
    return workspace(lab, "remove", "1").returncode == 125 and root.exists()


@pytest.mark.parametrize(("hiding", "script"), HIDDEN.values(), ids=HIDDEN)
def test_files_below_a_directory_that_is_no_repository_are_named_and_keep_the_workspace(
    hiding: str, script: str, lab: Lab
) -> None:
    root = work(lab, script)
    assert f"files below {hiding}, which is not a repository" in only_here(lab)
    assert keeps(lab, root)


@pytest.mark.parametrize(("line", "script"), IN_A_REPOSITORY.values(), ids=IN_A_REPOSITORY)
def test_files_that_git_did_not_put_into_a_repository_are_named_and_keep_the_workspace(
    line: str, script: str, lab: Lab
) -> None:
    root = work(lab, script)
    assert only_here(lab) == [line]
    assert keeps(lab, root)


@pytest.mark.parametrize(("line", "script"), NOT_HIDDEN.values(), ids=NOT_HIDDEN)
def test_as_a_control_files_that_are_not_hidden_keep_the_workspace_under_their_usual_line(
    line: str, script: str, lab: Lab
) -> None:
    root = work(lab, script)
    assert only_here(lab) == [line]
    assert keeps(lab, root)


def test_an_empty_directory_and_a_repository_without_work_keep_nothing(lab: Lab) -> None:
    work(lab, "mkdir -p n/.git/x/y; cd ../codex-home; mkdir -p skills; git init -q skills/r")
    assert only_here(lab) == []
    assert workspace(lab, "remove", "1").returncode == 0
