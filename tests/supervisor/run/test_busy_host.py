"""A host that has all its worker threads at work holds up neither a run's limits nor its end."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator, Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import pytest

from codexlab.supervisor import HookCommand, LaunchRequest, Run, RunOutcome, open_run
from codexlab.supervisor.run.cancellation import finish_in_thread

SURVIVOR = "trap '' TERM; (setsid sleep 60; :) & while :; do sleep 60; done"
# Far more than any of these takes, and less than for ever.
PATIENCE = 40.0
MakeRequest = Callable[..., LaunchRequest]


@pytest.fixture
def make_request(
    clean_environ: Mapping[str, str], scratch: Path, workspaces_root: Path, shared_home: Path
) -> MakeRequest:
    def make(*command: str, **fields: Any) -> LaunchRequest:
        request = LaunchRequest(
            "1", command, dict(clean_environ), scratch, workspaces_root, shared_home,
            stdin="null", no_repo=True, grace=0.2,
        )  # fmt: skip
        return replace(request, **fields)

    return make


@contextmanager
def all_threads_busy() -> Generator[None]:
    """Take every token of the limiter that a host's own threads go by."""
    limiter = anyio.to_thread.current_default_thread_limiter()
    holders = [object() for _ in range(int(limiter.available_tokens))]
    for holder in holders:
        limiter.acquire_on_behalf_of_nowait(holder)
    # What is in a thread just now comes back, and nobody else gets its token.
    total, limiter.total_tokens = limiter.total_tokens, len(holders)
    try:
        yield
    finally:
        limiter.total_tokens = total
        for holder in holders:
            limiter.release_on_behalf_of(holder)


async def end_beside_busy_threads(
    request: LaunchRequest, wish: Callable[[Run, int], object]
) -> RunOutcome | None:
    """Return how a run ended, or None where it took the end of the threads."""
    outcome: RunOutcome | None = None
    async with open_run(request) as run:
        pids = [event["pid"] async for event in until_spawned(run)]
        with all_threads_busy():
            wish(run, pids[0])
            with anyio.move_on_after(PATIENCE):
                outcome = await run.outcome()
    return outcome


async def until_spawned(run: Run) -> AsyncIterator[dict[str, Any]]:
    """Yield the event that says that the agent runs."""
    async for event in run.events():
        if event["event"] == "child.spawned":
            yield event
            return


def nothing(*_: object) -> None:
    """Wish for nothing: a limit does."""


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("limit", "command", "reason"),
    [
        ({"timeout": 0.5}, SURVIVOR, "timeout"),
        ({"idle_timeout": 0.5}, SURVIVOR, "idle"),
        (
            {"memory_max": 40_000_000, "containment": "subreaper"},
            "exec python3 -c 'import time; held = bytearray(80_000_000); time.sleep(60)'",
            "memory",
        ),
    ],
    ids=["timeout", "idle", "memory"],
)
async def test_a_limit_is_noticed_and_the_end_proven(
    make_request: MakeRequest, limit: dict[str, Any], command: str, reason: str
) -> None:
    outcome = await end_beside_busy_threads(make_request("sh", "-c", command, **limit), nothing)
    assert outcome is not None
    assert outcome.reason == reason
    assert outcome.record is not None
    assert (outcome.record["contained"]["proven"], outcome.record["contained"]["left"]) == (True, 0)


@pytest.mark.anyio
async def test_a_wish_is_heard_and_every_step_to_the_release_done(
    make_request: MakeRequest, scratch: Path
) -> None:
    hook: HookCommand = ("touch", os.fspath(scratch / "hooked"))
    request = make_request("sh", "-c", SURVIVOR, hooks={"after_run": hook})
    outcome = await end_beside_busy_threads(request, lambda run, _: run.stop())
    assert outcome is not None
    assert outcome.reason == "cancelled"
    assert (scratch / "hooked").exists()


@pytest.mark.anyio
async def test_a_guardian_that_dies_is_answered(make_request: MakeRequest) -> None:
    def kill_guardian(_: Run, agent: int) -> None:
        with open(f"/proc/{agent}/stat") as file:
            parent = int(file.read().rpartition(")")[2].split()[1])
        os.kill(parent, signal.SIGKILL)

    request = make_request("sh", "-c", SURVIVOR)
    outcome = await end_beside_busy_threads(request, kill_guardian)
    assert outcome is not None
    assert outcome.reason == "supervisor-lost"


@pytest.mark.anyio
async def test_a_step_that_still_waits_for_a_thread_is_given_up_at_once() -> None:
    done: list[str] = []
    given_up: list[str] = []

    async def step() -> None:
        try:
            await finish_in_thread(done.append, "the step")
        finally:
            done.append("over")

    async with anyio.create_task_group() as tasks:
        with all_threads_busy():
            tasks.start_soon(step)
            await anyio.wait_all_tasks_blocked()
            tasks.cancel_scope.cancel()
            with anyio.CancelScope(shield=True):
                await anyio.wait_all_tasks_blocked()
            given_up.extend(done)
    assert given_up == ["over"]
