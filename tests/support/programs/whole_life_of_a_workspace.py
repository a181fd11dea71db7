"""Prepare, heal, survey and remove a workspace beside a home that cannot be written."""

import sys
from pathlib import Path

from codexlab.workspace.claim.claim import claim_workspace
from codexlab.workspace.codex_home.heal import heal_codex_home
from codexlab.workspace.errors import WorkspaceBusy
from codexlab.workspace.gc.remove import remove_workspace
from codexlab.workspace.gc.survey import survey_workspaces
from codexlab.workspace.git.checkout import inspect_checkout
from codexlab.workspace.paths import WorkspaceKey, locate_workspace
from codexlab.workspace.workdir.plan import choose_workdir
from codexlab.workspace.workdir.prepare import prepare_workdir

home = Path(sys.argv[1])
shared, key = home / "codex", WorkspaceKey("shop", "123", "codex")
for name in ("sessions", "archived_sessions", "thread-writer-locks"):
    (shared / name).mkdir(parents=True)
(shared / "auth.json").write_text("{}")
shared.chmod(0o500)
paths = locate_workspace(home / "ws", key)
claim = claim_workspace(paths, key)
workdir = prepare_workdir(claim, choose_workdir(inspect_checkout(home), paths))
report = heal_codex_home(paths, shared)
assert report.warnings == (), report
try:
    claim_workspace(paths, key)
except WorkspaceBusy:
    print("busy")
(survey,) = survey_workspaces(home / "ws")
assert survey.busy
claim.release()
remove_workspace(paths, key)
print("removed")
