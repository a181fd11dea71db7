"""A workdir that somebody deleted comes back where its agent was, and nothing is lost by that."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from support.git.repositories import git, make_repository
from support.lab import Lab

pytestmark = pytest.mark.one_python

ISSUE = ("--issue", "1", "--agent", "generic")
ME = "git config user.name me; git config user.email me@localhost; "
COMMIT = "echo x > f; git add f; git commit -qm only; git rev-parse HEAD"
LOST = pytest.mark.parametrize("lost", ["workdir", "workspace"])


def work(lab: Lab, script: str = "git rev-parse HEAD; git branch --show-current") -> list[str]:
    """Let an agent run a script in its workdir, and return what it and codexlab said."""
    done = lab.run(ISSUE, ["sh", "-ec", script])
    assert done.returncode == 0, done.stderr
    return [*done.stdout.splitlines(), *done.stderr.splitlines()]


def delete(lab: Lab, what: str) -> None:
    shutil.rmtree(lab.workspace / "workdir" if what == "workdir" else lab.workspace)


def kept(lab: Lab) -> list[str]:
    found = git(lab.cwd, "for-each-ref", "--format=%(refname)", "refs/codexlab/kept/1/generic")
    return found.splitlines()


@LOST
def test_a_commit_made_while_detached_gets_a_reference_and_a_line(lost: str, lab: Lab) -> None:
    commit, *_ = work(lab, f"{ME}git checkout -q --detach; {COMMIT}")
    delete(lab, lost)
    _, branch, line = work(lab)
    assert branch == "codexlab/1/generic"
    (name,) = kept(lab)
    assert git(lab.cwd, "rev-parse", name) == commit
    assert f"a detached HEAD of {lab.workspace}/workdir is kept as {name}" in line


def test_per_worktree_references_get_one_too(lab: Lab) -> None:
    made = "c=$(git commit-tree -m keep HEAD^{tree}); git update-ref refs/worktree/a/b $c; echo $c"
    commit, *_ = work(lab, f"{ME}git checkout -q --detach; {made}")
    delete(lab, "workdir")
    work(lab)
    assert [git(lab.cwd, "rev-parse", name) for name in kept(lab)] == [commit]
    # What is kept is kept once.
    git(lab.workspace / "workdir", "update-ref", "refs/worktree/again", commit)
    delete(lab, "workdir")
    assert len(work(lab)) == 2
    assert len(kept(lab)) == 1


def test_what_was_staged_gets_one_too(lab: Lab) -> None:
    work(lab, "echo staged > f; git add f; echo later > f")
    delete(lab, "workdir")
    *_, line = work(lab)
    (name,) = kept(lab)
    assert git(lab.cwd, "show", f"{name}:f") == "staged"
    assert git(lab.cwd, "rev-parse", f"{name}^") == git(lab.cwd, "rev-parse", "HEAD")
    assert f"what was staged in {lab.workspace}/workdir is kept as {name}" in line


def test_an_unfinished_merge_leaves_what_was_resolved_and_both_sides(lab: Lab) -> None:
    side = "git switch -qc side; echo a > f; echo a > g; git add .; git commit -qm a"
    here = f"git switch -q --detach HEAD^; echo b > f; echo b > g; git add .; {ME}git commit -qm b"
    merge = "git merge -q side || :; echo both > f; git add f"
    work(lab, f"{ME}{side}; {here}; {merge}; git branch -qm side gone; git rev-parse HEAD")
    git(lab.cwd, "branch", "-D", "gone")
    delete(lab, "workdir")
    work(lab)
    (resolved,) = [name for name in kept(lab) if git(lab.cwd, "show", f"{name}:f") == "both"]
    sides = git(lab.cwd, "rev-parse", f"{resolved}^@").splitlines()
    assert sorted(git(lab.cwd, "show", f"{each}:g") for each in sides) == ["a", "b"]


def test_commits_in_a_submodule_are_kept(lab: Lab, scratch: Path) -> None:
    made = make_repository(scratch / "made")
    add = f"git -c protocol.file.allow=always submodule -q add {made} sub; git commit -qm sub"
    commit, *_ = work(lab, f"{ME}{add}; cd sub; {ME}{COMMIT}")
    delete(lab, "workdir")
    *_, line = work(lab)
    (kept_in,) = (lab.cwd / ".git/codexlab-kept").iterdir()
    assert f"submodules in {lab.workspace}/workdir are kept in {kept_in}" in line
    assert git(kept_in, "--git-dir=sub", "--work-tree=.", "cat-file", "-t", commit) == "commit"


def test_a_context_in_which_an_agent_made_a_worktree_is_kept_aside(lab: Lab) -> None:
    work(
        lab, "mkdir ../context; git worktree add -q --detach ../context/w; echo x > ../context/w/f"
    )
    _, _, line = work(lab)
    assert "it is kept as context.aside-1" in line
    assert (lab.workspace / "context.aside-1/w/f").read_text() == "x\n"


def test_nothing_is_said_and_kept_where_nothing_was_lost(lab: Lab) -> None:
    work(lab, f"{ME}{COMMIT}; git checkout -q --detach")
    delete(lab, "workdir")
    assert len(work(lab)) == 2
    assert kept(lab) == []


@LOST
def test_the_branch_that_the_agent_made_is_gone_on_with(lost: str, lab: Lab) -> None:
    commit, *_ = work(lab, f"{ME}git switch -qc feature/new; {COMMIT}")
    delete(lab, lost)
    assert work(lab) == [commit, "feature/new"]
    delete(lab, lost)
    assert work(lab) == [commit, "feature/new"]


@LOST
def test_the_branch_that_the_agent_renamed_is_gone_on_with_and_no_second_one_made(
    lost: str, lab: Lab
) -> None:
    commit, *_ = work(lab, f"{ME}{COMMIT}; git branch -qm feature")
    delete(lab, lost)
    assert work(lab) == [commit, "feature"]
    assert git(lab.cwd, "branch", "--list", "codexlab/*") == ""


@pytest.mark.parametrize("how", ["checked out elsewhere", "gone"])
def test_a_chosen_branch_that_cannot_be_gone_on_with_is_named(how: str, lab: Lab) -> None:
    work(lab, f"{ME}git switch -qc feature; {COMMIT}")
    delete(lab, "workdir")
    if how == "gone":
        git(lab.cwd, "update-ref", "-d", "refs/heads/feature")
    else:
        git(lab.cwd, "symbolic-ref", "HEAD", "refs/heads/feature")
    _, branch, *lines = work(lab)
    assert branch == "codexlab/1/generic"
    assert f"was on branch feature, which is {how}" in "\n".join(lines)


def test_a_launch_that_fails_meanwhile_does_not_forget_the_branch(lab: Lab, scratch: Path) -> None:
    attributes = "echo '*.bin filter=none' > .gitattributes; echo x > a.bin; git add .; "
    commit, *_ = work(lab, f"{ME}git switch -qc feature; {attributes}{COMMIT}")
    delete(lab, "workdir")
    git(lab.cwd, "config", "filter.none.smudge", "false")
    git(lab.cwd, "config", "filter.none.required", "true")
    assert lab.run(ISSUE, ["true"]).returncode == 125
    git(lab.cwd, "config", "--remove-section", "filter.none")
    assert work(lab) == [commit, "feature"]


@pytest.mark.parametrize(
    "head",
    ["ref: refs/heads/../../../config", "ref: refs/heads/-f", "ref: refs/heads/a\x1b[2J", "x" * 99],
)
def test_a_forged_head_never_stops_the_next_launch(head: str, lab: Lab) -> None:
    work(lab)
    delete(lab, "workdir")
    (entry,) = (lab.cwd / ".git/worktrees").iterdir()
    (entry / "HEAD").write_text(f"{head}\n")
    _, branch, *lines = work(lab)
    assert branch == "codexlab/1/generic"
    assert all(line.isprintable() for line in lines)
