"""What a launch itself started is a part of the run, whichever half of it is killed meanwhile."""

from __future__ import annotations

import json
import signal
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.git.repositories import git
from support.git.waiting import SLEEP, add_filter, stuck_program
from support.lab import Lab, Running, running, wait_until_gone, wait_until_running
from support.processes.killing import kill, wait_for_both_halves

FLAGS = ["--issue", "1"]


@contextmanager
def in_checkout(lab: Lab, scratch: Path, rest: str = "") -> Generator[tuple[Running, Path]]:
    """Start a launch whose checkout waits for a filter that never ends."""
    with stuck_program(scratch / "filter", rest=rest) as stuck:
        add_filter(lab.cwd, "smudge", stuck.program)
        with lab.started(FLAGS, ["true"]) as run:
            stuck.wait_until_it_runs()
            yield run, stuck.program


def owner(lab: Lab) -> dict[str, object]:
    found: dict[str, object] = json.loads((lab.workspace / ".codexlab/owner.json").read_bytes())
    return found


@pytest.mark.parametrize("attempt", range(3))
def test_a_killed_supervisor_leaves_no_git_and_no_filter(
    lab: Lab, scratch: Path, attempt: int
) -> None:
    with in_checkout(lab, scratch) as (run, _):
        filters = wait_until_running(SLEEP, 1)
        kill(run, "supervisor")
        status, _, stderr = run.finish()
        assert wait_until_gone(filters, 0) == set()
    assert status == 125
    assert "died; nothing it started is left\n" in stderr
    assert "record.json" not in stderr
    assert owner(lab)["contained"] is True


@pytest.mark.parametrize("victims", ["both", "guardian"])
def test_what_a_killed_run_left_of_its_checkout_is_ended_by_the_next_launch(
    lab: Lab, scratch: Path, victims: str
) -> None:
    # Its own session, and deaf to TERM: as hard to find and to end as an agent's.
    rest = f"exec setsid sh -c 'trap \"\" TERM; sleep {SLEEP}; :'"
    with in_checkout(lab, scratch, rest) as (run, program):
        filters = wait_until_running(SLEEP, 2)
        kill(run, victims)
        wait_for_both_halves(run)
        program.write_text("#!/bin/sh\nexec cat\n")
        done = lab.run(FLAGS, ["sh", "-c", "cat a.txt"])
        assert (done.returncode, done.stdout) == (0, "one\n"), done.stderr
        assert wait_until_gone(filters, 0) == set()
    assert owner(lab)["contained"] is True


def test_reap_ends_what_a_killed_run_left_of_its_checkout(lab: Lab, scratch: Path) -> None:
    with in_checkout(lab, scratch) as (run, _):
        filters = wait_until_running(SLEEP, 1)
        kill(run, "both")
        wait_for_both_halves(run)
        reaper = Lab(lab.program.with_name("codexlab"), lab.environ, lab.cwd, lab.workspaces_root)
        done = reaper.run(["reap", "--json"])
        (reaped,) = json.loads(done.stdout)["runs"]
        assert (reaped["action"], reaped["left"]) == ("ended", 0)
        assert reaped["processes"] >= 2
        assert wait_until_gone(filters, 0) == set()


@pytest.mark.parametrize("end", ["signal", "failure"])
def test_what_a_filter_left_in_the_background_is_ended_before_the_run_counts_as_contained(
    lab: Lab, scratch: Path, end: str
) -> None:
    # An orphan: no descendant of git any more.
    before = f"(setsid sleep {SLEEP} >/dev/null 2>&1 </dev/null &)"
    rest = "exit 1" if end == "failure" else ""
    with stuck_program(scratch / "filter", before, rest) as stuck:
        add_filter(lab.cwd, "smudge", stuck.program)
        git(lab.cwd, "config", "filter.stuck.required", "true")
        with lab.started(FLAGS, ["true"]) as run:
            stuck.wait_until_it_runs()
            if end == "signal":
                run.signal(signal.SIGTERM)
            status, _, stderr = run.finish()
            assert running(SLEEP) == set()
    assert status == (143 if end == "signal" else 125), stderr
    assert owner(lab)["contained"] is True
