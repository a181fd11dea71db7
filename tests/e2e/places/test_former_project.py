"""A repository that moved or got another origin: one line leads back to the issue's workspace."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.git.repositories import git
from support.lab import Lab

ISSUE = ("--issue", "1", "--agent", "generic")


def launch(lab: Lab, *flags: str, cwd: Path | None = None) -> tuple[str, str]:
    """Launch and return the workdir and what codexlab said."""
    done = lab.run((*ISSUE, *flags), ["pwd"], cwd=cwd)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip(), done.stderr


def project(lab: Lab) -> str:
    return lab.workspace.parent.parent.name


@pytest.mark.parametrize("linked", [False, True], ids=["main checkout", "linked worktree"])
def test_another_origin_is_a_line_that_leads_to_the_former_workspace(
    linked: bool, lab: Lab
) -> None:
    git(lab.cwd, "remote", "add", "origin", "https://old.example/team/sample.git")
    cwd = lab.cwd.parent / "linked" if linked else lab.cwd
    if linked:
        git(lab.cwd, "worktree", "add", "-q", str(cwd))
    first, said = launch(lab, cwd=cwd)
    assert "--project" not in said
    former = project(lab)
    git(lab.cwd, "remote", "set-url", "origin", "https://new.example/team/sample.git")
    _, said = launch(lab, cwd=cwd)
    (line,) = [line for line in said.splitlines() if "--project" in line]
    assert f"has a workspace of this repository in project {former}" in line
    assert f"--project {former} goes on there" in line
    again, said = launch(lab, "--project", former, cwd=cwd)
    assert (again, "--project" in said) == (first, False)
    # Said once: from then on the new workspace is the one that is meant.
    assert "--project" not in launch(lab, cwd=cwd)[1]


def test_a_repository_that_was_moved_is_one_too(lab: Lab) -> None:
    first, _ = launch(lab)
    former = project(lab)
    moved = lab.cwd.rename(lab.cwd.parent / "moved")
    _, said = launch(lab, cwd=moved)
    assert f"--project {former} goes on there" in said
    git(moved, "worktree", "repair")
    assert launch(lab, "--project", former, cwd=moved)[0] == first


def test_a_project_that_was_named_is_no_other_name_of_this_one(lab: Lab) -> None:
    launch(lab, "--project", "mine")
    assert "in project mine" in launch(lab)[1]
    assert "in project" not in launch(lab, "--project", "another")[1]


def test_another_repository_with_this_issue_is_not_meant(lab: Lab, scratch: Path) -> None:
    git(scratch, "clone", "-q", str(lab.cwd), "other")
    launch(lab)
    assert "in project" not in launch(lab, cwd=scratch / "other")[1]
