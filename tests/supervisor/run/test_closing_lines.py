"""The last lines of a run say what matters to whoever typed it, and nothing otherwise."""

from __future__ import annotations

from pathlib import Path

import pytest

from codexlab.agents.adapter import AgentStatus
from codexlab.env.policy.values import ReceiptAction, ReceiptLine
from codexlab.kernel.containment.membership import Mechanism
from codexlab.kernel.values import replace
from codexlab.supervisor.lifecycle.attempt_end import AttemptEnd
from codexlab.supervisor.lifecycle.exit import AgentOutcome, ExitReport, Reason
from codexlab.supervisor.run.closing_lines import (
    Ending,
    describe_ending,
    describe_left,
    hint_at_dropped_names,
)

RECORD = Path("record.json")
FAILED = ExitReport(1, Reason.EXITED, code=1)
MISSED = ReceiptLine("DATABASE_URL", ReceiptAction.DROPPED, "not allowed")


def ended(left: int = 0) -> AttemptEnd:
    return AttemptEnd(FAILED, Mechanism.CGROUP, AgentStatus.NONE, 2, left, True, None, None)


def ending(end: AttemptEnd, outcome: AgentOutcome, why: str | None, **after: object) -> str:
    git = {"head_before": "a", "after": after} if after else None
    return describe_ending(Ending(end, outcome, why, 4.2, git), "1 2", RECORD, verbose=False)


def test_a_good_end_says_how_long_what_changed_and_how_to_see_it() -> None:
    end = replace(ended(), exit=ExitReport(0, Reason.EXITED, code=0), swept=0)
    line = ending(end, AgentOutcome.COMPLETED, None, dirty=True, ahead=2)
    assert line == (
        "done in 4.2 s, exit 0; 2 commits and uncommitted changes; nothing left running."
        " Next: codexlab diff '1 2'"
    )
    assert ending(end, AgentOutcome.COMPLETED, None, dirty=False, ahead=0) == (
        "done in 4.2 s, exit 0; nothing left running."
    )


def test_a_bad_end_says_why_and_where_the_output_is() -> None:
    line = ending(ended(), AgentOutcome.FAILED, "exit 1: no luck", dirty=False, ahead=1)
    assert line == (
        "failed after 4.2 s, exit 1: no luck; 1 commit; 2 leftover processes ended,"
        " nothing left running. Output: codexlab logs '1 2'"
    )


def test_an_end_claims_no_more_than_the_kernel_showed() -> None:
    unproven = ending(replace(ended(), proven=False), AgentOutcome.FAILED, "exit 1")
    assert "nothing found running" in unproven
    assert "3 processes are left" in ending(ended(left=3), AgentOutcome.FAILED, "exit 1")


def test_what_is_left_is_told_with_the_run_and_the_way_to_end_it() -> None:
    (line,) = describe_left(ended(left=3), "r1", RECORD)
    assert line.startswith("3 processes of run r1 are left; the next launch")
    assert list(describe_left(ended(), "r1", RECORD)) == []


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
