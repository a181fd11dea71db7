"""Programs that do not want to end, in every containment, ended in every way.

After each run the kernel is asked who is left, not the product. ``docs/supervision.md``
has the table; ``CODEXLAB_ADVERSARIES=all`` takes the whole matrix, some minutes long.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest
from support.adversaries.cases import Case, all_cases, sample
from support.adversaries.run import run_cases, why_not

# What is tried here is git, the kernel or a disk: the same for each Python.
pytestmark = pytest.mark.one_python

CASES = list(all_cases() if os.environ.get("CODEXLAB_ADVERSARIES") == "all" else sample())
REASONS = {"itself": "exited", "term": "cancelled", "timeout": "timeout"}


def _grouped() -> Iterable[Any]:
    for key, cases in groupby(CASES, lambda case: (case.api, case.adversary, case.place)):
        yield pytest.param(list(cases), id="-".join(key))


@pytest.mark.parametrize("cases", list(_grouped()))
def test_an_adversary_is_ended_and_the_record_claims_no_more_than_the_kernel_shows(
    cases: list[Case], scratch: Path, clean_environ: dict[str, str]
) -> None:
    if reason := why_not(cases[0].place):
        pytest.skip(reason)
    for case, found in run_cases(cases, scratch, clean_environ).items():
        contained, survivors = found["contained"], found["survivors"]
        assert len(survivors) <= case.limit, (case, found)
        assert not contained["proven"] or survivors == [], (case, found)
        assert contained["proven"] is (case.ending not in ("guardian", "both")), (case, found)
        # A link of a chain of forks is alive for a moment beside the one that it forked, so two
        # looks at one survivor of that kind differ; of nobody none is ever counted.
        most = max(len(survivors), case.limit) if survivors else 0
        assert contained["left"] <= most, (case, found)
        assert contained["reason"] == _reason(case), (case, found)
        assert found["status"] in _statuses(case), (case, found)
        assert found["again"] in (None, 0), (case, found)
        assert found["files"] == [] or contained["left"], (case, found)


def _reason(case: Case) -> str:
    if case.adversary == "outlives_its_leader" and case.ending == "itself":
        return "signaled"
    return REASONS.get(case.ending, "supervisor-lost")


def _statuses(case: Case) -> set[int]:
    match case.ending:
        case "itself":
            return {137} if case.adversary == "outlives_its_leader" else {0}
        case "term":
            # Forwarded, or after the ladder KILL.
            return {143, 137}
        case "timeout":
            return {124}
        case "both":
            return {-9}
        case killed:
            # What was started is the guardian; embedded, it is the supervisor.
            started = "supervisor" if case.api == "embedded" else "guardian"
            return {-9} if killed == started else {125}
