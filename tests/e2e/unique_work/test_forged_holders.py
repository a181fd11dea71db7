"""No alias, and no file beside git's objects, makes a commit look as if another reference held it.

An agent writes what git believes, asks nothing of anybody, and ends. Then ``codexlab workspace``
is asked to remove its workspace, or another issue's. Whatever git believed: the commit is still
reached by a reference afterwards.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from support.commands import program
from support.git.repositories import git, make_repository
from support.lab import Lab
from support.users.unprivileged import Unprivileged, give
from support.workspace.unique_work import ME, WORKTREE, collected, work, workspace

# What is tried here is git, the kernel or a disk: the same for each Python.
pytestmark = pytest.mark.one_python

PASS = ("--pass", "OURS", "--pass", "FORGE")
FLAGS = (*WORKTREE, *PASS)
OURS = "codexlab/1/generic"
COMMIT = f"{ME}echo 2 > g; git add g; git commit -qm only; "
COMMON = "cd $(git rev-parse --git-common-dir); "
# Makes the first commit a child of the second, in a graph that git has written.
FORGE = program("forges_a_graph")
BELIEVED = {
    "a symbolic branch": "git symbolic-ref refs/heads/keep refs/heads/$OURS",
    "a symbolic branch over another": "git symbolic-ref refs/heads/a refs/heads/$OURS;"
    " git symbolic-ref refs/heads/keep refs/heads/a",
    "a symbolic remote": "git symbolic-ref refs/remotes/origin/x refs/heads/$OURS",
    "a symbolic tag": "git symbolic-ref refs/tags/t refs/heads/$OURS",
    "a link to a branch": f"{COMMON}ln -s $OURS refs/heads/keep",
    "a link that is a symbolic branch": f"{COMMON}ln -s refs/heads/$OURS refs/heads/keep",
    "a link to a directory of branches": f"{COMMON}ln -s codexlab/1 refs/heads/keep",
    "a link from the remotes": f"{COMMON}mkdir -p refs/remotes; ln -s ../heads refs/remotes/origin",
    "a replaced commit": "git update-ref refs/replace/$(git rev-parse main)"
    " $(git commit-tree -p HEAD -m fake main^{tree})",
    "a graft": f"echo $(git rev-parse main HEAD) > g; m=$PWD/g; {COMMON}mkdir -p info;"
    " cp $m info/grafts; rm $m; cd $OLDPWD; git checkout -q g",
    "a commit graph": 'git commit-graph write --reachable; python3 -c "$FORGE"'
    " $(git rev-parse --git-common-dir)/objects/info/commit-graph $(git rev-parse main HEAD)",
    "a chain of commit graphs": 'git commit-graph write --reachable --split; python3 -c "$FORGE"'
    " $(ls $(git rev-parse --git-common-dir)/objects/info/commit-graphs/*.graph)"
    " $(git rev-parse main HEAD); d=$(git rev-parse --git-common-dir)/objects/info/commit-graphs;"
    " f=$(ls $d/*.graph); n=$(tail -c 20 $f | xxd -p); mv $f $d/graph-$n.graph;"
    " rm -f $d/commit-graph-chain; echo $n > $d/commit-graph-chain",
}


@pytest.fixture(autouse=True)
def told(lab: Lab) -> None:
    """Agents are told the branch's name and the program that forges a graph."""
    lab.environ.update(OURS=OURS, FORGE=FORGE)


def is_held(repo: Path, commit: str) -> bool:
    """Tell whether git reaches a commit once all that was forged is gone."""
    for name in git(repo, "for-each-ref", "--format=%(refname)", "refs/replace").splitlines():
        git(repo, "update-ref", "-d", name)
    for forged in ("info/grafts", "objects/info/commit-graph"):
        (repo / ".git" / forged).unlink(missing_ok=True)
    form = ("--format=%(refname)", "--contains", commit)
    return git(repo, "-c", "core.commitGraph=false", "for-each-ref", *form) != ""


@pytest.mark.parametrize("script", BELIEVED.values(), ids=BELIEVED)
def test_no_alias_and_no_forged_history_lets_a_commit_go(script: str, lab: Lab) -> None:
    work(lab, COMMIT + script, FLAGS)
    commit = git(lab.cwd, "rev-parse", OURS)
    assert workspace(lab, "remove", "1").returncode == 125
    assert collected(lab)["action"] == "keep"
    assert lab.workspace.is_dir()
    assert workspace(lab, "remove", "1", "--force").returncode == 0
    assert is_held(lab.cwd, commit)


@pytest.mark.parametrize("name", ["a symbolic branch", "a replaced commit", "a commit graph"])
def test_an_agent_of_one_issue_makes_no_commit_of_another_go(name: str, lab: Lab) -> None:
    other = ("--issue", "2", "--agent", "generic", *PASS)
    work(lab, COMMIT, FLAGS)
    commit = git(lab.cwd, "rev-parse", OURS)
    forge = BELIEVED[name].replace("HEAD", "$OURS")
    done = lab.run(other, ["sh", "-ec", forge])
    assert done.returncode == 0, done.stderr
    workspace(lab, "gc", "--idle", "0s", "--apply")
    assert is_held(lab.cwd, commit)
    assert workspace(lab, "show", "1").returncode == 0


def test_a_branch_of_ours_that_leads_to_yours_deletes_and_moves_none(lab: Lab) -> None:
    git(lab.cwd, "branch", "yours")
    before = git(lab.cwd, "rev-parse", "yours")
    work(
        lab, f"git checkout -q --detach; git symbolic-ref refs/heads/{OURS} refs/heads/yours", FLAGS
    )
    workspace(lab, "remove", "1")
    assert git(lab.cwd, "rev-parse", "yours") == before


def test_a_branch_of_ours_reached_over_a_link_deletes_none_of_yours(lab: Lab) -> None:
    git(lab.cwd, "branch", "yours/generic")
    before = git(lab.cwd, "rev-parse", "yours/generic")
    script = f"git checkout -q --detach; {COMMON}git update-ref -d refs/heads/{OURS};"
    work(
        lab, f"{script} mkdir -p refs/heads/codexlab; ln -sfn ../yours refs/heads/codexlab/1", FLAGS
    )
    workspace(lab, "remove", "1")
    assert git(lab.cwd, "rev-parse", "yours/generic") == before


def test_what_is_kept_moves_no_branch_that_an_alias_of_its_name_leads_to(lab: Lab) -> None:
    git(lab.cwd, "branch", "yours")
    before = git(lab.cwd, "rev-parse", "yours")
    script = f"{ME}git checkout -q --detach; git commit -q --allow-empty -m only;"
    name = "refs/codexlab/kept/1/generic/$(git rev-parse HEAD | cut -c1-16)"
    work(lab, f"{script} git symbolic-ref {name} refs/heads/yours", FLAGS)
    commit = git(lab.workspace / "workdir", "rev-parse", "HEAD")
    assert workspace(lab, "remove", "1", "--force").returncode == 0
    assert git(lab.cwd, "rev-parse", "yours") == before
    assert is_held(lab.cwd, commit)


BORROWED = {
    "alternates": "mv objects $AWAY; mkdir -p objects/info; echo $AWAY > objects/info/alternates",
    "alternates of alternates": "mv objects $AWAY; mkdir -p objects/info m/info;"
    " echo $PWD/m > objects/info/alternates; echo $AWAY > m/info/alternates",
    "alternates in quotation marks": "mv objects $AWAY; mkdir -p objects/info;"
    " printf '\"%s\"\\n' $(echo $AWAY | sed 's,/o$,/\\\\157,') > objects/info/alternates",
    "a link to all objects": "mv objects $AWAY; ln -s $AWAY objects",
    "a link to some": "mkdir $AWAY; for d in objects/??; do mv $d $AWAY; ln -s $AWAY/${d#*/} $d;"
    " done",
    "links to each": "mkdir $AWAY; for f in objects/??/*; do mv $f $AWAY; ln -s $AWAY/${f##*/} $f;"
    " done",
    "references": "mv refs $AWAY; ln -s $AWAY refs",
    "packed references": "git pack-refs --all; mv packed-refs $AWAY; ln -s $AWAY packed-refs",
}


@pytest.mark.parametrize("script", BORROWED.values(), ids=BORROWED)
def test_a_repository_that_needs_files_of_the_workspace_keeps_it(script: str, lab: Lab) -> None:
    keep = f"{COMMIT}git branch keep; AWAY=$(realpath ../codex-home)/tmp/o; mkdir -p ${{AWAY%/o}};"
    work(lab, f"{keep} {COMMON}{script}", FLAGS)
    assert workspace(lab, "remove", "1").returncode == 125
    assert git(lab.cwd, "log", "-1", "--format=%s", "keep") == "only"
    assert git(lab.cwd, "fsck", "--connectivity-only") == ""


@pytest.mark.parametrize("url", ["$PWD/o", "file://$PWD/o", "FILE://localhost$PWD/o", "ext::cat"])
def test_a_remote_that_goes_too_or_is_a_program_holds_nothing(url: str, lab: Lab) -> None:
    script = "cd ../codex-home; git init -q --bare o; git init -q r; cd r;"
    script += (
        f"{ME}git commit -q --allow-empty -m x; cd ..; git -C r push -q $PWD/o HEAD:m;"
        f" git -C r remote add o {url};"
    )
    work(lab, f"{script} git -C r update-ref refs/remotes/o/m HEAD; rm -rf o/refs/heads/m", FLAGS)
    assert workspace(lab, "remove", "1").returncode == 125


@pytest.mark.skipif(os.geteuid() != 0, reason="every other test runs unprivileged already")
@pytest.mark.parametrize("name", ["a symbolic branch", "a link to a branch", "a replaced commit"])
def test_an_ordinary_users_commit_does_not_go_either(
    name: str, lab: Lab, as_nobody: Unprivileged
) -> None:
    home = as_nobody.home
    repo = make_repository(home / "repo")
    for path in (repo, *repo.rglob("*")):
        os.chown(path, 65534, 65534, follow_symlinks=False)
    variables = {**lab.environ, **as_nobody.places(), "CODEX_HOME": str(home / "codex")}
    (home / "codex").mkdir()
    give(home / "codex")
    command = lab.argv(FLAGS, ["sh", "-ec", COMMIT + BELIEVED[name]])
    done = as_nobody.run(command, cwd=repo, environ=variables)
    assert done.returncode == 0, done.stderr
    program = lab.program.with_name("codexlab")
    refused = as_nobody.run([program, "workspace", "remove", "1"], cwd=repo, environ=variables)
    assert refused.returncode == 125, refused.stderr
    commit = as_nobody.run(["git", "rev-parse", OURS], cwd=repo, environ=variables).stdout.strip()
    assert len(commit) == 40
