"""Merge the configurations of a home, from a call that a trace knows on."""

import os
import sys
from pathlib import Path

from codexlab.workspace.claim.claim import claim_workspace
from codexlab.workspace.codex_home.heal import mend_codex_home
from codexlab.workspace.paths import WorkspaceKey, locate_workspace

base = Path(sys.argv[1])
key = WorkspaceKey("shop", "123", "codex")
paths = locate_workspace(base / "workspaces", key)
os.path.exists("/the/launch/begins/here")
claim = claim_workspace(paths, key)
mend_codex_home(paths, base / "home", merge=True)
claim.release()
