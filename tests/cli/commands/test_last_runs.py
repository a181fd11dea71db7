"""``codexlab workspace`` tells how the last run ended and which workspaces there are."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Iterator

import pytest
from support.lab import Lab, Running

FLAGS = ["--agent", "generic", "--no-repo"]


def launch(lab: Lab, *flags: str) -> subprocess.CompletedProcess[str]:
    return lab.run(["--issue", "1", *FLAGS, *flags], ["true"])


def shown(lab: Lab) -> dict[str, object]:
    (found,) = json.loads(lab.codexlab("workspace", "show", "1", "--json").stdout)
    return {name: found[name] for name in ("last_reason", "last_exit", "last_outcome")}


@pytest.mark.parametrize("earlier", [False, True])
def test_a_run_that_was_refused_is_told_of_as_by_ps(lab: Lab, earlier: bool) -> None:
    if earlier:
        assert launch(lab).returncode == 0
        assert "exited 0" in lab.codexlab("workspace", "list").stdout
    assert launch(lab, "--require-artifacts").returncode == 125
    listed = json.loads(lab.codexlab("ps", "--all", "--json").stdout)[0]
    assert (listed["reason"], listed["exit_status"]) == ("launch-failed", 125)
    assert lab.codexlab("workspace", "list").stdout.splitlines()[1].endswith("launch-failed 125")
    assert shown(lab) == {
        "last_reason": "launch-failed",
        "last_exit": 125,
        "last_outcome": listed["agent_outcome"],
    }


@pytest.fixture
def busy(lab: Lab) -> Iterator[Running]:
    flags = ["--issue", "1", *FLAGS, "--stdin", "inherit"]
    words = ["sh", "-c", "echo ready; read line"]
    with lab.started(flags, words, stdin=subprocess.PIPE) as run:
        assert run.process.stdout is not None
        assert run.process.stdout.readline() == b"ready\n"
        yield run
        run.signal(signal.SIGTERM)
        run.finish()


def test_the_advice_about_a_busy_workspace_can_be_followed(lab: Lab, busy: Running) -> None:
    end = f"or end it: codexlab stop {busy.wait_for_event('child.spawned')['run_id']}\n"
    removal = lab.codexlab("workspace", "remove", "1")
    assert removal.returncode == 75
    assert removal.stderr.endswith(f"; wait for its end, {end}")
    assert launch(lab).stderr.endswith(f"; wait with --wait, {end}")
    waited = launch(lab, "--wait=0.2s")
    assert waited.returncode == 75
    assert f"; still busy after 0.2s; wait longer, {end}" in waited.stderr


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--agent", "codex"], "issue 1: no workspace with --agent codex below"),
        (["--project", "foo"], "issue 1: no workspace with --project foo below"),
    ],
)
def test_a_filter_that_leaves_nothing_is_named(lab: Lab, flags: list[str], said: str) -> None:
    assert launch(lab, "--project", "shop").returncode == 0
    done = lab.codexlab("workspace", "path", "1", *flags)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (125, "", 1)
    assert said in done.stderr
    assert done.stderr.endswith("; there is shop/generic\n")


def test_an_agent_that_nobody_knows_is_refused(lab: Lab) -> None:
    done = lab.codexlab("workspace", "path", "1", "--agent", "foo")
    assert done.returncode == 125
    assert done.stderr == (
        "codexlab: --agent foo: no such agent; expected one of codex, claude, generic\n"
    )
