"""Remove a workspace, from a call that a trace knows on."""

import os
import sys
from pathlib import Path

from codexlab.workspace.gc.remove import remove_workspace
from codexlab.workspace.paths import WorkspaceKey, locate_workspace

key = WorkspaceKey("shop", "123", "codex")
paths = locate_workspace(Path(sys.argv[1]) / "workspaces", key)
os.path.exists("/the/launch/begins/here")
remove_workspace(paths, key)
