"""Write into records of a workspace what its agent could have written there."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..lab import Lab
from ..users.unprivileged import Unprivileged


def as_ordinary_user(lab: Lab, scratch: Path, user: Unprivileged) -> Lab:
    """Return a caller whose runs are an ordinary user's, in a home of that user's own."""
    home = user.home
    lab.environ.update(user.places(), HOME=str(home), CODEX_HOME=str(home / ".codex"))
    program = scratch / "codexlab-run"
    words = shlex.join(user.argv([lab.program]))
    program.write_text(f'#!/bin/sh\nexec {words} "$@"\n')
    program.chmod(0o755)
    return replace(lab, program=program, workspaces_root=home / "ws")


def codexlab(lab: Lab, *words: str) -> subprocess.CompletedProcess[str]:
    """Run ``codexlab`` as the user that the runs are of."""
    prefix: list[str | Path] = []
    if lab.program.parent != Path(sys.executable).parent:
        told = shlex.split(lab.program.read_text().splitlines()[1])
        prefix = list(told[1 : told.index("--") + 1])
    program = Path(sys.executable).with_name("codexlab")
    command = [*prefix, program, *words]
    return lab.call(command)


def workspace_of(lab: Lab, issue: str) -> Path:
    """Return the one workspace of an issue."""
    (found,) = lab.workspaces_root.glob(f"*/{issue}/generic")
    return found


def change(path: Path, **values: object) -> dict[str, Any]:
    """Write fields into a record as the agent of its workspace can; return what it said."""
    known: dict[str, Any] = json.loads(path.read_bytes())
    path.write_text(json.dumps({**known, **values}))
    return known
