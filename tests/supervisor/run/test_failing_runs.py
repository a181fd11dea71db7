"""Whatever fails once a run is opened: its record is finished, and nothing stays open."""

from __future__ import annotations

import json
import os
import resource
import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from codexlab.supervisor import LaunchRequest, RunOutcome, open_run


@pytest.fixture
def request_of_true(clean_environ: Mapping[str, str], scratch: Path) -> LaunchRequest:
    places = (scratch, scratch / "ws", scratch / "shared")
    return LaunchRequest("1", ("true",), dict(clean_environ), *places, no_repo=True, stdin="null")


async def outcome_of(request: LaunchRequest) -> RunOutcome:
    async with open_run(request) as run:
        return await run.outcome()


def descriptors() -> list[str]:
    """Return what is open; the channel of the guardian that waits is another each time."""
    shown = (f"/proc/self/fd/{fd}" for fd in os.listdir("/proc/self/fd"))
    return sorted(os.readlink(path).split(":[")[0] for path in shown if os.path.lexists(path))


def records(workspaces_root: Path) -> list[dict[str, Any]]:
    paths = workspaces_root.glob("*/*/*/.codexlab/runs/*/record.json")
    return [json.loads(path.read_bytes()) for path in paths]


@pytest.mark.trio
async def test_a_temp_directory_that_cannot_be_made_is_in_the_record(
    request_of_true: LaunchRequest,
    scratch: Path,
    workspaces_root: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert (await outcome_of(request_of_true)).status == 0
    before = descriptors()

    def taken(_environ: object) -> str:
        return str(scratch / "tmp")

    monkeypatch.setattr("codexlab.supervisor.prepare.workspace.choose_temporary", taken)
    outcome = await outcome_of(request_of_true)
    assert (outcome.status, outcome.reason) == (125, "launch-failed")
    assert descriptors() == before
    (record,) = (found for found in records(workspaces_root) if found["reason"] != "exited")
    assert (record["reason"], record["exit_status"]) == ("launch-failed", 125)
    assert record["error"] == outcome.error
    assert outcome.record is not None
    assert outcome.record["reason"] == record["reason"]


@pytest.mark.trio
async def test_a_workspace_that_cannot_be_prepared_keeps_no_lease_on_its_target(
    request_of_true: LaunchRequest, scratch: Path, source_repo: Path
) -> None:
    (scratch / "artifacts").mkdir()
    environ = {
        **request_of_true.environ,
        "CODEX_LAB_DEVELOPER_ARTIFACTS_ROOT": str(scratch / "artifacts"),
    }
    request = replace(request_of_true, no_repo=False, cwd=source_repo, environ=environ)
    assert (await outcome_of(request)).status == 0
    (home,) = scratch.glob("ws/*/1/*/codex-home")
    home.rename(home.with_name("aside"))
    home.touch()
    before = descriptors()
    assert (await outcome_of(request)).reason == "launch-failed"
    assert descriptors() == before


@contextmanager
def room_for(count: int) -> Generator[None]:
    """Let this process open so many descriptors more, and none after these."""
    taken = set(map(int, os.listdir("/proc/self/fd")))
    free = (number for number in range(len(taken) + count + 1) if number not in taken)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, ([*free][count], hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.trio
@pytest.mark.parametrize("command", ["true", "sleep 0.05; setsid sleep 60 & exit 3"])
async def test_a_lack_of_descriptors_at_any_moment_is_an_outcome_and_keeps_none(
    request_of_true: LaunchRequest, workspaces_root: Path, command: str
) -> None:
    request = replace(request_of_true, command=("sh", "-c", command))
    usual = await outcome_of(request)
    before = descriptors()
    reasons: set[str] = set()
    for count in range(24):
        async with open_run(request) as run:
            with room_for(count):
                outcome = await run.outcome()
        reasons.add(outcome.reason)
        assert descriptors() == before
        found = {record["run_id"]: record for record in records(workspaces_root)}
        assert None not in [record["reason"] for record in found.values()], count
        if outcome.run_id in found:
            assert found[outcome.run_id]["reason"] == outcome.reason
    assert reasons == {"launch-failed", "exited"}
    last = await outcome_of(request)
    assert (last.status, last.reason) == (usual.status, usual.reason)


@pytest.mark.trio
async def test_an_agent_that_can_no_longer_be_watched_is_ended_and_proven_gone(
    request_of_true: LaunchRequest, workspaces_root: Path
) -> None:
    assert (await outcome_of(request_of_true)).status == 0
    before = descriptors()
    request = replace(request_of_true, command=("sh", "-c", "setsid sleep 60 & sleep 60"))
    async with open_run(request) as run:
        async for event in run.events():
            if event["event"] == "child.spawned":
                break
        with room_for(0):
            run.stop()
            outcome = await run.outcome()
    # Before 3.11.4 Python keeps the pipes of a Popen that failed (gh-87474).
    assert descriptors() == before or sys.version_info < (3, 11, 4)
    assert (outcome.status, outcome.reason) == (125, "supervisor-lost")
    (record,) = (found for found in records(workspaces_root) if found["reason"] != "exited")
    assert record["reason"] == "supervisor-lost"
    assert (record["contained"]["proven"], record["contained"]["left"]) == (True, 0)
    assert "could no longer be watched" in record["warnings"][0]
    assert run.messages[:1] == record["warnings"][:1]
    assert (await outcome_of(request_of_true)).status == 0
