"""A machine that got another name is still the machine; another machine's runs end in no circle."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable

import pytest
from support.lab import Lab, wait_until_gone, wait_until_running
from support.processes.killing import kill_at_once

MARK = "141.77"
ISSUE = ("--issue", "1", "--agent", "generic", "--no-repo", "--containment", "subreaper")
RUN = ("codexlab-run", *ISSUE, "--", "true")
Call = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def renamed(lab: Lab) -> Call:
    """Return a function that runs a command of ours after the machine got another name."""
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        pytest.skip("a name of one's own for the machine needs root and unshare")

    def call(*words: str) -> subprocess.CompletedProcess[str]:
        program = lab.program.with_name(words[0])
        script = 'hostname renamed.example && exec "$@"'
        argv = ["unshare", "--uts", "sh", "-c", script, "sh", str(program), *words[1:]]
        return lab.call(argv)

    return call


@pytest.mark.parametrize("way", ["reap", "launch"])
def test_what_a_dead_run_left_is_ended_though_the_machine_was_renamed_since(
    way: str, lab: Lab, renamed: Call
) -> None:
    with lab.started(ISSUE, ["sh", "-c", f"setsid sleep {MARK} & wait"]) as run:
        run.wait_for_event("child.spawned")
        left = wait_until_running(f"sleep {MARK}", 1)
        kill_at_once(run.guardian, run.supervisor)
        run.process.wait(30)
        seen = json.loads(renamed("codexlab", "ps", "--json").stdout)
        refused = renamed("codexlab", "workspace", "remove", "1", "--force")
        assert (refused.returncode, "see 'codexlab reap'" in refused.stderr) == (125, True)
        done = renamed("codexlab", "reap") if way == "reap" else renamed(*RUN)
        assert done.returncode == 0, done.stderr
        assert wait_until_gone(left) == set()
        assert "elsewhere" not in json.dumps(seen)
    assert renamed("codexlab", "workspace", "remove", "1", "--force").returncode == 0


def test_force_removes_what_was_left_on_another_machine_and_no_advice_leads_in_a_circle(
    lab: Lab,
) -> None:
    assert lab.run(ISSUE, ["true"]).returncode == 0
    owner = lab.workspace / ".codexlab" / "owner.json"
    # A later run, of which our state directory cannot know: it was on the other machine.
    changes = {"host": "elsewhere.example", "boot_id": "its own", "contained": False}
    later = {"run_id": "20991231T235959-000001-abcdef"}
    owner.write_text(json.dumps({**json.loads(owner.read_text()), **changes, **later}))

    def call(*words: str) -> subprocess.CompletedProcess[str]:
        return lab.codexlab(*words)

    assert "workspace remove --force" in call("reap").stdout
    refused = call("workspace", "remove", "1")
    assert refused.returncode == 125
    assert "'codexlab reap' on elsewhere.example, or delete it all the same with --force" in (
        refused.stderr
    )
    assert call("workspace", "gc", "--apply", "--force", "--idle", "0s").returncode == 0
    root = lab.workspace
    assert call("workspace", "remove", "1", "--force").returncode == 0
    assert not root.exists()
