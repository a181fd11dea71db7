"""Each thread of a run is known, and the next task goes on with the one in which it ended."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from support.agents.app_server import AppServer
from support.agents.codex import Codex
from support.lab import Lab, Running, Task
from support.marks import both_codex
from support.model.server import Gate, ModelFactory, by_prompt, hold, run_command, say
from support.rollout.transcripts import make_rollout
from support.terminal.at_codex import ask, enter
from support.terminal.person import typed


def threads(lab: Lab) -> list[str]:
    """Return the workspace's threads, newest last."""
    if not (lab.workspace / ".codexlab/threads.json").exists():
        return []
    content = json.loads((lab.workspace / ".codexlab/threads.json").read_bytes())
    return [entry["id"] for entry in content["threads"]]


def test_a_thread_in_a_worktree_of_codexs_own_is_recorded_and_resumed(
    lab: Lab, model: ModelFactory, task: Task
) -> None:
    server = model([say("first"), say("second")])
    first = lab.run(["--issue", "1"], task("--worktree", "one"))
    assert first.returncode == 0, first.stderr
    (record,) = lab.records
    assert record["thread"] == json.loads(first.stdout.splitlines()[0])["thread_id"]
    done = lab.run(["--issue", "1"], task("{resume}", "two"))
    assert done.returncode == 0, done.stderr
    assert server.requests[1].prompts == ["one", "two"]


@both_codex
def test_a_thread_that_the_stream_names_is_the_runs_wherever_it_works(
    lab: Lab, model: ModelFactory, task: Task, scratch: Path
) -> None:
    server = model([say("first"), say("second")])
    elsewhere = scratch / "elsewhere"
    elsewhere.mkdir()
    words = ["--skip-git-repo-check", "-C", str(elsewhere), "one"]
    assert lab.run(["--issue", "1"], task(*words)).returncode == 0
    assert lab.records[0]["thread"]
    assert lab.run(["--issue", "1"], task("{resume}", "two")).returncode == 0
    assert server.requests[1].prompts == ["one", "two"]


def test_a_thread_elsewhere_is_known_by_the_rollout_that_the_run_holds_open(
    lab: Lab, model: ModelFactory, codex: Codex, scratch: Path
) -> None:
    gate = Gate()
    model([hold(gate, say("first"))])
    elsewhere = scratch / "elsewhere"
    elsewhere.mkdir()
    words: list[str | Path] = [codex.native, "exec", "--skip-git-repo-check", "-C", elsewhere]
    with lab.started(["--issue", "1"], [*words, "one"]) as run:
        run.wait_for_gate(gate)
        event = run.wait_for_event("thread.started")
        gate.open()
        assert run.finish()[0] == 0
    assert lab.records[0]["thread"] == event["thread"]


@both_codex
def test_the_thread_of_an_app_server_in_which_the_run_ended_is_the_newest(
    lab: Lab, model: ModelFactory, codex: Codex, task: Task
) -> None:
    server = model(lambda request: say(f"heard {request.prompt}"))
    flags = ["--issue", "1", "--stdin", "inherit"]
    with lab.started(flags, [codex.native, "app-server"], stdin=subprocess.PIPE) as run:
        client = AppServer(run.process)
        first, second, third = (client.start(lab.cwd, "legacy") for _ in range(3))
        for thread, words in ((first, "one"), (second, "two"), (third, "three"), (second, "four")):
            client.turn(thread, words)
        assert run.finish()[0] == 0
    assert threads(lab) == [first, third, second]
    assert lab.records[0]["thread"] == second
    done = lab.run(["--issue", "1"], task("{resume}", "five"))
    assert done.returncode == 0, done.stderr
    assert server.requests[-1].prompts == ["two", "four", "five"]


def test_after_a_new_conversation_at_the_screen_the_second_one_goes_on(
    lab: Lab, model: ModelFactory, codex: Codex, task: Task
) -> None:
    # More than one turn: its screen asks the model for a title as well.
    answers = {
        "hello": [say("pomegranate")] * 3,
        "again": [say("persimmon")] * 3,
        "once more": [say("done")],
    }
    server = model(by_prompt(answers))
    trust = f'projects={{"{lab.cwd}"={{trust_level="trusted"}}}}'
    with typed(lab, ["--issue", "1"], [str(codex.native), "-c", trust]) as run:
        run.screen.answering = True
        run.screen.wait_for("shortcuts")
        ask(run.screen, "hello", "pomegranate")
        run.screen.wait_until(lambda: len(threads(lab)) == 1)
        enter(run.screen, "/new", lambda shown: b"conversation run" in shown)
        run.screen.type("\r")  # where we are
        run.screen.wait_for("OpenAI Codex.*shortcuts")
        ask(run.screen, "again", "persimmon")
        assert run.press_until_end("\x03") == 0
    first, second = threads(lab)
    assert lab.records[0]["thread"] == second != first
    done = lab.run(["--issue", "1"], task("{resume}", "once more"))
    assert done.returncode == 0, done.stderr
    assert server.requests[-1].prompts == ["again", "once more"]


_HOLDER = """#!/usr/bin/env python3
import sys
held = [open(path, "a") for path in sys.argv[1:]]
print("ready", flush=True)
sys.stdin.readline()
"""


def test_a_subagents_rollout_is_never_taken_for_the_session(
    lab: Lab, scratch: Path, shared_home: Path
) -> None:
    holder = scratch / "codex"
    holder.write_text(_HOLDER)
    holder.chmod(0o755)
    assert lab.run(["--issue", "1"], [holder]).returncode == 0
    workdir = lab.workspace / "workdir"
    beside, main = (make_rollout(shared_home, cwd=workdir) for _ in range(2))
    mark_source(beside, {"subagent": "review"})
    flags = ["--issue", "1", "--stdin", "inherit"]
    with lab.started(flags, [holder, beside, main], stdin=subprocess.PIPE) as run:
        event = run.wait_for_event("thread.started")
        assert run.process.stdin is not None
        run.process.stdin.write(b"\n")
        assert run.finish()[0] == 0
    assert main.stem.endswith(str(event["thread"]))
    assert threads(lab) == [event["thread"]]


def test_a_rollout_that_a_tool_only_reads_is_not_the_runs(
    lab: Lab, scratch: Path, shared_home: Path, model: ModelFactory, codex: Codex, task: Task
) -> None:
    gate = Gate()
    model([hold(gate, say("first"))])
    foreign = make_rollout(shared_home, cwd=scratch)
    reader = f'exec 9<"{foreign}"; "{codex.native}" exec -s workspace-write one 9<&9'
    with lab.started(["--issue", "1", "--agent", "codex"], ["sh", "-c", reader]) as run:
        run.wait_for_gate(gate)
        event = run.wait_for_event("thread.started")
        gate.open()
        assert run.finish()[0] == 0
    assert threads(lab) == [event["thread"]]
    assert not foreign.stem.endswith(str(event["thread"]))


def mark_source(rollout: Path, source: object) -> None:
    """Have a rollout say where its thread comes from."""
    first, *rest = rollout.read_text().splitlines(keepends=True)
    record = json.loads(first)
    record["payload"]["source"] = source
    rollout.write_text("".join([json.dumps(record) + "\n", *rest]))


def kill_supervisor(run: Running) -> None:
    """Kill the half that reads and writes; the guardian ends the run."""
    os.kill(run.supervisor, signal.SIGKILL)


def kill_both(run: Running) -> None:
    """Kill both halves; nobody finishes the run."""
    supervisor = run.supervisor
    os.kill(run.guardian, signal.SIGKILL)
    os.kill(supervisor, signal.SIGKILL)


@both_codex
@pytest.mark.parametrize("kill", [kill_supervisor, kill_both])
def test_a_thread_named_just_before_its_host_was_killed_is_gone_on_with(
    lab: Lab, model: ModelFactory, task: Task, kill: Callable[[Running], None]
) -> None:
    gate = Gate()
    server = model([say("zero"), hold(gate, say("first")), say("second")])
    assert lab.run(["--issue", "1"], task("zero")).returncode == 0
    with lab.started(["--issue", "1"], task("one")) as run:
        assert run.process.stdout is not None
        named = json.loads(run.process.stdout.readline())
        run.wait_for_gate(gate)
        kill(run)
        gate.open()
        run.finish()
    assert named["type"] == "thread.started"
    done = lab.run(["--issue", "1"], task("{resume}", "two"))
    assert done.returncode == 0, done.stderr
    # On TERM codex may still write down that it was interrupted.
    said = [text for text in server.requests[-1].prompts if not text.startswith("<turn_aborted>")]
    assert said == ["one", "two"]
    assert lab.records[1]["thread"] == named["thread_id"]
    assert named["thread_id"] in threads(lab)


def test_reap_finds_the_thread_of_a_run_whose_host_was_killed(
    lab: Lab, model: ModelFactory, codex: Codex
) -> None:
    gate = Gate()
    model([hold(gate, say("first"))])
    words = [str(codex.native), "exec", "-s", "workspace-write", "one"]
    with lab.started(["--issue", "1"], words) as run:
        run.wait_for_gate(gate)
        kill_both(run)
        gate.open()
        _, _, stderr = run.finish()
    named = re.search(r"^session id: (\S+)$", stderr, re.MULTILINE)
    assert named is not None
    reaped = lab.codexlab("reap")
    assert reaped.returncode == 0, reaped.stderr
    assert "1" in reaped.stdout + reaped.stderr
    assert threads(lab) == [named[1]]
    assert lab.records[0]["thread"] == named[1]


def test_a_session_of_claude_whose_host_was_killed_is_gone_on_with(
    lab: Lab, claude_model: ModelFactory, claude_task: Task, scratch: Path
) -> None:
    gate = Gate()
    server = claude_model([run_command("true"), hold(gate, say("first")), say("second")])
    with lab.started(["--issue", "1"], claude_task("one")) as run:
        run.wait_for_gate(gate)
        kill_both(run)
        gate.open()
        run.finish()
    done = lab.run(["--issue", "1"], claude_task("{resume}", "two"))
    assert done.returncode == 0, done.stderr
    assert lab.records[1]["resumed"] == lab.records[0]["thread"] is not None
    assert server.requests[-1].prompts[0] == "one"
    assert server.requests[-1].prompts[-1] == "two"
    # claude's own socket, which it cannot take away when it is killed.
    shutil.rmtree(scratch / "run/cc-socks", ignore_errors=True)
