"""A file below a directory that git passes over by name is a file like any other.

An agent hides the only copy there, and ``codexlab workspace`` is asked to remove the workspace.
"""

from __future__ import annotations

import pytest
from support.lab import Lab
from support.workspace.unique_work import ME, only_here, work, workspace

# What is tried here is git, the kernel or a disk: the same for each Python.
pytestmark = pytest.mark.one_python

ONLY = "echo 'only copy' > "
CLEAN = "mkdir -p ../codex-home/skills; cd ../codex-home/skills; git init -q r; cd r; "
HIDDEN = {
    "that holds a directory": f"mkdir -p notes/.git/x; {ONLY} notes/.git/x/notes.txt",
    "that holds a file": f"mkdir -p notes/.git; {ONLY} notes/.git/notes.txt",
    "in a directory of commits": f"{ME}mkdir -p d/.git; echo x > d/f; git add d/f;"
    f" git commit -qm d; git push -q . HEAD:refs/heads/kept; {ONLY} d/.git/notes.txt",
    "in another such directory": f"mkdir -p a/.git/b/.git; {ONLY} a/.git/b/.git/notes.txt",
    "with only a hook": f"mkdir -p n/.git/hooks; {ONLY} n/.git/hooks/pre-commit",
    "with only its own ignore rules": f"mkdir -p n/.git/info; {ONLY} n/.git/info/exclude",
    "beside a repository in it": f"mkdir -p n/.git; git init -q n/.git/r; {ONLY} n/.git/notes.txt",
    "in a checkout in it": f"mkdir -p n/.git/c/.git; {ONLY} n/.git/c/notes.txt",
    "in codex's home": f"cd ../codex-home; mkdir -p skills/s/.git; {ONLY} skills/s/.git/n",
    "in capitals": f"mkdir -p n/.GIT; {ONLY} n/.GIT/notes.txt",
    "with a blank": f"mkdir -p 'n/.git '; {ONLY} 'n/.git /notes.txt'",
    "of mercurial": f"mkdir -p n/.hg; {ONLY} n/.hg/notes.txt",
    "of subversion": f"mkdir -p n/.svn; {ONLY} n/.svn/notes.txt",
    "of node": f"mkdir -p node_modules; {ONLY} node_modules/notes.txt",
    "by a link": f"mkdir -p n/x; ln -s x n/.git; {ONLY} n/x/notes.txt",
}
IN_A_REPOSITORY = {
    "under a free name": f"{ONLY} .git/notes.txt",
    "among submodules": f"mkdir -p .git/modules/m; {ONLY} .git/modules/m/notes.txt",
    "in the place of a submodule": f"mkdir -p .git/modules; {ONLY} .git/modules/notes.txt",
    "among worktrees": f"mkdir -p .git/worktrees/w; {ONLY} .git/worktrees/w/notes.txt",
    "in the place of a worktree": f"mkdir -p .git/worktrees; {ONLY} .git/worktrees/notes.txt",
    "in a worktree's empty entry": "mkdir -p .git/worktrees/w; : > .git/worktrees/w/gitdir;"
    f" {ONLY} .git/worktrees/w/notes.txt",
    "among large files": f"mkdir -p .git/lfs; {ONLY} .git/lfs/notes.txt",
    "among what codexlab keeps": f"mkdir -p .git/codexlab-kept; {ONLY} .git/codexlab-kept/n",
    "in a bare one's rebase": "cd ..; git init -q --bare b; cd b; mkdir rebase-merge;"
    f" {ONLY} rebase-merge/notes.txt",
}


@pytest.mark.parametrize("script", HIDDEN.values(), ids=HIDDEN)
def test_files_below_a_directory_that_is_no_repository_keep_the_workspace(
    script: str, lab: Lab
) -> None:
    root = work(lab, script)
    assert only_here(lab) != []
    assert workspace(lab, "remove", "1").returncode == 125
    assert root.exists()


@pytest.mark.parametrize("script", IN_A_REPOSITORY.values(), ids=IN_A_REPOSITORY)
def test_files_that_git_did_not_put_into_a_repository_keep_the_workspace(
    script: str, lab: Lab
) -> None:
    root = work(lab, f"{CLEAN}{script}")
    assert only_here(lab) != []
    assert workspace(lab, "remove", "1").returncode == 125
    assert root.exists()


def test_an_empty_directory_and_a_repository_without_work_keep_nothing(lab: Lab) -> None:
    work(lab, "mkdir -p n/.git/x/y; cd ../codex-home; mkdir -p skills; git init -q skills/r")
    assert only_here(lab) == []
    assert workspace(lab, "remove", "1").returncode == 0
