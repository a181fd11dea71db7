"""Claim a workspace, prepare its workdir and heal its home; say what was refused."""

import sys
from pathlib import Path

from codexlab.kernel.errors import CodexlabError
from codexlab.workspace.claim.claim import claim_workspace
from codexlab.workspace.codex_home.heal import heal_codex_home
from codexlab.workspace.git.checkout import inspect_checkout
from codexlab.workspace.paths import WorkspaceKey, locate_workspace
from codexlab.workspace.workdir.plan import choose_workdir
from codexlab.workspace.workdir.prepare import prepare_workdir

root, start, shared = map(Path, sys.argv[1:4])
key = WorkspaceKey("shop", "123", "codex")
paths = locate_workspace(root, key)
try:
    claim = claim_workspace(paths, key)
    prepare_workdir(claim, choose_workdir(inspect_checkout(start), paths))
    heal_codex_home(paths, shared)
except CodexlabError as error:
    sys.exit(f"{type(error).__name__}: {error}")
