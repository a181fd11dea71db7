"""The kernel gives no process, thread or descriptor more: one line, and nothing left."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
from support.commands import program, run_to_end
from support.users.crowded import Crowded, make_user
from support.users.unprivileged import become

# What is tried here is git, the kernel or a disk: the same for each Python.
pytestmark = pytest.mark.one_python

PLAIN = ["--issue", "1", "--agent", "generic", "--no-repo"]
# Takes every process that the user may have, and each that becomes free; all but the first
# ignore TERM.
FILLS = program("fills_the_process_table")


@pytest.fixture
def user(scratch: Path, clean_environ: dict[str, str]) -> Crowded:
    if os.geteuid() != 0 or not shutil.which("setpriv") or not shutil.which("prlimit"):
        pytest.skip("only root can be a user of its own, by setpriv and prlimit")
    return make_user(scratch / "crowded", clean_environ)


def record_of(user: Crowded) -> dict[str, Any]:
    (path,) = user.home.glob("ws/*/*/*/.codexlab/runs/*/record.json")
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def test_a_run_that_took_every_process_of_its_user_is_ended_and_proven(user: Crowded) -> None:
    # Longer than a thread that rests is kept (trio, 10 s): one that ends the run has to be started.
    flags = [*PLAIN, "--timeout", "12s", "--grace", "5s"]
    with user.start("--nproc=40", flags, ["python3", "-I", "-S", "-c", FILLS]) as run:
        out, said = run.communicate(timeout=40)
    (line,) = said.splitlines()
    assert (run.returncode, out) == (124, "full\n")
    assert "the time limit of 12 s was over" in line
    assert "nothing left running" in line
    record = record_of(user)
    assert record["reason"] == "timeout"
    assert (record["contained"]["left"], record["contained"]["proven"]) == (0, True)
    assert user.processes() == []


@pytest.mark.parametrize(
    "limit",
    [*(f"--nproc={n}" for n in (1, 2, 3)), *(f"--nofile={n}" for n in (5, 6, 7, 8, 9, 12, 16))],
)
def test_a_launch_that_may_have_no_more_says_so_in_one_line(user: Crowded, limit: str) -> None:
    with user.start(limit, PLAIN, ["true"]) as run:
        out, said = run.communicate(timeout=40)
    assert (run.returncode, out) == (125, ""), said
    assert said.startswith("codexlab-run: "), said
    assert said.count("\n") == 1, said
    assert user.processes() == []


def test_an_agent_that_no_process_is_left_for_is_a_launch_that_failed(user: Crowded) -> None:
    # The first attempt takes from its guardian what the second would be started with.
    agent = 'prlimit --pid "$PPID" --nproc=1 && exit 3'
    flags = [*PLAIN, "--retries", "1", "--retry-on", "3"]
    with user.start("--nproc=40", flags, ["sh", "-c", agent]) as run:
        out, said = run.communicate(timeout=60)
    assert (run.returncode, out) == (125, ""), said
    last = said.splitlines()[-1]
    assert last.startswith("codexlab-run: the agent could not be started: Resource temp"), said
    assert "Traceback" not in said
    record = record_of(user)
    assert (record["reason"], record["contained"]["left"]) == ("launch-failed", 0)
    assert record["finished"] is not None
    assert user.processes() == []


# A host whose fork server may fork no more for a while.
HOST = """
import resource
from codexlab.kernel.exhausted import NoMore
from codexlab.guardian.spawning.fork_server import fork_guardian, start_fork_server
process, server = start_fork_server()
first, _ = fork_guardian(server)
before = resource.prlimit(process.pid, resource.RLIMIT_NPROC, (1, 40))
try:
    fork_guardian(server)
except NoMore as error:
    print(error)
resource.prlimit(process.pid, resource.RLIMIT_NPROC, before)
again, _ = fork_guardian(server)
for channel in (first, again, server):
    channel.close()
print(process.wait(10))
"""


def test_a_fork_server_that_may_fork_no_more_says_so_and_lives_on(user: Crowded) -> None:
    program = ["prlimit", "--nproc=40", sys.executable, "-c", HOST]
    done = run_to_end(become(user.uid, program), user.environ, user.home)
    assert (done.returncode, done.stderr) == (0, "")
    refusal, status = done.stdout.splitlines()
    assert refusal.startswith("no guardian can be started: Resource temporarily unavailable"), (
        refusal
    )
    assert status == "0"
