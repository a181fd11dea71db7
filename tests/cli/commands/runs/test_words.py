"""A run in words: how it ended and why, and the shortest name that means it alone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from codexlab.cli.commands.runs.words import ending_words, seconds_between, span, unique_beginnings
from codexlab.cli.context.run_names import KnownRun, choose_run
from codexlab.kernel.process.identity import ProcessIdentity
from codexlab.supervisor.history.run_entry import RunEntry, RunFacts

NOBODY = ProcessIdentity(0, 0, "unknown")
ENTRY = RunEntry("r", "p", "i", "codex", "", "", NOBODY, NOBODY, "", "2026-01-31T12:00:00.000Z")


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"reason": "exited", "exit_status": 0, "agent_outcome": "completed"}, "done"),
        ({"reason": "exited", "exit_status": 0, "agent_outcome": "unconfirmed"}, "done"),
        ({"reason": "exited", "exit_status": 3, "agent_outcome": "failed"}, "failed: exit 3"),
        ({"reason": "exited", "exit_status": 1, "why": "out of credit"}, "failed: out of credit"),
        ({"reason": "timeout", "exit_status": 124, "why": "2 min"}, "timed out: 2 min"),
        ({"reason": "cancelled", "exit_status": 143}, "stopped"),
        ({"reason": "busy", "error": "held by run x"}, "refused: the workspace is busy"),
        ({"reason": "launch-failed", "error": "no such command"}, "not started: no such command"),
        ({"reason": "supervisor-lost", "exit_status": 125}, "lost"),
        ({"reason": "of another version", "exit_status": 9}, "failed: exit 9"),
    ],
)
def test_an_ending_is_said_in_words(values: dict[str, Any], words: str) -> None:
    facts = RunFacts(why=values.pop("why", None))
    assert ending_words(replace(ENTRY, **values, facts=facts)) == words


def test_times_are_in_one_unit() -> None:
    assert [span(seconds) for seconds in (None, 0, 119, 120, 7200, 200_000)] == [
        "-", "0s", "119s", "2m", "2h", "2d",
    ]  # fmt: skip
    assert seconds_between("2026-01-31T12:00:00Z", "2026-01-31T12:00:01.500Z") == 1.5
    assert seconds_between("2999-01-31T12:00:00Z") == 0.0
    assert seconds_between("2026-13-45T12:00:00Z") is None


def test_the_shortest_name_of_each_run_means_it_alone() -> None:
    ids = [
        f"20260131T12000{n}Z-{part}" for n, part in enumerate(("abcd1234", "abcd1299", "20260131"))
    ]
    ids += ["20260131T120000Z-ffff0000", "of another form", "x"]
    names = unique_beginnings(ids)
    assert names[ids[0]] == "abcd123"
    assert names[ids[3]] == "ffff"
    runs = [KnownRun(run_id, "p", f"issue {run_id}", "codex", "") for run_id in ids]
    for run_id in ids[:4]:
        assert choose_run(names[run_id], runs, "p").run_id == run_id
