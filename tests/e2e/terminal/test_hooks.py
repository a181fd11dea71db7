"""Hooks around an agent at a terminal: the terminal is the person's while they run."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import cast

import pytest
from support.lab import Lab
from support.model.codex_responses import Json
from support.terminal.person import Typed, children, job, state_of, typed

PLAIN = ["--issue", "1", "--no-repo", "--agent", "generic"]
AGENT = "echo agent >>trail; read -r x; echo got $x; exit 5"


def holding(gate: Path, and_then: str) -> str:
    """Return a hook that says it is there, waits until ``gate`` is gone, and goes on."""
    loud = "echo from-a-hook; echo from-a-hook >&2; tty </dev/tty && echo has-a-terminal"
    return f"{loud}; touch {gate}; while test -e {gate}; do sleep 0.02; done; {and_then}"


def wait_for_hook(run: Typed, gate: Path) -> None:
    run.screen.wait_until(gate.exists)
    assert not run.screen.is_raw
    assert run.screen.settings == run.before


def stop_and_continue(run: Typed, lab: Lab, hook: str) -> None:
    """Press Ctrl-Z during a hook: the job stops with it; continue the job, and the hook goes on."""
    # A hook can be at its gate before the launch has written down that it began.
    run.screen.wait_until(lambda: pids_of(lab, hook))
    (pid,) = pids_of(lab, hook)
    run.screen.type("\x1a")
    run.screen.wait_for(r"\[stopped\]")
    run.screen.wait_until(lambda: state_of(run.guardian) == "T")
    # A shell whose child was stopped between vfork and exec waits for that one ("D").
    run.screen.wait_until(lambda: all(state_of(each) in "TZD" for each in (pid, *children(pid))))
    assert run.screen.settings == run.before
    os.killpg(run.guardian, signal.SIGCONT)
    run.screen.wait_until(lambda: state_of(pid) != "T")


def pids_of(lab: Lab, hook: str) -> list[int]:
    hooks = [event for event in events_of(lab) if event["event"] == "hook.started"]
    return [int(str(event["pid"])) for event in hooks if event["name"] == hook]


def events_of(lab: Lab) -> list[Json]:
    (path,) = lab.workspaces_root.glob("*/*/*/.codexlab/runs/*/events.ndjson")
    return [json.loads(line) for line in path.read_text().splitlines()]


def log_of(lab: Lab, name: str) -> list[str]:
    text = (lab.run_directory(lab.records[0]) / f"hook-{name}.log").read_text()
    return [line for line in text.splitlines() if "/dev/tty" not in line]


def hooks_of(lab: Lab) -> dict[str, Json]:
    hooks = cast("list[Json]", lab.records[0]["hooks"])
    return {str(hook["name"]): hook for hook in hooks}


def test_what_hooks_say_is_in_their_logs_and_what_is_typed_meanwhile_is_the_agents(
    lab: Lab, scratch: Path
) -> None:
    before, after = scratch / "before", scratch / "after"
    flags = [
        *PLAIN,
        *("--hook-before-run", holding(before, "echo before >>trail")),
        *("--hook-after-run", holding(after, "echo after >>trail; echo $CODEXLAB_RUN_REASON")),
    ]
    with typed(lab, flags, ["sh", "-c", AGENT]) as run:
        wait_for_hook(run, before)
        run.screen.type("word\r")
        # Echoed by the terminal itself, so it is there before the agent's is joined to it.
        run.screen.wait_for("word\r\n")
        before.unlink()
        run.screen.wait_for("got word")
        wait_for_hook(run, after)
        after.unlink()
        assert run.wait_end() == 5
        assert b"from-a-hook" not in run.screen.shown
    assert (lab.workspace / "workdir" / "trail").read_text().split() == ["before", "agent", "after"]
    assert log_of(lab, "before_run") == ["from-a-hook"] * 2
    assert log_of(lab, "after_run") == ["from-a-hook", "from-a-hook", "exited"]


def test_ctrl_z_during_before_run_stops_the_hook_with_the_job_and_fg_continues_both(
    lab: Lab, scratch: Path
) -> None:
    gate = scratch / "gate"
    flags = [*PLAIN, "--hook-before-run", holding(gate, "echo before >>trail")]
    with job(lab, flags, ["sh", "-c", AGENT]) as run:
        wait_for_hook(run, gate)
        for _ in range(2):
            stop_and_continue(run, lab, "before_run")
        gate.unlink()
        run.screen.wait_until(lambda: run.screen.is_raw)
        run.screen.type("word\r")
        run.screen.wait_for("got word")
        assert run.wait_end() == 5
        assert run.screen.settings == run.before
    assert (lab.workspace / "workdir" / "trail").read_text().split() == ["before", "agent"]


@pytest.mark.parametrize(("key", "status", "signum"), [("\x03", 130, 2), ("\x1c", 131, 3)])
def test_ctrl_c_during_before_run_ends_the_run_and_the_agent_never_starts(
    lab: Lab, scratch: Path, key: str, status: int, signum: int
) -> None:
    gate = scratch / "gate"
    flags = [*PLAIN, "--hook-before-run", holding(gate, "true")]
    with job(lab, flags, ["sh", "-c", AGENT]) as run:
        wait_for_hook(run, gate)
        run.screen.type(key)
        assert run.wait_end() == status
        assert run.screen.settings == run.before
    (record,) = lab.records
    assert (record["reason"], record.get("pid")) == ("cancelled", None)
    hook = hooks_of(lab)["before_run"]
    assert (hook["status"], hook["signal"], hook["left"]) == ("cancelled", signum, 0)


def test_ctrl_c_during_after_run_ends_the_hook_and_the_status_stays_the_agents(
    lab: Lab, scratch: Path
) -> None:
    gate = scratch / "gate"
    flags = [*PLAIN, "--hook-after-run", holding(gate, "true")]
    with job(lab, flags, ["sh", "-c", AGENT]) as run:
        run.screen.wait_until(lambda: run.screen.is_raw)
        run.screen.type("word\r")
        run.screen.wait_for("got word")
        wait_for_hook(run, gate)
        stop_and_continue(run, lab, "after_run")
        run.screen.type("\x03")
        assert run.wait_end() == 5
        assert run.screen.settings == run.before
    assert lab.records[0]["reason"] == "exited"
    assert hooks_of(lab)["after_run"]["status"] == "cancelled"
