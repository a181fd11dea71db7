"""Runs embedded in a program: on trio and asyncio, cancelled anywhere, many at once."""

from __future__ import annotations

import ctypes
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import pytest
from support.commands import program
from support.processes.leaks import descendants
from support.rollout import files

from codexlab.kernel.libc import libc
from codexlab.supervisor import LaunchRequest, Run, open_run
from codexlab.supervisor.run import launch as launch_module
from codexlab.supervisor.watching import meters

MakeRequest = Callable[..., LaunchRequest]
_PR_GET_CHILD_SUBREAPER = 37


def is_child_subreaper() -> bool:
    flag = ctypes.c_int()
    assert libc().prctl(_PR_GET_CHILD_SUBREAPER, ctypes.byref(flag), 0, 0, 0) == 0
    return bool(flag.value)


@pytest.fixture
def make_request(
    clean_environ: Mapping[str, str], source_repo: Path, workspaces_root: Path, shared_home: Path
) -> MakeRequest:
    def make(*command: str, issue: str = "1", **fields: Any) -> LaunchRequest:
        request = LaunchRequest(
            issue,
            command,
            dict(clean_environ),
            source_repo,
            workspaces_root,
            shared_home,
            stdin="null",
            no_repo=True,
            grace=1.0,
        )
        return replace(request, **fields)

    return make


@pytest.mark.anyio
async def test_a_run_ends_with_its_status_record_and_proof(make_request: MakeRequest) -> None:
    async with open_run(make_request("sh", "-c", "exit 7")) as run:
        outcome = await run.outcome()
    assert (outcome.status, outcome.reason, outcome.error) == (7, "exited", None)
    assert outcome.record is not None
    assert outcome.record["contained"] == {
        "mechanism": "cgroup" if os.getuid() == 0 else outcome.record["contained"]["mechanism"],
        "proven": True, "swept": 0, "left": 0,
    }  # fmt: skip


@pytest.mark.anyio
async def test_events_are_read_while_it_runs_and_end_with_it(make_request: MakeRequest) -> None:
    async with open_run(make_request("true")) as run:
        names = [event["event"] async for event in run.events()]
    assert names[0] == "run.planned"
    assert names[-1] == "run.finished"
    assert "child.spawned" in names


@pytest.mark.anyio
async def test_output_goes_where_the_host_says(make_request: MakeRequest) -> None:
    read, write = os.pipe()
    async with open_run(make_request("echo", "hello"), stdout=write) as run:
        await run.outcome()
    os.close(write)
    with os.fdopen(read, "rb") as file:
        assert file.read() == b"hello\n"


@pytest.mark.anyio
async def test_an_outcome_is_waited_for_by_many_twice_and_after_the_end(
    make_request: MakeRequest,
) -> None:
    found: list[int] = []

    async def wait(run: Run) -> None:
        found.append((await run.outcome()).status)
        found.append((await run.outcome()).status)

    async with open_run(make_request("sh", "-c", "yes | head -c 100000; exit 3")) as run:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(wait, run)
            tasks.start_soon(wait, run)
        run.stop()
        run.signal(signal.SIGTERM)
    await wait(run)
    assert found == [3] * 6


@pytest.mark.anyio
async def test_a_heart_beats_between_two_attempts_too(
    make_request: MakeRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(meters, "HEARTBEAT_SECONDS", 0.3)
    async with open_run(make_request("false", retries=1)) as run:
        events = [event async for event in run.events()]
    names = [event["event"] for event in events]
    pause = events[
        names.index("attempt.retrying") : names.index("child.spawned", names.index("contained"))
    ]
    silent = [event["silent"] for event in pause if event["event"] == "heartbeat"]
    assert len(silent) >= 2  # in a second at the least
    assert silent == sorted(silent)


@pytest.mark.anyio
async def test_a_signal_climbs_the_ladder_and_is_a_cancel(make_request: MakeRequest) -> None:
    async with open_run(make_request("sleep", "60")) as run:
        async for event in run.events():
            if event["event"] == "child.spawned":
                run.signal(signal.SIGINT)
        outcome = await run.outcome()
    assert (outcome.status, outcome.reason) == (130, "cancelled")


@pytest.mark.anyio
async def test_a_number_that_codexlab_run_does_not_pass_on_is_refused_before_anything_happens(
    make_request: MakeRequest,
) -> None:
    numbers = (0, -1, 36, 65, signal.SIGKILL, signal.SIGTSTP, signal.SIGWINCH)
    async with open_run(make_request("sh", "-c", "exit 3")) as run:
        async for event in run.events():
            if event["event"] == "child.spawned":
                break
        for number in numbers:
            with pytest.raises(ValueError, match=rf"signal {int(number)} .*SIGTERM"):
                run.signal(number)
        outcome = await run.outcome()
        with pytest.raises(ValueError, match="36"):
            run.signal(36)
    assert (outcome.status, outcome.reason) == (3, "exited")


@pytest.mark.anyio
async def test_leaving_the_block_ends_the_run_and_everything_it_started(
    make_request: MakeRequest,
) -> None:
    async with open_run(make_request("sh", "-c", "setsid sleep 60 & sleep 60")) as run:
        async for event in run.events():
            if event["event"] == "child.spawned":
                break
    outcome = await run.outcome()
    assert outcome.reason == "cancelled"
    assert outcome.record is not None
    assert outcome.record["contained"]["left"] == 0


@pytest.mark.anyio
@pytest.mark.parametrize("moment", ["workspace.ready", "child.spawned", "run.planned"])
async def test_a_cancel_at_any_moment_leaves_nothing_and_skips_no_step(
    make_request: MakeRequest, moment: str, workspaces_root: Path
) -> None:
    runs: list[Run] = []
    with anyio.CancelScope() as scope:
        async with open_run(make_request("sh", "-c", "setsid sleep 60 & sleep 60")) as run:
            runs.append(run)
            async for event in run.events():
                if event["event"] == moment:
                    scope.cancel()
    assert (await runs[0].outcome()).reason == "cancelled"
    owners = workspaces_root.glob("*/*/*/.codexlab/owner.json")
    assert all(json.loads(owner.read_text())["contained"] for owner in owners)


@pytest.mark.anyio
async def test_an_error_of_the_host_leaves_as_itself_after_the_run_ended(
    make_request: MakeRequest,
) -> None:
    runs: list[Run] = []

    async def fail_inside() -> None:
        async with open_run(make_request("sleep", "60")) as run:
            runs.append(run)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail_inside()
    assert (await runs[0].outcome()).reason == "cancelled"


@pytest.mark.anyio
async def test_what_goes_wrong_is_an_outcome_with_one_line(make_request: MakeRequest) -> None:
    async with open_run(make_request("no-such-command")) as run:
        outcome = await run.outcome()
    assert (outcome.status, outcome.reason) == (127, "launch-failed")
    assert outcome.error == run.messages[0]
    assert "no-such-command" in str(outcome.error)


@pytest.mark.anyio
async def test_a_busy_workspace_is_an_outcome_and_waiting_runs_them_in_turn(
    make_request: MakeRequest,
) -> None:
    async with open_run(make_request("sleep", "60")) as first:
        async for event in first.events():
            if event["event"] == "child.spawned":
                break
        async with open_run(make_request("true")) as second:
            assert (await second.outcome()).status == 75
        async with open_run(make_request("true", wait=None)) as third:
            first.stop()
            assert (await third.outcome()).status == 0


@pytest.mark.anyio
async def test_many_runs_at_once_keep_apart_and_the_host_is_unchanged(
    make_request: MakeRequest,
) -> None:
    before = (signal.getsignal(signal.SIGTERM), os.nice(0), is_child_subreaper())
    statuses: dict[int, int] = {}

    async def one(number: int) -> None:
        request = make_request("sh", "-c", f"exit {number}", issue=str(number))
        async with open_run(request) as run:
            statuses[number] = (await run.outcome()).status

    async with anyio.create_task_group() as tasks:
        for number in range(20):
            tasks.start_soon(one, number)
    assert statuses == {number: number for number in range(20)}
    assert before == (signal.getsignal(signal.SIGTERM), os.nice(0), is_child_subreaper())


@pytest.mark.anyio
async def test_cancelled_runs_leave_no_descriptor_and_no_claim(make_request: MakeRequest) -> None:
    async def cancelled_at(event_number: int) -> None:
        with anyio.CancelScope() as scope:
            async with open_run(make_request("sleep", "60", issue="x")) as run:
                seen = 0
                async for _ in run.events():
                    seen += 1
                    if seen == event_number:
                        scope.cancel()

    async with open_run(make_request("true")) as first:
        await first.outcome()
    before = len(os.listdir("/proc/self/fd"))
    for event_number in range(1, 6):  # up to child.spawned
        await cancelled_at(event_number)
    async with open_run(make_request("true", issue="x")) as last:
        assert (await last.outcome()).status == 0
    assert len(os.listdir("/proc/self/fd")) == before


HOST = program("host_of_a_run")


def test_a_host_that_dies_takes_its_runs_with_it(
    clean_environ: Mapping[str, str], scratch: Path
) -> None:
    before = descendants()
    command = [sys.executable, "-c", HOST, str(scratch)]
    with subprocess.Popen(command, env=dict(clean_environ), stdout=subprocess.PIPE) as host:
        assert host.stdout is not None
        assert host.stdout.readline() == b"up\n"
        host.kill()
    while descendants() - before:
        # Adopted by us as they lose their parents; each ends within the ladder's bound.
        os.waitpid(-1, 0)
    (record,) = (scratch / "ws").glob("*/*/*/.codexlab/runs/*/record.json")
    found = json.loads(record.read_text())
    assert found["reason"] == "supervisor-lost"
    assert found["contained"]["left"] == 0


@pytest.mark.parametrize("flags", [[], ["--asyncio"]], ids=["trio", "asyncio"])
def test_the_example_daemon_runs_its_tasks(
    clean_environ: Mapping[str, str], source_repo: Path, flags: list[str]
) -> None:
    daemon = Path(__file__).resolve().parents[3] / "examples" / "daemon.py"
    tasks = [
        {"issue": "a", "command": ["sh", "-c", "exit 3"]},
        {"issue": "a", "command": ["true"]},
        {"issue": "b", "command": ["true"]},
    ]
    done = subprocess.run(
        [sys.executable, str(daemon), *flags],
        input="".join(json.dumps(task) + "\n" for task in tasks),
        cwd=source_repo,
        env=dict(clean_environ),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    outcomes = [json.loads(line) for line in done.stdout.splitlines()]
    assert sorted((found["issue"], found["status"]) for found in outcomes) == [
        ("a", 0), ("a", 3), ("b", 0),
    ]  # fmt: skip
    assert {found["left"] for found in outcomes} == {0}


@pytest.mark.anyio
async def test_a_sweep_runs_beside_an_embedded_agent_and_ends_with_it(
    make_request: MakeRequest, shared_home: Path
) -> None:
    path = files.rollout_path(shared_home, files.thread_id(1))
    files.write(path, files.lines(files.meta(files.thread_id(1))))
    os.utime(path, (1_700_000_000, 1_700_000_000))
    agent = ("sh", "-c", f"until [ -e {path}.zst ]; do sleep 0.05; done")
    request = make_request(*agent, sweep_beside_agents=True, sweep_cold_age=0.0, timeout=60.0)
    async with open_run(request) as run:
        names = [event["event"] async for event in run.events()]
    outcome = await run.outcome()
    assert (outcome.status, outcome.reason) == (0, "exited")
    assert outcome.record is not None
    assert outcome.record["sweep"]["summary"]["compressed"] == 1
    assert names.index("child.spawned") < names.index("sweep.started")
    assert names.index("sweep.finished") < names.index("run.finished")


@pytest.mark.anyio
async def test_a_fault_of_ours_leaves_the_block_as_an_error_and_nobody_waits_for_ever(
    make_request: MakeRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object) -> None:
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr(launch_module, "_under_claim", fail)
    with anyio.fail_after(30), pytest.raises(BaseExceptionGroup):
        async with open_run(make_request("true")) as run:
            assert (await run.outcome()).reason == "supervisor-lost"
