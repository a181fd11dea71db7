"""What is staged is found, whatever an index says of whole directories.

git keeps in an index which tree each directory is, so that it need not compare its entries.
An agent writes the index.
"""

from __future__ import annotations

import json
import shutil

import pytest
from support.commands import program
from support.git.repositories import git
from support.lab import Lab

# What is tried here is git, the kernel or a disk: the same for each Python.
pytestmark = pytest.mark.one_python

FLAGS = ("--issue", "1", "--agent", "generic", "--pass", "FORGE")
# Puts into an index what another says of directories, and into an entry the file's times.
FORGE = program("forges_an_index")
INDEX = "i=$(git rev-parse --git-dir)/index; git read-tree HEAD; cp $i $TMPDIR/before; "
STAGE = "echo staged > d/f; git add d/f; git show HEAD:d/f > d/f; "
HIDE = 'python3 -c "$FORGE" $TMPDIR/before $i; '
# git sees no change, and writes no index of its own meanwhile.
SHOW = (
    "export GIT_OPTIONAL_LOCKS=0; touch -d @$(($(date +%s) + 60)) $i;"
    ' test -z "$(git status --porcelain)"'
)


def staged(lab: Lab) -> None:
    (lab.cwd / "d").mkdir()
    (lab.cwd / "d/f").write_text("committed\n")
    git(lab.cwd, "add", ".")
    git(lab.cwd, "commit", "-q", "-m", "d")
    lab.environ["FORGE"] = FORGE
    done = lab.run(FLAGS, ["sh", "-ec", INDEX + STAGE + HIDE + SHOW])
    assert done.returncode == 0, done.stderr


def test_an_index_that_hides_what_is_staged_keeps_the_workspace(lab: Lab) -> None:
    staged(lab)
    (found,) = json.loads(lab.codexlab("workspace", "show", "1", "--json").stdout)
    assert found["only_here"] == ["uncommitted changes"]
    assert lab.codexlab("workspace", "remove", "1").returncode == 125


def test_what_such_an_index_of_a_lost_workdir_has_staged_is_kept(lab: Lab) -> None:
    staged(lab)
    shutil.rmtree(lab.workspace / "workdir")
    assert lab.run(FLAGS, ["true"]).returncode == 0
    names = git(lab.cwd, "for-each-ref", "--format=%(refname)", "refs/codexlab/kept").splitlines()
    assert [git(lab.cwd, "show", f"{name}:d/f") for name in names] == ["staged"]


def test_names_of_every_kind_are_kept_as_they_are(lab: Lab) -> None:
    names = ["a b", "ä", 'quo"te', "new\nline", "tab\there", "back\\slash", ":0"]
    assert lab.run(FLAGS[:4], ["python3", "-c", MAKE, *names]).returncode == 0
    shutil.rmtree(lab.workspace / "workdir")
    assert lab.run(FLAGS[:4], ["true"]).returncode == 0
    (name,) = git(lab.cwd, "for-each-ref", "--format=%(refname)", "refs/codexlab/kept").splitlines()
    listed = git(lab.cwd, "ls-tree", "-z", "--name-only", name).split("\0")
    assert set(names) <= set(listed)


MAKE = """
import subprocess, sys
for name in sys.argv[1:]:
    open(name, "w").write("x")
subprocess.run(["git", "add", "."], check=True)
"""
