"""The last lines of a run say what matters to whoever typed it, and nothing otherwise."""

from __future__ import annotations

from pathlib import Path

import pytest

from codexlab.agents.adapter import AgentStatus
from codexlab.env.policy.values import ReceiptAction, ReceiptLine
from codexlab.kernel.containment.membership import Mechanism
from codexlab.supervisor.lifecycle.attempt_end import AttemptEnd
from codexlab.supervisor.lifecycle.exit import AgentOutcome, ExitReport, Reason
from codexlab.supervisor.run.closing_lines import (
    describe_ending,
    describe_forced_end,
    hint_at_dropped_names,
)

RECORD = Path("record.json")
FAILED = ExitReport(1, Reason.EXITED, code=1)
MISSED = ReceiptLine("DATABASE_URL", ReceiptAction.DROPPED, "not allowed")


def ended(left: int = 0) -> AttemptEnd:
    return AttemptEnd(FAILED, Mechanism.CGROUP, AgentStatus.NONE, 2, left, True, None, None)


def test_a_run_that_left_nothing_is_silent_unless_asked() -> None:
    assert list(describe_ending(ended(), AgentOutcome.FAILED, "r1", RECORD, verbose=False)) == []
    (line,) = describe_ending(ended(), AgentOutcome.FAILED, "r1", RECORD, verbose=True)
    assert line == "exited, status 1, failed; cgroup: 2 swept, 0 left; see record.json"


def test_what_is_left_is_told_unasked() -> None:
    (line,) = describe_ending(ended(left=3), AgentOutcome.FAILED, "r1", RECORD, verbose=False)
    assert line.startswith("3 processes of run r1 are left; the next launch")


@pytest.mark.parametrize(
    ("report", "said"),
    [
        (
            ExitReport(124, Reason.TIMEOUT, signal=15),
            "was ended: the time limit was over (status 124)",
        ),
        (
            ExitReport(124, Reason.IDLE, code=0),
            "was ended: it was idle for as long as the limit allows",
        ),
        (ExitReport(137, Reason.MEMORY, signal=9), "was ended: it held more memory than the limit"),
        (ExitReport(143, Reason.CANCELLED, signal=15), "was ended: codexlab-run was asked to end"),
        (ExitReport(137, Reason.SIGNALED, signal=9), "died by SIGKILL (status 137)"),
        (ExitReport(163, Reason.SIGNALED, signal=35), "died by signal 35 (status 163)"),
        (ExitReport(125, Reason.SUPERVISOR_LOST), "nobody saw the agent's end (status 125)"),
    ],
    ids=["timeout", "idle", "memory", "cancelled", "killed", "real-time signal", "lost"],
)
def test_each_end_that_is_not_the_agents_own_has_its_line(report: ExitReport, said: str) -> None:
    (line,) = describe_forced_end(report, RECORD)
    assert said in line
    assert line.endswith("; see record.json")


def test_an_agent_that_ended_by_itself_has_no_such_line() -> None:
    assert list(describe_forced_end(FAILED, RECORD)) == []


@pytest.mark.parametrize(
    ("report", "seconds", "verdict"),
    [
        (ExitReport(0, Reason.EXITED, code=0), 0.5, MISSED),
        (ExitReport(143, Reason.SIGNALED, signal=15), 0.5, MISSED),
        (ExitReport(124, Reason.TIMEOUT, signal=15), 0.5, MISSED),
        (FAILED, 60.0, MISSED),
        (FAILED, 0.5, ReceiptLine("SHLVL", ReceiptAction.DROPPED, "not allowed")),
        (FAILED, 0.5, ReceiptLine("HOME", ReceiptAction.KEPT, "built-in")),
    ],
    ids=["success", "signal", "limit", "late", "the shell's own", "nothing dropped"],
)
def test_no_hint_where_dropped_names_explain_nothing(
    report: ExitReport, seconds: float, verdict: ReceiptLine
) -> None:
    said = b"DATABASE_URL, SHLVL and HOME"
    assert list(hint_at_dropped_names(report, seconds, [verdict], said)) == []


@pytest.mark.parametrize("said", [b"", b"no such table", b"MY_DATABASE_URL", b"DATABASE_URLS"])
def test_no_hint_where_the_command_did_not_name_the_variable(said: bytes) -> None:
    assert list(hint_at_dropped_names(FAILED, 0.5, [MISSED], said)) == []


def test_a_command_that_named_what_it_misses_is_told_how_to_get_it() -> None:
    (line,) = hint_at_dropped_names(FAILED, 0.5, [MISSED], b"KeyError: 'DATABASE_URL'\n")
    assert line.startswith("it failed at once and named DATABASE_URL, which was not passed on")
    assert "--pass DATABASE_URL lets it in" in line
