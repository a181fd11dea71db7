"""Choose a workdir, and prepare it when told to."""

import sys
from pathlib import Path

from codexlab.workspace.claim.claim import claim_workspace
from codexlab.workspace.git.checkout import inspect_checkout
from codexlab.workspace.paths import WorkspaceKey, locate_workspace
from codexlab.workspace.workdir.plan import choose_workdir
from codexlab.workspace.workdir.prepare import prepare_workdir

root, repo = map(Path, sys.argv[1:])
key = WorkspaceKey("shop", "123", "codex")
paths = locate_workspace(root, key)
plan = choose_workdir(inspect_checkout(repo), paths)
print("planned", flush=True)
sys.stdin.read()
claim = claim_workspace(paths, key)
print(prepare_workdir(claim, plan).branch)
claim.release()
