"""What an embedding host keeps, whatever its runs do, and what is left of them when it dies."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import anyio
import pytest
import trio
from support.commands import run_to_end
from support.processes.leaks import descendants

from codexlab.supervisor import LaunchRequest, open_run

_REQUEST = """
import anyio, json, os, resource, signal, sys
from dataclasses import replace
from pathlib import Path
from codexlab.supervisor import LaunchRequest, open_run

HERE = Path(sys.argv[1])

def request(issue, *command):
    return LaunchRequest(issue, command, dict(os.environ), HERE, HERE / "ws", HERE / "shared",
                         no_repo=True, stdin="null", grace=1.0)

async def until_spawned(run):
    async for event in run.events():
        if event["event"] == "child.spawned":
            return
"""

KEEPER = (
    _REQUEST
    + """
BLOCKED = {signal.SIGCHLD, signal.SIGTERM, signal.SIGUSR1}

def host():
    lines = open("/proc/self/status").read().splitlines()
    kept = ("Umask", "SigBlk", "NoNewPrivs", "CapEff", "Cpus_allowed")
    masks = {
        line[:6]: int(line.split()[1], 16) for line in lines if line[:6] in ("SigCgt", "SigIgn")
    }
    return {
        **{line.split(":")[0]: line for line in lines if line.split(":")[0] in kept},
        # The C library takes 32 and 33 for itself with the first thread; until then a
        # process that posix_spawn started ignores them.
        **{name: mask & ~(0b11 << 31) for name, mask in masks.items()},
        "handlers": [str(signal.getsignal(n)) for n in signal.valid_signals()],
        "nice": os.nice(0),
        "ids": [os.getpgid(0), os.getsid(0), os.getuid(), os.getgid()],
        "cwd": os.getcwd(),
        "environ": dict(os.environ),
        "limits": [
            resource.getrlimit(getattr(resource, n)) for n in dir(resource) if n[:7] == "RLIMIT_"
        ],
        "group": open("/proc/self/cgroup").read(),
        "subreaper": prctl(37),
        "death signal": prctl(2),
        "oom": open("/proc/self/oom_score_adj").read(),
        "children's statuses": signal.getsignal(signal.SIGCHLD) == signal.SIG_DFL,
    }

def prctl(option):
    import ctypes
    value = ctypes.c_int()
    assert ctypes.CDLL(None).prctl(option, ctypes.byref(value)) == 0
    return value.value

def descriptors():
    # Without the numbers of sockets: the channel of the guardian that waits is another each time.
    return sorted(
        os.readlink(f"/proc/self/fd/{fd}").split(":[")[0]
        for fd in os.listdir("/proc/self/fd")
        if os.path.exists(f"/proc/self/fd/{fd}")
    )

async def run_some(number):
    before = host()
    async with open_run(request("a", "sh", "-c", "exit 3")) as run:
        during = [host() async for _ in run.events()]
        status = (await run.outcome()).status
    async with open_run(request("b", "sh", "-c", "setsid sleep 60 & sleep 60")) as run:
        await until_spawned(run)
        during.append(host())
    assert (status, (await run.outcome()).reason) == (3, "cancelled")
    for seen in (*during, host()):
        assert seen == before, [(k, seen[k], before[k]) for k in seen if seen[k] != before[k]]

def main(backend):
    signal.signal(signal.SIGUSR2, print)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_BLOCK, BLOCKED)
    os.nice(3)
    os.umask(0o027)
    before = host()
    anyio.run(run_some, 0, backend=backend)
    between = descriptors()
    anyio.run(run_some, 1, backend=backend)
    assert descriptors() == between
    assert host() == before
    print("as it was")

main(sys.argv[2])
"""
)


@pytest.mark.parametrize("backend", ["trio", "asyncio"])
def test_a_run_changes_nothing_of_its_host_and_a_hosts_blocked_signals_do_not_stop_it(
    backend: str, clean_environ: Mapping[str, str], scratch: Path
) -> None:
    done = run_to_end([sys.executable, "-c", KEEPER, str(scratch), backend], clean_environ)
    assert (done.returncode, done.stdout) == (0, "as it was\n"), done.stderr


CROWD = (
    _REQUEST
    + """
COUNT, command = int(sys.argv[2]), sys.argv[3:]
up, statuses = 0, []

async def one(number):
    global up
    async with open_run(request(str(number), *command)) as run:
        await until_spawned(run)
        up += 1
        if up == COUNT:
            print("up", flush=True)
        statuses.append((await run.outcome()).status)

async def main():
    async with anyio.create_task_group() as tasks:
        for number in range(COUNT):
            tasks.start_soon(one, number)

anyio.run(main, backend="trio")
print(sorted(set(statuses)), len(statuses))
"""
)


def test_a_host_killed_with_twenty_runs_leaves_nothing_and_the_next_one_starts_clean(
    clean_environ: Mapping[str, str], scratch: Path
) -> None:
    before = descendants()
    agent = ["sh", "-c", "setsid sleep 60 & sleep 60"]
    with crowd(scratch, clean_environ, agent) as host:
        assert host.stdout is not None
        assert host.stdout.readline() == "up\n"
        host.kill()
    while descendants() - before:
        # Adopted by us as they lose their parents; each ends within the ladder's bound.
        os.waitpid(-1, 0)
    records = [json.loads(path.read_bytes()) for path in scratch.glob("ws/**/runs/*/record.json")]
    assert len(records) == 20
    assert {record["reason"] for record in records} == {"supervisor-lost"}
    assert {json.dumps(record["contained"]["left"]) for record in records} == {"0"}
    assert all(record["contained"]["proven"] for record in records)
    with crowd(scratch, clean_environ, ["true"]) as host:
        assert host.communicate(timeout=60) == ("up\n[0] 20\n", "")


def crowd(scratch: Path, environ: Mapping[str, str], command: list[str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", CROWD, str(scratch), "20", *command],
        env=dict(environ),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


ORPHANS = (
    _REQUEST
    + """
import asyncio, gc

def descriptors():
    gc.collect()
    return sorted(
        os.readlink(f"/proc/self/fd/{fd}").split(":[")[0]
        for fd in os.listdir("/proc/self/fd")
        if os.path.exists(f"/proc/self/fd/{fd}")
    )

async def one(issue, moment, seen):
    script = "exit 1" if moment == "attempt.retrying" else "setsid sleep 60 & sleep 60"
    async with open_run(replace(request(issue, "sh", "-c", script), retries=9)) as run:
        async for event in run.events():
            if event["event"] == moment:
                seen.set()

async def main(issue, moment):
    seen = asyncio.Event()
    left = asyncio.create_task(one(issue, moment, seen))
    await seen.wait()

async def finished(issue):
    async with open_run(request(issue, "true")) as run:
        await run.outcome()

asyncio.run(finished("first"))
before = descriptors()
for moment in sys.argv[2:]:
    asyncio.run(main(moment, moment))
    assert descriptors() == before, (moment, descriptors(), before)
print("none kept")
"""
)


def test_runs_that_their_loop_leaves_behind_keep_no_descriptor_and_are_finished_by_their_guardians(
    clean_environ: Mapping[str, str], scratch: Path
) -> None:
    moments = ["workspace.ready", "child.spawned", "attempt.retrying"]
    before = descendants()
    done = run_to_end([sys.executable, "-c", ORPHANS, str(scratch), *moments], clean_environ)
    assert (done.returncode, done.stdout) == (0, "none kept\n"), done.stderr
    while descendants() - before:
        os.waitpid(-1, 0)
    records = [json.loads(path.read_bytes()) for path in scratch.glob("ws/**/runs/*/record.json")]
    assert len(records) == 1 + len(moments)
    lost = [record for record in records if record["issue"] != "first"]
    assert {record["reason"] for record in lost} == {"supervisor-lost"}
    assert {record["contained"]["left"] for record in lost} == {0}
    owners = scratch.glob("ws/*/*/*/.codexlab/owner.json")
    assert all(json.loads(owner.read_bytes())["contained"] for owner in owners)


class CancelAfter(trio.abc.Instrument):
    """Cancels a scope after so many steps of any task: each await ends up being one."""

    def __init__(self, steps: int, scope: anyio.CancelScope) -> None:
        self._left = steps
        self._scope = scope

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        del task
        self._left -= 1
        if self._left == 0:
            self._scope.cancel()


@pytest.mark.trio
async def test_a_cancel_at_any_await_leaves_no_claim_no_descriptor_and_a_free_issue(
    clean_environ: Mapping[str, str], scratch: Path
) -> None:
    places = (scratch, scratch / "ws", scratch / "shared")
    request = LaunchRequest(
        "1", ("true",), dict(clean_environ), *places, no_repo=True, stdin="null"
    )
    ends = [await outcome_of(request)]
    before = descriptors()
    for steps in range(2, 110, 9):
        with anyio.CancelScope() as scope:
            cancel = CancelAfter(steps, scope)
            trio.lowlevel.add_instrument(cancel)
            try:
                ends.append(await outcome_of(request))
            finally:
                trio.lowlevel.remove_instrument(cancel)
        owners = scratch.glob("ws/*/*/*/.codexlab/owner.json")
        assert all(json.loads(owner.read_bytes())["contained"] for owner in owners)
    ends.append(await outcome_of(request))
    assert {(end.status, end.reason) for end in ends} == {(0, "exited")}
    assert descriptors() == before
    for path in scratch.glob("ws/**/runs/*/record.json"):
        record: dict[str, Any] = json.loads(path.read_bytes())
        assert record["reason"] in ("exited", "cancelled", "signaled", "launch-failed"), record


async def outcome_of(request: LaunchRequest) -> Any:
    async with open_run(request) as run:
        return await run.outcome()


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))
