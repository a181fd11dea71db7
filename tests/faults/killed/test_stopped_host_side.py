"""An agent of an embedding host stops its guardian, or who forks guardians for that host."""

from __future__ import annotations

import sys

import pytest
from support.lab import Lab
from support.processes.leaks import descendants, leaked_processes
from support.processes.starting import started_program

# What is tried here is the kernel's signals: the same for each Python.
pytestmark = pytest.mark.one_python

HOST = """
import os, sys
import anyio
from pathlib import Path
from codexlab.supervisor import LaunchRequest, open_run

HERE = Path(sys.argv[1])

async def one(issue, program, *words):
    request = LaunchRequest(issue, (sys.executable, "-c", program, *words), dict(os.environ), HERE,
                            HERE / "ws", HERE / "shared", no_repo=True, stdin="null", grace=1.0)
    async with open_run(request, stdout=1) as run:
        outcome = await run.outcome()
    print(issue, outcome.reason, outcome.error or outcome.status, flush=True)
"""
# Seconds until a run gives up, then the agent beside it, then the host that has both.
RUN, AGENT, HOST_ENDS = 90, 100, 110
ADVERSARY = """
import glob, os, signal, sys, time

EVENTS = "../.codexlab/runs/*/events.ndjson"

def parent(pid):
    stat = open(f"/proc/{pid}/stat").read()
    return int(stat[stat.rindex(")") + 2 :].split()[1])

def state(pid):
    stat = open(f"/proc/{pid}/stat").read()
    return stat[stat.rindex(")") + 2]

guardian = os.getppid()
server = parent(guardian)

def stop(pid):
    # Again, where somebody has continued it already.
    while state(pid) != "T":
        os.kill(pid, signal.SIGSTOP)
        time.sleep(0.001)

def mark():
    open(sys.argv[1], "x").close()

def until_spawned():
    # Written when the host has the guardian's word for it: nobody waits for the guardian then.
    while not any("child.spawned" in open(path).read() for path in glob.glob(EVENTS)):
        time.sleep(0.001)

def waiting():
    # The next one is there when it is in a session of its own and sleeps.
    while True:
        children = open(f"/proc/{server}/task/{server}/children").read().split()
        others = [int(pid) for pid in children if int(pid) != guardian]
        if others and os.getsid(others[-1]) == others[-1]:
            return others[-1]
        time.sleep(0.001)
"""


def run_host(lab: Lab, program: str) -> str:
    """Run a host to its end and return what it says; nothing of it may be left."""
    before = descendants()
    argv = [sys.executable, "-c", HOST + program, str(lab.workspaces_root.parent)]
    with started_program(argv, lab.environ, stderr=None) as process:
        told, _ = process.communicate(timeout=HOST_ENDS)
    assert process.returncode == 0
    assert leaked_processes(before, grace=30.0) == {}
    return told


def beside(agent: str) -> str:
    """Return a host that has run b from beginning to end once the agent of run a gave its mark."""
    return f"""
async def main():
    mark = HERE / 'mark'
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(one, 'a', {ADVERSARY + agent!r}, str(mark))
        with anyio.fail_after({RUN}):
            while not mark.exists():
                await anyio.sleep(0.05)
            await one('b', '')
        tasks.cancel_scope.cancel()

anyio.run(main, backend='trio')
"""


def test_the_end_of_an_agent_is_seen_whose_guardian_it_stopped_when_all_was_said(lab: Lab) -> None:
    agent = ADVERSARY + "until_spawned(); stop(guardian); os._exit(7)"
    assert run_host(lab, f"anyio.run(one, 'a', {agent!r}, backend='trio')") == "a exited 7\n"


def test_the_next_run_starts_though_an_agent_stopped_who_forks_guardians(lab: Lab) -> None:
    # While this agent runs, its guardian does not continue the server.
    agent = f"os.kill(waiting(), signal.SIGKILL); stop(server); mark(); time.sleep({AGENT})"
    assert run_host(lab, beside(agent)) == "b exited 0\n"


def test_the_next_run_starts_though_who_forks_guardians_is_stopped_again_and_again(
    lab: Lab,
) -> None:
    again = (
        "os.kill(waiting(), signal.SIGKILL); stop(server); mark()\n"
        f"until = time.monotonic() + {AGENT}\n"
        "while time.monotonic() < until and os.path.exists(f'/proc/{server}/fd'):\n"
        "    os.kill(server, signal.SIGSTOP)\n"
    )
    assert "b exited 0\n" in run_host(lab, beside(again))


def test_nothing_stays_stopped_behind_a_host_whose_fork_server_an_agent_stopped(lab: Lab) -> None:
    agent = ADVERSARY + "waiting(); stop(server)"
    # It also fails where the server is left, or the guardian that nobody took.
    assert run_host(lab, f"anyio.run(one, 'a', {agent!r}, backend='trio')") == "a exited 0\n"


REPLACED = """
import signal
from contextlib import suppress
from codexlab.supervisor.guardian_client import pool

def read(path):
    return Path(f'/proc/{path}').read_text()

async def main():
    await one('a', '')
    guardians = pool._guardians_of_host
    server = guardians._process.pid
    # A guardian that is left would serve the next run, or continue the server as it ends.
    children, stat = f'{server}/task/{server}/children', f'{server}/stat'
    while (ahead := read(children).split()) or ') T ' not in read(stat):
        os.kill(server, signal.SIGSTOP)
        for pid in ahead:
            with suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)
        await anyio.sleep(0.01)
    # As if it were stopped whenever it goes on: no adversary of a test wins that race each time.
    guardians._continue_server = lambda: True
    await one('b', '')
    print('replaced' if guardians._process.pid != server else 'kept', flush=True)
    print('left' if os.path.exists(f'/proc/{server}') else 'gone', flush=True)

anyio.run(main, backend='trio')
"""


def test_who_forks_guardians_is_replaced_if_it_never_goes_on(lab: Lab) -> None:
    said = run_host(lab, REPLACED).splitlines()
    assert said == ["a exited 0", "b exited 0", "replaced", "gone"]
