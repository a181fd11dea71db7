"""From a wait status and the way a run ended to one exit status and one reason."""

from __future__ import annotations

import os
from enum import StrEnum
from typing import Literal

from ...agents.adapter import AgentStatus
from ...kernel.values import frozen, replace

EXIT_LIMIT = 124
EXIT_FAILED = 125
EXIT_NOT_EXECUTABLE = 126
EXIT_NOT_FOUND = 127


class Reason(StrEnum):
    """Why a run ended: the truth where exit statuses collide."""

    TIMEOUT = "timeout"
    IDLE = "idle"
    MEMORY = "memory"
    CANCELLED = "cancelled"
    EXITED = "exited"
    SIGNALED = "signaled"
    BUSY = "busy"
    LAUNCH_FAILED = "launch-failed"
    SUPERVISOR_LOST = "supervisor-lost"


EndReason = Literal[Reason.TIMEOUT, Reason.IDLE, Reason.MEMORY, Reason.CANCELLED]
"""Why we ended an agent: one of its limits, or somebody asked for the end."""


class AgentOutcome(StrEnum):
    """What became of the agent's task."""

    COMPLETED = "completed"
    FAILED = "failed"
    UNCONFIRMED = "unconfirmed"


_LIMITS: frozenset[Reason] = frozenset({Reason.TIMEOUT, Reason.IDLE})


@frozen
class ExitReport:
    """How a run ended.

    :param status: what codexlab-run exits with.
    :param code: the agent's own exit code, or None when it died by a signal.
    :param signal: the signal it died by, or None.
    """

    status: int
    reason: Reason
    code: int | None = None
    signal: int | None = None


def report_exit(wait_status: int | None, ended_for: Reason | None) -> ExitReport:
    """Decide the exit status of a run that was started.

    :param wait_status: as from waitpid(2), or None when the agent outlived us.
    :param ended_for: why we ended it, or None when it ended by itself.
    """
    if wait_status is None:
        return ExitReport(EXIT_FAILED, ended_for or Reason.SUPERVISOR_LOST)
    died_by = os.WTERMSIG(wait_status) if os.WIFSIGNALED(wait_status) else None
    code = os.WEXITSTATUS(wait_status) if died_by is None else None
    own = code if code is not None else 128 + (died_by or 0)
    reason: Reason = ended_for or (Reason.EXITED if died_by is None else Reason.SIGNALED)
    return ExitReport(EXIT_LIMIT if ended_for in _LIMITS else own, reason, code, died_by)


def deny_success(run_exit: ExitReport, agent_status: AgentStatus, signum: int) -> ExitReport:
    """Give a cancelled agent that says 0 without having completed the status of its signal.

    The npm launcher of codex up to 0.155 says 0 when its codex dies by SIGTERM, and claude does on
    SIGINT. A reader of the status alone would take such a task for done.

    :param agent_status: what the agent's own event stream said last.
    :param signum: the signal that asked for the end.
    """
    if (
        run_exit.reason is not Reason.CANCELLED
        or run_exit.code != 0
        or agent_status is AgentStatus.COMPLETED
    ):
        return run_exit
    return replace(run_exit, status=128 + signum)


def agent_outcome(run_exit: ExitReport, agent_status: AgentStatus) -> AgentOutcome:
    """Say what became of the task.

    :param agent_status: what the agent's own event stream said last.

    Completed only when process and stream agree. An exit status of 0 without a stream confirms
    nothing: the agent may have been silent without work.
    """
    if (
        run_exit.reason is not Reason.EXITED
        or run_exit.code != 0
        or agent_status is AgentStatus.FAILED
    ):
        return AgentOutcome.FAILED
    confirmed = agent_status is AgentStatus.COMPLETED
    return AgentOutcome.COMPLETED if confirmed else AgentOutcome.UNCONFIRMED
