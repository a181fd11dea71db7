"""Runs in the registry and their groups, for tests of who may remove one."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from codexlab.kernel.process.identity import ProcessIdentity, identify
from codexlab.supervisor.history.run_entry import RunEntry
from codexlab.supervisor.records.registry import here

RUN = "20260131T120000Z-00000001"
OTHER_RUN = "20260131T120001Z-00000002"


def make_leaf(group: Path, run_id: str) -> Path:
    """Make the leaf of a run."""
    path = group / f"codexlab-{run_id}"
    path.mkdir()
    return path


def living() -> ProcessIdentity:
    """Return a process that runs."""
    found = identify(os.getpid())
    assert found is not None
    return found


def dead() -> ProcessIdentity:
    """Return a process that has run."""
    with subprocess.Popen(["sleep", "60"]) as process:
        found = identify(process.pid)
        process.kill()
    assert found is not None
    return found


def entry(run_id: str = RUN) -> RunEntry:
    """Return the entry of a run of which both halves are dead."""
    gone = dead()
    return RunEntry(
        run_id, "p", "1", "generic", "/ws", "/ws/record.json", gone, gone, here(), "2026-01-31"
    )
