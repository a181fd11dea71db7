"""Which endings are tried again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from codexlab.agents.adapter import AgentStatus
from codexlab.kernel.containment.membership import Mechanism
from codexlab.supervisor import LaunchRequest
from codexlab.supervisor.lifecycle.attempt_end import AttemptEnd
from codexlab.supervisor.lifecycle.exit import ExitReport, Reason
from codexlab.supervisor.run.retry import FIRST_PAUSE, is_retried, with_retries

HERE = Path("/")


def ended(status: int = 1, reason: Reason = Reason.EXITED, left: int = 0) -> AttemptEnd:
    return AttemptEnd(
        ExitReport(status, reason, status),
        Mechanism.CGROUP,
        AgentStatus.NONE,
        0,
        left,
        not left,
        None,
        None,
    )


def request(*command: str, retry_on: tuple[int, ...] = ()) -> LaunchRequest:
    return LaunchRequest("1", command, {}, HERE, HERE, HERE, retries=3, retry_on=retry_on)


@pytest.mark.parametrize("reason", [Reason.EXITED, Reason.SIGNALED, Reason.IDLE, Reason.MEMORY])
def test_failures_are_retried(reason: Reason) -> None:
    assert is_retried(ended(1, reason), request("x"), has_thread=False)


@pytest.mark.parametrize("reason", [Reason.TIMEOUT, Reason.CANCELLED, Reason.SUPERVISOR_LOST])
def test_what_was_wanted_or_lost_is_not(reason: Reason) -> None:
    assert not is_retried(ended(1, reason), request("x"), has_thread=False)


def test_success_is_not_retried() -> None:
    assert not is_retried(ended(0), request("x"), has_thread=False)


def test_nothing_starts_anew_once_the_end_was_asked_for_be_it_late() -> None:
    assert not is_retried(replace(ended(), asked_to_end=True), request("x"), has_thread=False)


def test_nothing_starts_beside_what_is_left() -> None:
    assert not is_retried(ended(left=1), request("x"), has_thread=False)


def test_a_started_thread_is_retried_only_by_resuming_it() -> None:
    assert not is_retried(ended(), request("codex", "go"), has_thread=True)
    assert is_retried(ended(), request("codex", "{resume}", "go"), has_thread=True)


def test_only_listed_statuses_are_retried() -> None:
    assert is_retried(ended(7), request("x", retry_on=(7,)), has_thread=False)
    assert not is_retried(ended(8), request("x", retry_on=(7,)), has_thread=False)


@pytest.mark.trio
async def test_attempts_are_never_less_than_a_second_apart_and_ever_further() -> None:
    pauses: list[float] = []

    async def attempt() -> AttemptEnd:
        return ended(1)

    async def pause(seconds: float) -> None:
        pauses.append(seconds)

    end = await with_retries(request("x"), attempt, lambda: False, pause)
    assert (end.exit.status, len(pauses)) == (1, 3)
    assert min(pauses) >= FIRST_PAUSE
    assert pauses == sorted(pauses)
