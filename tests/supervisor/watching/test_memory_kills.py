"""A kill for memory that the kernel counted is an agent's end only if the agent died of it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from support.processes.leaks import own_cgroup

from codexlab.kernel.cgroup.limits import read_counter
from codexlab.supervisor import LaunchRequest, open_run
from codexlab.supervisor.watching import limits

LOSES_A_CHILD = "sh -c 'kill -9 $$'; exit {status}"


@pytest.fixture
def request_of_true(clean_environ: Mapping[str, str], scratch: Path) -> LaunchRequest:
    places = (scratch, scratch / "ws", scratch / "shared")
    return LaunchRequest("1", ("true",), dict(clean_environ), *places, no_repo=True, stdin="null")


@pytest.fixture(autouse=True)
def counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the group show one kill, as the memory controller does, which not every machine has."""
    home = own_cgroup()
    if home is None or not os.access(home, os.W_OK):
        pytest.skip("no cgroup v2 we may divide")

    def read(leaf: str, file: str, key: str | None = None) -> int | None:
        return 1 if key == "oom_kill" else read_counter(leaf, file, key)

    monkeypatch.setattr(limits, "read_counter", read)


@pytest.mark.trio
@pytest.mark.parametrize(
    ("script", "end"),
    [
        (LOSES_A_CHILD.format(status=0), (0, "exited")),
        (LOSES_A_CHILD.format(status=137), (137, "exited")),
        ("kill -TERM $$", (143, "signaled")),
        ("kill -KILL $$", (137, "memory")),
    ],
)
async def test_only_an_agent_that_was_killed_ended_for_memory(
    request_of_true: LaunchRequest, script: str, end: tuple[int, str]
) -> None:
    request = replace(request_of_true, command=("sh", "-c", script), containment="cgroup")
    async with open_run(request) as run:
        outcome = await run.outcome()
    assert (outcome.status, outcome.reason) == end, outcome.error


@pytest.mark.trio
@pytest.mark.parametrize(
    ("script", "status"), [(LOSES_A_CHILD.format(status=0), "completed"), ("kill -9 $$", "memory")]
)
async def test_so_it_is_with_a_hook(
    request_of_true: LaunchRequest, script: str, status: str
) -> None:
    request = replace(request_of_true, hooks={"after_run": script}, containment="cgroup")
    async with open_run(request) as run:
        outcome = await run.outcome()
    assert outcome.record is not None
    assert [hook["status"] for hook in outcome.record["hooks"]] == [status]
