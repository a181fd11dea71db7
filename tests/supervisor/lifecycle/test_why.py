"""A person reads why an agent's work was not done: in few words, on one line."""

from __future__ import annotations

import pytest

from codexlab.agents.adapter import AgentStatus
from codexlab.kernel.containment.membership import Mechanism
from codexlab.supervisor.lifecycle.attempt_end import AttemptEnd
from codexlab.supervisor.lifecycle.exit import AgentOutcome, ExitReport, Reason
from codexlab.supervisor.lifecycle.why import duration, explain, last_line, one_line

LIMIT = "the time limit of 1 min 30 s was over"


def why(report: ExitReport, said: str | None = None) -> str | None:
    end = AttemptEnd(report, Mechanism.CGROUP, AgentStatus.NONE, 0, 0, True, None, None)
    return explain(end, AgentOutcome.FAILED, said, timeout=90.0, idle_timeout=5.0)


@pytest.mark.parametrize(
    ("report", "shown"),
    [
        (ExitReport(124, Reason.TIMEOUT, signal=15), LIMIT),
        (ExitReport(124, Reason.IDLE, code=0), "no output and no work for 5 s"),
        (ExitReport(137, Reason.MEMORY, signal=9), "it held more memory than the limit allows"),
        (ExitReport(143, Reason.CANCELLED, signal=15), "codexlab-run was asked to end"),
        (ExitReport(137, Reason.SIGNALED, signal=9), "the agent died by SIGKILL"),
        (ExitReport(163, Reason.SIGNALED, signal=35), "the agent died by signal 35"),
        (ExitReport(125, Reason.SUPERVISOR_LOST), "nobody saw the agent's end"),
        (ExitReport(3, Reason.EXITED, code=3), "exit 3"),
        (ExitReport(0, Reason.EXITED, code=0), "the agent says that it failed"),
    ],
    ids=lambda value: value.reason if isinstance(value, ExitReport) else None,
)
def test_each_end_that_is_no_success_has_its_reason(report: ExitReport, shown: str) -> None:
    assert why(report) == shown


def test_the_agents_own_words_are_the_reason_where_it_ended_itself() -> None:
    assert why(ExitReport(1, Reason.EXITED, code=1), "high demand") == "exit 1: high demand"
    assert why(ExitReport(124, Reason.TIMEOUT), "working") == LIMIT


def test_words_are_shown_on_one_line_and_move_no_cursor() -> None:
    assert one_line("\x1b[31mno\x1b[0m\r\n\x1b]0;title\x07  luck\x9b2J") == "no luck 2J"
    assert len(one_line("x" * 10_000)) == 160


def test_the_last_line_that_says_anything_counts() -> None:
    said = b"first\nError: no\xff luck\n\n \x1b[0m\n"
    assert last_line(said) == "Error: no\N{REPLACEMENT CHARACTER} luck"
    assert last_line(b"\n \n") is None


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0.01, "0.1 s"),
        (3.04, "3 s"),
        (3.21, "3.2 s"),
        (9.96, "10 s"),
        (59.7, "1 min"),
        (61, "1 min 1 s"),
        (3600, "1 h"),
        (5000, "1 h 23 min"),
    ],
)
def test_durations_are_short(seconds: float, shown: str) -> None:
    assert duration(seconds) == shown
