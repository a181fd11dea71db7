"""Let an agent make something in its workspace, and ask whether the workspace may go."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from ..lab import Lab

WORKTREE: Final = ("--issue", "1", "--agent", "generic")
"""The flags of a launch whose workdir is a worktree of the caller's repository."""

PLAIN: Final = (*WORKTREE, "--no-repo", "--project", "p")
"""The flags of a launch whose workdir belongs to no repository."""

ME: Final = "git config user.name me; git config user.email me@localhost; "
"""The words of a shell that let git commit."""


def work(lab: Lab, script: str, flags: Sequence[str] = WORKTREE) -> Path:
    """Let an agent run a script of the shell in its workdir, and return the workspace."""
    done = lab.run(flags, ["sh", "-ec", script])
    assert done.returncode == 0, done.stderr
    return lab.workspace


def workspace(lab: Lab, *words: str) -> subprocess.CompletedProcess[str]:
    """Run ``codexlab workspace`` with these words."""
    return lab.codexlab("workspace", *words)


def only_here(lab: Lab) -> list[str]:
    """Return the lines that say what exists in the workspace of issue 1 alone."""
    (found,) = json.loads(workspace(lab, "show", "1", "--json").stdout)
    return list(found["only_here"])


def collected(lab: Lab) -> dict[str, Any]:
    """Let ``gc`` delete what may go, and return what it says of the one workspace."""
    done = workspace(lab, "gc", "--apply", "--idle", "0s", "--json")
    (found,) = json.loads(done.stdout)["workspaces"]
    return dict(found)
