"""Many workspaces with trees that git never ends listing: the commands still end soon."""

from __future__ import annotations

import json
import shutil
import subprocess
import time

import pytest
from support.lab import Lab
from support.users.callers import caller_named

from codexlab.workspace.gc.verdict import LEAST_SECONDS, TOGETHER_SECONDS

# What is tried here is git, the kernel or a disk: the same for each Python.
pytestmark = pytest.mark.one_python

# A commit of a few objects with ten to the eighth names.
BOMB = """
b=$(echo x | git hash-object -w --stdin)
t=$(for i in 0 1 2 3 4 5 6 7 8 9; do printf '100644 blob %s\\tf%s\\n' $b $i; done | git mktree)
for level in 1 2 3 4 5 6 7; do
 t=$(for i in 0 1 2 3 4 5 6 7 8 9; do printf '040000 tree %s\\td%s\\n' $t $i; done | git mktree)
done
git update-ref HEAD $(git -c user.name=me -c user.email=me@localhost commit-tree -m bomb $t)
"""
MANY = 8
GC = ("--idle", "0s", "--json")


def test_all_commands_end_and_each_bomb_is_one_line(
    request: pytest.FixtureRequest, lab: Lab
) -> None:
    flags = ["--no-repo", "--project", "p", "--agent", "generic", "--issue"]
    for issue in range(MANY):
        done = lab.run([*flags, str(issue)], ["true"])
        assert done.returncode == 0, done.stderr
    first, *others = (lab.workspaces_root / f"p/{issue}/generic/workdir" for issue in range(MANY))
    subprocess.run(["sh", "-ec", BOMB], cwd=first, check=True)
    for other in others:
        shutil.rmtree(other / ".git")
        shutil.copytree(first / ".git", other / ".git")
    caller = caller_named("root", request, lab, lab.cwd)
    spent: dict[str, float] = {}
    told: dict[str, str] = {}
    for words in (["workspace", "list"], ["ps", "--all"], ["workspace", "gc", *GC]):
        begun = time.monotonic()
        done = caller.codexlab(*words, cwd=lab.cwd)
        spent[words[1]], told[words[1]] = time.monotonic() - begun, done.stdout
        assert done.returncode == 0, done.stderr
    assert spent["list"] < 10
    assert spent["--all"] < 10
    # Ten seconds for each one would be eighty.
    assert spent["gc"] < TOGETHER_SECONDS + MANY * (LEAST_SECONDS + 2)
    rows = json.loads(told["gc"])["workspaces"]
    assert [(row["action"], "judged" in str(row["findings"])) for row in rows] == [
        ("keep", True)
    ] * MANY
