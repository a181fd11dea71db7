"""From a wait status to one exit status and one reason."""

import signal

import pytest

from codexlab.agents.adapter import AgentStatus
from codexlab.supervisor.lifecycle.exit import (
    AgentOutcome,
    ExitReport,
    Reason,
    agent_outcome,
    deny_success,
    report_exit,
)


@pytest.mark.parametrize("code", range(256))
def test_every_code_of_the_child_passes_through_unchanged(code: int) -> None:
    report = report_exit(code << 8, None)
    assert (report.status, report.reason, report.code) == (code, "exited", code)


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGKILL, signal.SIGSEGV, signal.SIGUSR1])
def test_a_child_that_died_by_a_signal_gives_128_and_its_number(signum: signal.Signals) -> None:
    report = report_exit(signum, None)
    assert (report.status, report.reason, report.signal) == (128 + signum, "signaled", signum)


def test_a_forwarded_signal_keeps_the_childs_own_code() -> None:
    assert report_exit(3 << 8, Reason.CANCELLED) == ExitReport(3, Reason.CANCELLED, 3, None)


@pytest.mark.parametrize("reason", [Reason.TIMEOUT, Reason.IDLE])
def test_our_limits_give_124_whatever_the_child_said(reason: Reason) -> None:
    assert report_exit(0, reason).status == 124
    assert report_exit(signal.SIGKILL, reason).status == 124


def test_an_agent_that_outlived_us_gives_125() -> None:
    assert report_exit(None, None) == ExitReport(125, Reason.SUPERVISOR_LOST)


@pytest.mark.parametrize(
    ("wait_status", "ended_for", "agent_status", "outcome"),
    [
        (0, None, AgentStatus.COMPLETED, AgentOutcome.COMPLETED),
        (0, None, AgentStatus.NONE, AgentOutcome.UNCONFIRMED),
        (0, None, AgentStatus.FAILED, AgentOutcome.FAILED),
        (1 << 8, None, AgentStatus.COMPLETED, AgentOutcome.FAILED),
        (0, Reason.TIMEOUT, AgentStatus.COMPLETED, AgentOutcome.FAILED),
        (15, None, AgentStatus.COMPLETED, AgentOutcome.FAILED),
    ],
)
def test_an_outcome_is_completed_only_if_process_and_stream_agree(
    wait_status: int, ended_for: Reason | None, agent_status: AgentStatus, outcome: AgentOutcome
) -> None:
    assert agent_outcome(report_exit(wait_status, ended_for), agent_status) == outcome


def test_a_cancelled_agent_that_says_0_without_having_completed_is_no_success() -> None:
    cancelled = report_exit(0, Reason.CANCELLED)
    assert deny_success(cancelled, AgentStatus.NONE, 15) == ExitReport(
        143, Reason.CANCELLED, 0, None
    )
    assert deny_success(cancelled, AgentStatus.FAILED, 2).status == 130
    assert deny_success(cancelled, AgentStatus.COMPLETED, 15) == cancelled
    for other in (
        report_exit(3 << 8, Reason.CANCELLED),
        report_exit(0, None),
        report_exit(15, None),
    ):
        assert deny_success(other, AgentStatus.NONE, 15) == other
