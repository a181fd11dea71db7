"""``codexlab wait`` waits for the end of runs, and exits with the status of the worst."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from support.lab import Lab
from support.processes.killing import kill_at_once
from support.processes.starting import started_program

FLAGS = ["--agent", "generic", "--no-repo", "--stdin", "inherit"]
UNTIL_A_LINE = ["sh", "-c", "echo ready; read line; exit $line"]


def test_it_waits_for_all_and_tells_the_worst(lab: Lab) -> None:
    with (
        lab.started(["--issue", "1", *FLAGS], UNTIL_A_LINE, stdin=subprocess.PIPE) as first,
        lab.started(["--issue", "2", *FLAGS], UNTIL_A_LINE, stdin=subprocess.PIPE) as second,
    ):
        first.wait_for_event("child.spawned")
        second.wait_for_event("child.spawned")
        words: list[str | Path] = [lab.program.with_name("codexlab"), "wait", "1", "2"]
        with started_program(words, lab.environ, lab.cwd) as waiting:
            assert waiting.stdout is not None
            for run, status, issue in ((second, 3, "2"), (first, 0, "1")):
                assert waiting.poll() is None
                run.process.communicate(f"{status}\n".encode(), timeout=30)
                line = waiting.stdout.readline()
                assert line == f"{issue} generic has ended: exit {status}; nothing left running\n"
            assert waiting.wait(10) == 3
    again = lab.codexlab("wait", "2", "1")
    assert (again.returncode, len(again.stdout.splitlines())) == (3, 2)


def test_quiet_says_nothing_and_json_all(lab: Lab) -> None:
    assert lab.run(["--issue", "1", *FLAGS], ["sh", "-c", "exit 3"]).returncode == 3
    quiet = lab.codexlab("wait", "-q", "1")
    assert (quiet.returncode, quiet.stdout, quiet.stderr) == (3, "", "")
    told = lab.codexlab("wait", "--json", "-")
    (found,) = json.loads(told.stdout)
    assert told.returncode == 3
    assert (found["issue"], found["action"], found["exit_status"]) == ("1", "ended", 3)


def test_after_its_time_the_runs_go_on(lab: Lab) -> None:
    with lab.started(["--issue", "1", *FLAGS], UNTIL_A_LINE, stdin=subprocess.PIPE) as run:
        run_id = run.wait_for_event("child.spawned")["run_id"]
        done = lab.codexlab("wait", "--timeout", "100ms", "1", "1")
        assert (done.returncode, done.stdout) == (124, "")
        assert done.stderr == (
            f"codexlab: 1 generic goes on; codexlab wait {run_id} waits for its end\n"
        )
        (found,) = json.loads(lab.codexlab("wait", "--timeout", "1ms", "1", "--json").stdout)
        assert (found["action"], found["finished"]) == ("running", None)
        run.process.communicate(b"0\n", timeout=30)
    assert run.process.returncode == 0


def test_the_end_of_a_run_whose_guardian_was_killed_is_waited_for(lab: Lab) -> None:
    with lab.started(["--issue", "1", *FLAGS], UNTIL_A_LINE, stdin=subprocess.PIPE) as run:
        run.wait_for_event("child.spawned")
        words: list[str | Path] = [lab.program.with_name("codexlab"), "wait", "1"]
        with started_program(words, lab.environ, lab.cwd) as waiting:
            assert waiting.poll() is None
            kill_at_once(run.guardian)
            said = waiting.communicate(timeout=20)
            assert waiting.returncode == 125, said
        assert "(supervisor-lost)" in said[0]


def test_a_run_that_was_killed_has_no_status(lab: Lab) -> None:
    with lab.started(["--issue", "1", *FLAGS], UNTIL_A_LINE, stdin=subprocess.PIPE) as run:
        run.wait_for_event("child.spawned")
        kill_at_once(run.guardian, run.supervisor)
        run.process.wait(10)
        done = lab.codexlab("wait", "1")
        assert (done.returncode, done.stdout) == (125, "")
        assert "codexlab reap ends them" in done.stderr
        assert lab.codexlab("reap").returncode == 0
