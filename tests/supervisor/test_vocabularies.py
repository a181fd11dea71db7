"""The pages explain each word that a run, a hook or a listing is described with."""

from __future__ import annotations

import re

from support.product import ROOT

from codexlab.guardian.ending.unfinished import LOST
from codexlab.supervisor.hooks.hook_end import HookStatus
from codexlab.supervisor.lifecycle.exit import AgentOutcome, Reason
from codexlab.supervisor.records.runs import RunState


def read_page(name: str, begin: str, end: str) -> str:
    """Return what a page says between two texts."""
    return (ROOT / "docs" / name).read_text().partition(begin)[2].partition(end)[0]


def quoted(text: str) -> set[str]:
    return set(re.findall(r"`([a-z-]+)`", text))


def test_the_page_of_supervision_gives_each_reason_its_exit_status() -> None:
    table = read_page("supervision.md", "| Exit status | Meaning |", "\n\n")
    reasons = {word for row in table.splitlines()[1:] for word in quoted(row.split("|")[3])}
    assert reasons == set(Reason)


def test_the_page_of_the_architecture_lists_each_reason() -> None:
    listed = read_page("architecture.md", "its `reason` is one of `", "`")
    assert set(re.split(r",\s+", listed)) == set(Reason)


def test_the_page_of_supervision_explains_each_state_of_a_run_but_its_end() -> None:
    table = read_page("supervision.md", "| State | Meaning |", "\n\n")
    states = {word for row in table.splitlines()[2:] for word in quoted(row.split("|")[1])}
    # A run that is over has its end in words, of which the page gives some.
    assert states - {"done", "refused"} == set(RunState) - {"finished"}


def test_the_page_of_hooks_names_each_status_but_the_one_that_no_hook_can_have() -> None:
    listed = read_page("hooks.md", "`hooks` has the same", "Embedded").partition("`status` is")[2]
    assert quoted(listed) == set(HookStatus) - {"idle"}


def test_the_page_of_the_record_explains_each_outcome() -> None:
    row = read_page("running.md", "| `agent_outcome`, `last_word` |", "\n")
    assert quoted(row) == set(AgentOutcome)


def test_what_the_guardian_writes_in_our_place_are_words_of_ours() -> None:
    assert LOST["reason"] == Reason.SUPERVISOR_LOST
    assert LOST["agent_outcome"] == AgentOutcome.FAILED
