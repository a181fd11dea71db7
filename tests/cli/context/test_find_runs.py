"""The runs that can be named are those that the state directory knows; others are said to be so."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from support.lab import Lab
from support.users.unprivileged import Unprivileged

from codexlab.cli.context.find_runs import ForeignRun, current_project, find_run, find_runs
from codexlab.cli.context.run_names import UnknownRun

FLAGS = ["--agent", "generic"]


def test_a_run_that_has_ended_is_found_by_each_of_its_names(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    for issue in ("1", "2"):
        assert lab.run(["--issue", issue, *FLAGS], ["true"]).returncode == 0
    first, second = lab.records
    monkeypatch.chdir(lab.cwd)
    assert find_run("1").run_id == first["run_id"]
    assert find_run(f"{first['project']}/1/generic").run_id == first["run_id"]
    assert find_run(str(first["run_id"]).partition("-")[2]).run_id == first["run_id"]
    assert find_run("-").run_id == second["run_id"]
    # A run that is named twice is there once.
    named = find_runs(["2", "1", str(second["run_id"])])
    assert [entry.run_id for entry in named] == [second["run_id"], first["run_id"]]


def test_a_launch_that_was_refused_hides_no_run_of_its_issue(lab: Lab) -> None:
    run_id = ""
    with lab.started(["--issue", "1", *FLAGS], ["sleep", "60"]) as run:
        run_id = str(run.wait_for_event("child.spawned")["run_id"])
        assert lab.run(["--issue", "1", *FLAGS], ["true"]).returncode == 75
        assert find_run("1").run_id == run_id
        with lab.started(["--issue", "1", "--wait", *FLAGS], ["true"]) as waiting:
            waiting.wait_for_event("run.planned")
            assert find_run("1", live_first=True).run_id == run_id
            run.process.terminate()
            run.finish()
            assert waiting.finish()[0] == 0
    assert find_run("1").run_id != run_id


def test_this_project_is_what_a_launch_from_here_would_choose(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, scratch: Path
) -> None:
    assert lab.run(["--issue", "1", *FLAGS], ["true"]).returncode == 0
    (record,) = lab.records
    monkeypatch.chdir(lab.cwd)
    assert current_project({}) == record["project"]
    monkeypatch.chdir(scratch)
    assert current_project({}) == "default"
    assert current_project({"CODEXLAB_PROJECT": "named"}) == "named"


def test_a_run_of_another_user_or_state_directory_is_said_to_be_so(
    lab: Lab, as_nobody: Unprivileged, monkeypatch: pytest.MonkeyPatch, scratch: Path
) -> None:
    """Its state directory is closed to everybody else; the kernel shows its cgroup."""
    with lab.started(["--issue", "1", "--containment", "cgroup", *FLAGS], ["sleep", "60"]) as run:
        run_id = str(run.wait_for_event("child.spawned")["run_id"])
        monkeypatch.setenv("XDG_STATE_HOME", str(scratch / "another"))
        with pytest.raises(ForeignRun, match="expected the XDG_STATE_HOME it was started with"):
            find_run(run_id)
        script = (
            "import sys; from codexlab.cli.context.find_runs import find_run; find_run(sys.argv[1])"
        )
        asked = as_nobody.run([sys.executable, "-c", script, run_id], environ=as_nobody.places())
        if os.geteuid() == 0:  # else nobody is who we are
            assert f"run {run_id} belongs to user root (uid 0); expected a run of" in asked.stderr
        run.process.terminate()
        run.finish()
    with pytest.raises(UnknownRun):
        find_run(run_id)
