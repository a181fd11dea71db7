"""Claim a workspace when told to, and say who won it."""

import sys
from pathlib import Path

from codexlab.workspace.claim.claim import claim_workspace
from codexlab.workspace.errors import WorkspaceBusy
from codexlab.workspace.git.checkout import inspect_checkout
from codexlab.workspace.paths import WorkspaceKey, locate_workspace
from codexlab.workspace.workdir.plan import choose_workdir
from codexlab.workspace.workdir.prepare import prepare_workdir

key = WorkspaceKey("shop", sys.argv[2], "codex")
paths = locate_workspace(Path(sys.argv[1]), key)
print("ready", flush=True)
sys.stdin.readline()
try:
    claim = claim_workspace(paths, key)
except WorkspaceBusy:
    print("busy", flush=True)
else:
    if len(sys.argv) > 3:
        prepare_workdir(claim, choose_workdir(inspect_checkout(Path(sys.argv[3])), paths))
        claim.release()
    print("won", flush=True)
sys.stdin.readline()
