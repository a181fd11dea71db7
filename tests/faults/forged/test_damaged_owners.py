"""A run whose ``owner.json`` its agent took away or damaged is found by ``reap`` all the same."""

from __future__ import annotations

import json
import os
import select
import subprocess
from typing import Any, cast

import pytest
from support.commands import codexlab
from support.lab import Lab, running
from support.processes.killing import kill_at_once

pytestmark = pytest.mark.one_python

MARK = "272.91"
FLAGS = ["--issue", "1", "--agent", "generic", "--no-repo", "--stdin", "inherit"]


@pytest.mark.parametrize(
    "damage", ["rm owner.json", "echo no >owner.json", "rm owner.json; mkfifo owner.json"]
)
def test_reap_ends_what_a_run_without_a_readable_owner_left(lab: Lab, damage: str) -> None:
    agent = (
        f'cd "$CODEXLAB_RUN_WORKDIR/../.codexlab"; {damage};'
        f" setsid sleep {MARK} & echo ready; read line"
    )
    with lab.started(FLAGS, ["sh", "-c", agent], stdin=subprocess.PIPE) as run:
        assert run.process.stdout is not None
        assert run.process.stdout.readline() == b"ready\n"
        child = os.pidfd_open(run.wait_for_event("child.spawned")["pid"])
        kill_at_once(run.guardian, run.supervisor)
        select.select([child], [], [], 30)
        os.close(child)
        run.process.wait(30)
        assert running(f"sleep {MARK}"), "the run left nothing to end"
        row = reap(lab)
        if row["action"] == "failed":
            # Nobody's file is deleted unasked, and the row says what to do.
            assert row["why"].endswith("delete it and reap again")
            (lab.workspace / ".codexlab/owner.json").unlink()
            row = reap(lab)
        assert (row["action"], row["left"]) == ("ended", 0), row
        assert running(f"sleep {MARK}") == set()


def reap(lab: Lab) -> dict[str, Any]:
    """Return the one row of ``codexlab reap``."""
    done = codexlab(lab.environ, "reap", "--json")
    assert "Traceback" not in done.stderr
    (row,) = json.loads(done.stdout)["runs"]
    return cast("dict[str, Any]", row)
