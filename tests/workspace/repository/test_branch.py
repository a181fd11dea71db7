"""One issue in several roots or projects over one repository: a branch for each, none moved."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from support.commands import program

from codexlab.workspace.claim.claim import Claim, claim_workspace
from codexlab.workspace.errors import BranchTaken
from codexlab.workspace.gc.remove import remove_workspace
from codexlab.workspace.git.checkout import inspect_checkout
from codexlab.workspace.paths import WorkspaceKey, locate_workspace
from codexlab.workspace.records.provenance import WorkdirState
from codexlab.workspace.workdir.plan import WorkdirPlan, choose_workdir
from codexlab.workspace.workdir.prepare import Workdir, prepare_workdir

Git = Callable[..., str]
Open = Callable[..., Claim]
USUAL = "codexlab/123/codex"
LAUNCH = program("prepares_when_told")


@pytest.fixture
def open_claim(tmp_path: Path) -> Iterator[Open]:
    """Return a function that claims the issue below another root, or in another project."""
    claims: list[Claim] = []

    def make(root: str, project: str = "shop") -> Claim:
        key = WorkspaceKey(project, "123", "codex")
        claims.append(claim_workspace(locate_workspace(tmp_path / root, key), key))
        return claims[-1]

    yield make
    for claim in claims:
        claim.release()


def plan(claim: Claim, repo: Path) -> WorkdirPlan:
    return choose_workdir(inspect_checkout(repo), claim.paths)


def prepare(claim: Claim, repo: Path) -> Workdir:
    return prepare_workdir(claim, plan(claim, repo))


@pytest.mark.parametrize("place", [("two", "shop"), ("one", "shop2")])
def test_the_second_workspace_of_an_issue_gets_a_branch_of_its_own(
    place: tuple[str, str], open_claim: Open, repo: Path, git: Git
) -> None:
    first, second = open_claim("one"), open_claim(*place)
    assert prepare(first, repo).branch == USUAL
    intended = plan(second, repo)
    assert intended.notes == (
        f"branch {USUAL} belongs to {first.paths.root}; this one gets {intended.branch}",
    )
    workdir = prepare_workdir(second, intended)
    assert workdir.branch == intended.branch
    assert workdir.branch is not None
    assert workdir.branch.startswith(f"{USUAL}+")
    assert json.loads(second.paths.provenance.read_bytes())["branch"] == workdir.branch
    git(workdir.path, "commit", "-q", "--allow-empty", "-m", "second")
    again = prepare(second, repo)
    assert not again.created
    assert git(again.path, "log", "-1", "--format=%s") == "second"
    assert git(repo, "rev-parse", USUAL) == git(repo, "rev-parse", "HEAD")


def test_removing_one_leaves_the_other(open_claim: Open, repo: Path, git: Git) -> None:
    claims = [open_claim("one"), open_claim("two")]
    branches = [prepare(claim, repo).branch for claim in claims]
    claims[0].release()
    remove_workspace(claims[0].paths, claims[0].key)
    assert git(repo, "branch", "--list", "codexlab/*", "--format=%(refname:short)") == branches[1]
    assert prepare(claims[1], repo).branch == branches[1]
    claims[1].release()
    remove_workspace(claims[1].paths, claims[1].key)
    assert git(repo, "branch", "--list", "codexlab/*") == ""


def test_a_lost_workspace_comes_back_on_its_own_branch(
    open_claim: Open, repo: Path, git: Git
) -> None:
    prepare(open_claim("one"), repo)
    second = open_claim("two")
    workdir = prepare(second, repo)
    git(workdir.path, "commit", "-q", "--allow-empty", "-m", "second")
    second.release()
    shutil.rmtree(second.paths.base)
    found = prepare(open_claim("two"), repo)
    assert (found.branch, git(found.path, "log", "-1", "--format=%s")) == (workdir.branch, "second")


def test_a_branch_left_by_a_removed_workspace_is_not_taken_by_another(
    open_claim: Open, repo: Path, git: Git
) -> None:
    first = open_claim("one")
    git(prepare(first, repo).path, "commit", "-q", "--allow-empty", "-m", "first")
    first.release()
    remove_workspace(first.paths, first.key, force=True)
    assert prepare(open_claim("two"), repo).branch != USUAL
    back = prepare(open_claim("one"), repo)
    assert (back.branch, git(back.path, "log", "-1", "--format=%s")) == (USUAL, "first")


def test_the_branch_is_anothers_also_while_its_agent_is_on_a_different_one(
    open_claim: Open, repo: Path, git: Git
) -> None:
    git(prepare(open_claim("one"), repo).path, "checkout", "-q", "-b", "side")
    assert prepare(open_claim("two"), repo).branch != USUAL


def test_a_launch_killed_before_its_git_began_yields_to_who_came_since(
    open_claim: Open, repo: Path
) -> None:
    late, head = open_claim("one"), inspect_checkout(repo).head
    late.write_provenance(
        replace(
            late.read_provenance(),
            state=WorkdirState.PREPARING,
            repo=str(repo / ".git"),
            base=head,
            branch=USUAL,
            tip=head,
        )
    )
    assert prepare(open_claim("two"), repo).branch == USUAL
    assert prepare(late, repo).branch != USUAL


def test_a_branch_that_no_workspace_made_is_still_explained(
    open_claim: Open, repo: Path, git: Git
) -> None:
    git(repo, "branch", USUAL)
    with pytest.raises(BranchTaken):
        prepare(open_claim("one"), repo)


def test_two_launches_at_once_that_planned_the_same_branch_get_one_each(
    repo: Path, tmp_path: Path
) -> None:
    command = [sys.executable, "-c", LAUNCH]
    runs = [
        subprocess.Popen(
            [*command, str(tmp_path / root), str(repo)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for root in ("one", "two")
    ]
    for run in runs:
        assert run.stdout is not None
        assert run.stdout.readline() == "planned\n"
    answers = {run.communicate(timeout=60)[0].strip() for run in runs}
    assert len(answers) == 2
    assert USUAL in answers
