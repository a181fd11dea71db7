"""A copy of a root in use: the runs of the original are not the copy's to end."""

from __future__ import annotations

import shutil
import signal
from dataclasses import replace

from support.lab import Lab, running


def test_a_launch_in_a_copy_of_a_busy_workspace_ends_nothing_and_says_why(lab: Lab) -> None:
    command = ["sh", "-c", "sleep 171.5; exit 5"]
    with lab.started(["--issue", "1"], command) as original:
        run_id = str(original.wait_for_event("child.spawned")["run_id"])
        copied = lab.workspaces_root.with_name("copy")
        # Without the worktree, whose repository knows the original alone.
        # Links as links: codex-home has some that lead to what no codex has made yet.
        without = shutil.ignore_patterns("workdir")
        shutil.copytree(lab.workspaces_root, copied, symlinks=True, ignore=without)
        environ = {**lab.environ, "CODEXLAB_WORKSPACES_ROOT": str(copied)}
        done = replace(lab, environ=environ, workspaces_root=copied).run(["--issue", "1"], ["true"])
        assert done.returncode == 125
        (line,) = done.stderr.splitlines()
        assert f"names run {run_id}, which is alive (pid {original.guardian})" in line
        assert running("sleep 171.5") != set()
        assert original.process.poll() is None
        original.signal(signal.SIGTERM)
        original.finish()
