"""Do what a launch does to a workspace, from a call that a trace knows on."""

import os
import sys
from importlib import import_module
from pathlib import Path

from codexlab.workspace.claim.claim import claim_workspace
from codexlab.workspace.codex_home.heal import heal_codex_home
from codexlab.workspace.git.checkout import inspect_checkout
from codexlab.workspace.paths import WorkspaceKey, locate_workspace
from codexlab.workspace.workdir.plan import choose_workdir
from codexlab.workspace.workdir.prepare import prepare_workdir

base, start = Path(sys.argv[1]), Path(sys.argv[2])
key = WorkspaceKey("shop", "123", "codex")
paths = locate_workspace(base / "workspaces", key)
plan = choose_workdir(inspect_checkout(start), paths)
# Loaded here, for no step of the launch is to be that of an import.
for name in ("sqlite3", "tomllib", "tomlkit"):
    import_module(name)
os.path.exists("/the/launch/begins/here")
claim = claim_workspace(paths, key)
prepare_workdir(claim, plan)
(paths.codex_home / "sessions").mkdir(parents=True)
for name in ("one", "two"):
    (paths.codex_home / f"sessions/rollout-{name}.jsonl").write_text(name)
heal_codex_home(paths, base / "home", writable_roots=["/cache"])
claim.release()
