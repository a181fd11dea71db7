"""``codexlab resume`` names the program that was typed, or says why nothing can go on."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from support.lab import Lab
from support.processes.killing import kill_at_once

FLAGS = ["--issue", "1"]


def refused(lab: Lab, *words: str) -> str:
    done = lab.codexlab("resume", *words)
    assert (done.returncode, done.stdout) == (125, "")
    (line,) = done.stderr.splitlines()
    return line


def a_codex(scratch: Path, script: str) -> Path:
    program = scratch / "codex"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return program


def test_an_agent_without_threads_and_an_issue_without_a_thread_are_said_to_be_so(
    lab: Lab, scratch: Path
) -> None:
    assert refused(lab, "1") == "codexlab: 1: no run has that name; see codexlab ps --all"
    assert lab.run([*FLAGS, "--agent", "generic"], ["true"]).returncode == 0
    assert refused(lab, "1") == (
        "codexlab: issue 1: agent generic has no threads; expected ISSUE/codex or ISSUE/claude"
    )
    assert lab.run(FLAGS, [a_codex(scratch, "exit 3")]).returncode == 3
    assert refused(lab, "1/codex") == (
        "codexlab: issue 1: no run of codex has started a thread there"
    )
    assert "no threads" in refused(lab, "1/generic")


def test_a_record_that_an_agent_wrote_names_no_program_to_start(lab: Lab, scratch: Path) -> None:
    """The run is killed, so that its record alone tells how it ended."""
    program = a_codex(scratch, "echo ready; sleep 60")
    with lab.started(FLAGS, [program, "exec", "go"]) as run:
        assert run.process.stdout is not None
        assert run.process.stdout.readline() == b"ready\n"
        (record,) = lab.records
        kill_at_once(run.guardian, run.supervisor)
        run.process.wait(10)
        forged = {**record, "command": ["/forged/codex"], "reason": "exited", "thread": "forged"}
        forged["workdir"] = {"path": "/forged", "kind": "given"}
        (lab.run_directory(record) / "record.json").write_text(json.dumps(forged))
        assert lab.codexlab("reap").returncode == 0
    told = lab.codexlab("resume", "1").stdout
    # Its directory is the run's own, however it is said to be come by.
    told = told.replace(f"--workdir {lab.workspace}/workdir ", "")
    assert told == f"codexlab-run --issue 1 -i -- {program} resume forged\n"


def test_a_workspace_that_another_state_directory_knows_gives_no_program_either(
    lab: Lab, scratch: Path
) -> None:
    """The history is made anew of the records that are there."""
    program = a_codex(scratch, "true")
    assert lab.run(FLAGS, [program, "exec", "go"]).returncode == 0
    (record,) = lab.records
    forged = {**record, "thread": "t1"}
    (lab.run_directory(record) / "record.json").write_text(json.dumps(forged))
    anew = replace(lab, environ={**lab.environ, "XDG_STATE_HOME": str(scratch / "anew")})
    told = anew.codexlab("resume", "1")
    assert told.stdout == "codexlab-run --issue 1 -i -- codex resume t1\n", told.stderr
