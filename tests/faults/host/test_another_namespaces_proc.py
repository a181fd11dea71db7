"""A pid namespace below another's ``/proc``: its numbers are strangers', and none is believed."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.lab import Lab
from support.processes.leaks import descendants, end_processes

# No mount of its own for /proc.
APART = ["unshare", "--pid", "--fork", "--kill-child"]
FLAGS = ["--issue", "1", "--no-repo", "--agent", "generic", "--grace", "1s"]
BYSTANDER = "487.3"


@pytest.fixture(autouse=True)
def rights() -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can make a pid namespace here")


@contextmanager
def bystanders() -> Generator[None]:
    """Run three processes outside whose numbers are high and low ones of an inner namespace."""
    started = [subprocess.Popen(["sleep", BYSTANDER]) for _ in range(3)]
    try:
        yield
        assert [process.poll() for process in started] == [None] * 3
    finally:
        for process in started:
            process.kill()
            process.wait()


def launch(
    lab: Lab, agent: str, *flags: str, before: Sequence[str] = APART
) -> subprocess.CompletedProcess[str]:
    return lab.call([*before, *lab.argv([*FLAGS, *flags], ["sh", "-c", agent])])


@pytest.mark.parametrize("agent", ["true", "setsid sleep 60 & exit 0"])
def test_only_its_own_processes_are_counted_and_ended(lab: Lab, agent: str) -> None:
    with bystanders():
        done = launch(lab, agent)
    assert done.returncode == 0, done.stderr
    (record,) = lab.records
    contained = record["contained"]
    assert (contained["left"], contained["swept"] <= 1) == (0, True), contained
    assert record["reason"] == "exited"


def test_a_demand_for_what_rests_on_proc_is_refused_in_one_line(lab: Lab) -> None:
    done = launch(lab, "true", "--containment", "subreaper")
    assert (done.returncode, len(done.stderr.splitlines())) == (125, 1)
    assert "/proc: does not show our own processes" in done.stderr


def test_what_a_killed_run_left_of_itself_keeps_no_later_one_out(lab: Lab) -> None:
    agent = f"echo ready; exec sleep {BYSTANDER}"
    argv = [*APART, *lab.argv(FLAGS, ["sh", "-c", agent])]
    before = descendants()
    with subprocess.Popen(
        argv, cwd=lab.cwd, env=lab.environ, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        # With the first process of a namespace the kernel ends all others in it.
        process.kill()
        process.wait(30)
    end_processes(descendants() - before)
    owner = json.loads((lab.workspace / ".codexlab/owner.json").read_bytes())
    assert not owner["contained"]
    for apart in (True, False):
        done = launch(lab, "true", before=APART if apart else [])
        assert done.returncode == 0, done.stderr
    assert lab.records[0]["reason"] == "supervisor-lost"


def test_a_signal_ends_it_and_what_it_started(lab: Lab) -> None:
    agent = "trap 'exit 9' TERM; echo ready; while :; do sleep 0.1; done"
    argv = [*APART, *lab.argv(FLAGS, ["sh", "-c", agent])]
    with subprocess.Popen(
        argv, cwd=lab.cwd, env=lab.environ, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()
        os.kill(int(children), 15)
        assert process.wait(30) == 9
    (record,) = lab.records
    assert (record["reason"], record["contained"]["left"]) == ("cancelled", 0)


def test_a_time_limit_ends_it(lab: Lab) -> None:
    begin = time.monotonic()
    with bystanders():
        done = launch(lab, f"sleep {BYSTANDER} & sleep {BYSTANDER}", "--timeout", "1s")
    assert done.returncode == 124, done.stderr
    assert lab.records[0]["contained"]["left"] == 0
    assert time.monotonic() - begin < 50


def test_the_looking_commands_name_no_stranger(lab: Lab) -> None:
    assert launch(lab, "true").returncode == 0
    program = str(lab.program.with_name("codexlab"))
    for words in (["ps", "--json"], ["reap", "--json"], ["workspace", "list", "--json"]):
        done = lab.call([*APART, program, *words])
        assert (done.returncode, done.stderr) == (0, ""), words
    assert lab.workspace.exists()
