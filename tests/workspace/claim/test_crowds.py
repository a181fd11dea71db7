"""Many processes at once on one workspace, and on one repository."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from support.commands import program

from codexlab.workspace.claim.claim import claim_workspace
from codexlab.workspace.paths import WorkspaceKey, locate_workspace

CLAIM = program("claims_when_told")


def crowd(arguments: list[list[str]]) -> list[str]:
    """Let them all go at once; return what each says after its attempt."""
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", CLAIM, *each],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for each in arguments
    ]
    try:
        pipes = [(process.stdin, process.stdout) for process in processes]
        for _, output in pipes:
            assert output is not None
            assert output.readline() == "ready\n"
        for control, _ in pipes:
            assert control is not None
            control.write("go\n")
            control.flush()
        return [output.readline().strip() for _, output in pipes if output is not None]
    finally:
        for process in processes:
            process.communicate("end\n")


def test_of_fifty_claimers_exactly_one_wins(root: Path) -> None:
    assert Counter(crowd([[str(root), "123"]] * 50)) == {"won": 1, "busy": 49}
    key = WorkspaceKey("shop", "123", "codex")
    claim_workspace(locate_workspace(root, key), key).release()


def test_worktrees_of_one_repository_made_at_once_are_all_whole(
    root: Path, make_repo: Callable[..., Path], git: Callable[..., str]
) -> None:
    repo = make_repo(commits=3)
    issues = [str(number) for number in range(12)]
    assert crowd([[str(root), issue, str(repo)] for issue in issues]) == ["won"] * 12
    assert len(git(repo, "worktree", "list").splitlines()) == 13
    for issue in issues:
        workdir = root / "shop" / issue / "codex/workdir"
        assert git(workdir, "status", "--porcelain") == ""
        assert git(workdir, "branch", "--show-current") == f"codexlab/{issue}/codex"
