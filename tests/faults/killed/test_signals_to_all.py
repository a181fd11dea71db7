"""An engine that signals every process of a tree asks for one thing, once, as for any run."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from pathlib import Path

import pytest
from support.git.waiting import SLEEP, add_filter, stuck_program
from support.lab import Lab, Running, running
from support.processes.killing import stopped
from support.processes.leaks import descendants

FLAGS = ["--issue", "1", "--no-repo"]
DEAF = """
import signal, sys
signal.signal(signal.SIGTERM, lambda *_: print("term"))
print("ready")
for line in iter(sys.stdin.readline, ""):
    print(line, end="")
sys.exit(5)
"""
ENDING = ["SIGTERM", "SIGINT", "SIGHUP"]


def signal_all(run: Running, signum: int) -> None:
    """Send a signal to the guardian and to all below it, the youngest first as Slurm does."""
    for process in sorted(descendants(), key=lambda each: -each.pid):
        with suppress(ProcessLookupError):
            os.kill(process.pid, signum)


@pytest.mark.parametrize("name", ENDING)
def test_a_signal_to_every_process_is_a_cancelled_run(lab: Lab, name: str) -> None:
    with lab.started(FLAGS, ["sh", "-c", "echo ready; exec sleep 172.4"]) as run:
        assert run.process.stdout is not None
        assert run.process.stdout.readline() == b"ready\n"
        signal_all(run, signal.Signals[name])
        status, _, stderr = run.finish()
    (record,) = lab.records
    assert (status, record["reason"]) == (128 + signal.Signals[name], "cancelled"), stderr
    assert record["contained"]["proven"]


@pytest.mark.parametrize("name", ENDING)
def test_a_signal_to_every_process_of_a_launch_that_prepares_is_a_cancelled_launch(
    lab: Lab, scratch: Path, name: str
) -> None:
    with stuck_program(scratch / "filter") as stuck:
        add_filter(lab.cwd, "smudge", stuck.program)
        # So that git's failure would be the launch's.
        (lab.cwd / ".git/config").write_text(
            (lab.cwd / ".git/config").read_text() + '[filter "stuck"]\n\trequired = true\n'
        )
        with lab.started(["--issue", "1"], ["true"]) as run:
            stuck.wait_until_it_runs()
            signal_all(run, signal.Signals[name])
            status, _, stderr = run.finish()
            assert running(SLEEP) == set()
    assert status == 128 + signal.Signals[name], stderr
    assert f"cancelled by {name}" in stderr


def test_a_supervisor_that_hears_it_late_skips_no_rung(lab: Lab) -> None:
    flags = [*FLAGS, "--stdin", "inherit", "--grace", "60s"]
    with lab.started(flags, ["python3", "-uc", DEAF], stdin=-1) as run:
        assert run.process.stdout is not None
        assert run.process.stdin is not None
        assert run.process.stdout.readline() == b"ready\n"
        supervisor = run.supervisor
        with stopped(supervisor):
            os.kill(supervisor, signal.SIGTERM)
            os.kill(run.guardian, signal.SIGTERM)
        run.wait_for_event("signal.sent")
        run.process.stdin.write(b"still here\n")
        assert run.process.stdout.readline() == b"term\n"
        assert run.process.stdout.readline() == b"still here\n"
        run.process.stdin.close()
        run.process.stdin = None
        assert run.finish()[0] == 5
    (record,) = lab.records
    assert record["reason"] == "cancelled"


def test_a_signal_to_the_supervisor_alone_is_heard_too(lab: Lab) -> None:
    with lab.started(FLAGS, ["sh", "-c", "echo ready; exec sleep 172.4"]) as run:
        os.kill(run.supervisor, signal.SIGTERM)
        assert run.finish()[0] == 143
    (record,) = lab.records
    assert record["reason"] == "cancelled"


def test_what_a_run_starts_finds_its_signals_at_their_default(lab: Lab) -> None:
    script = (
        "import signal; print([s for s in (1, 2, 15) if signal.getsignal(s) == signal.SIG_IGN])"
    )
    done = lab.run(FLAGS, ["python3", "-c", script])
    assert done.stdout == "[]\n", done.stderr
