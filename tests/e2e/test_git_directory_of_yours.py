"""The git directory of a directory of the user's is on record, and a change is told."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from support.lab import Lab
from support.repositories import git, make_repository


def shown(lab: Lab, cwd: Path) -> object:
    words = [str(lab.program.with_name("codexlab")), "workspace", "show", "1", "--json"]
    done = subprocess.run(
        words, cwd=cwd, env=lab.environ, capture_output=True, text=True, check=False
    )
    return json.loads(done.stdout)[0]["git"]


@pytest.mark.parametrize("way", ["replaced", "led elsewhere"])
def test_a_look_does_not_follow_another_one_and_a_launch_says_so_once(
    lab: Lab, scratch: Path, way: str
) -> None:
    own = make_repository(scratch / "own")
    if way == "led elsewhere":
        git(own, "worktree", "add", "-q", "-b", "mine", str(scratch / "linked"))
        own = scratch / "linked"
    flags = ["--issue", "1", "--project", "p", "--workdir", str(own)]
    for _ in range(2):
        done = lab.run(flags, ["true"])
        assert (done.returncode, "git directory" in done.stderr) == (0, False), done.stderr
    plant = "mv .git aside && git init -q other && mv other/.git ."
    if way == "led elsewhere":
        plant = "mv .git aside && git init -q other && echo 'gitdir: other/.git' >.git"
    assert lab.run(flags, ["sh", "-c", plant]).returncode == 0
    assert "not followed" in str(shown(lab, lab.cwd))
    done = lab.run(flags, ["true"])
    assert (done.returncode, done.stderr.count("was another one")) == (0, 1), done.stderr
    done = lab.run(flags, ["true"])
    assert (done.returncode, "git directory" in done.stderr) == (0, False), done.stderr
    assert "not followed" not in str(shown(lab, lab.cwd))
