"""What codex's sandboxed tool plants in a submodule's place runs nowhere outside of the sandbox."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from support.git.repositories import git
from support.lab import Lab, Task
from support.marks import both_codex
from support.model.server import ModelFactory, run_command, say

pytestmark = pytest.mark.one_python

PLANT = """
touch "$HOME/tried" || echo refused
cd sub && git init -q && git config user.name a && git config user.email a@localhost
echo 1 >f && git add f && git commit -qm one
printf '#!/bin/sh\\ntouch "$HOME/ran"; exec cat\\n' >evil && chmod +x evil
git config filter.s.clean "$PWD/evil" && echo '* filter=s' >.gitattributes
echo 2 >f && echo planted
"""
COMMANDS = (
    ("workspace", "show", "123"),
    ("workspace", "list"),
    ("workspace", "gc", "--idle", "0s"),
    ("workspace", "gc", "--idle", "0s", "--apply"),
    ("workspace", "remove", "123"),
)


@pytest.fixture
def submodule(lab: Lab) -> None:
    """Give HEAD a submodule, whose directory a worktree has, empty and writable."""
    head = git(lab.cwd, "rev-parse", "HEAD")
    git(lab.cwd, "update-index", "--add", "--cacheinfo", f"160000,{head},sub")
    (lab.cwd / ".gitmodules").write_text('[submodule "sub"]\n\tpath = sub\n\turl = file:///no\n')
    git(lab.cwd, "add", ".gitmodules")
    git(lab.cwd, "commit", "-q", "-m", "Add a submodule")


@both_codex
@pytest.mark.usefixtures("submodule")
@pytest.mark.parametrize("flags", [[], ["--git-write"]], ids=["closed", "git-write"])
def test_a_filter_from_the_sandbox_never_runs_outside(
    lab: Lab, model: ModelFactory, task: Task, user_home: Path, flags: list[str]
) -> None:
    server = model([run_command(PLANT), say("done")])

    def codexlab(*words: str) -> None:
        done = lab.codexlab(*words)
        assert "Traceback" not in done.stderr, done.stderr
        assert not (user_home / "ran").exists(), words

    done = lab.run(["--issue", "123", *flags], task("plant"))
    assert done.returncode == 0, done.stderr
    told = server.requests[1].tool_outputs[0]
    assert "planted" in told, told
    assert "refused" in told
    assert not (user_home / "tried").exists()
    assert not (user_home / "ran").exists()
    assert lab.records[-1]["git"]["after"]["dirty"] is True
    again = lab.run(["--issue", "123", "--agent", "codex", *flags], ["true"])
    assert again.returncode == 0, again.stderr
    assert not (user_home / "ran").exists()
    for words in COMMANDS:
        codexlab(*words)
    # The plant is real: the user's own git, which is told of nothing, would start it.
    assert lab.workspace.exists()
    subprocess.run(
        ["git", "status"],
        cwd=lab.workspace / "workdir",
        env=lab.environ,
        capture_output=True,
        check=False,
    )
    assert (user_home / "ran").exists()
    (user_home / "ran").unlink()
    codexlab("workspace", "remove", "123", "--force")
    assert not list(lab.workspaces_root.glob("*/*/*/.codexlab"))
