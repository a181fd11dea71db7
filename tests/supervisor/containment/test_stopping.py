"""How runs are ended from outside: which signals are sent, and what shows that a run is empty."""

from __future__ import annotations

import signal

import pytest

from codexlab.kernel.values import replace
from codexlab.supervisor.containment.proof import Proof, decide_proof
from codexlab.supervisor.containment.stop import rounds_of, signals_taken
from codexlab.supervisor.history.run_entry import RunFacts
from codexlab.workspace.owner import OwnerRecord

TERM, INT, QUIT, HUP = signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGHUP
OWNER = OwnerRecord(
    run_id="r", pid=1, start_time=1, boot_id="b", host="h", uid=0, cgroup=None,
    mechanism="subreaper", contained=True, started="2026-01-31T12:00:00.000Z",
)  # fmt: skip


def caught(*signals: signal.Signals) -> str:
    mask = sum(1 << (signum - 1) for signum in signals)
    return f"Name:\tpython\nSigIgn:\t{0:016x}\nSigCgt:\t{mask:016x}\n"


def test_the_signals_are_those_that_the_guardian_has_a_handler_for() -> None:
    assert signals_taken(caught(HUP, INT, QUIT, TERM, signal.SIGUSR1)) == (TERM, INT, QUIT, HUP)
    assert signals_taken(caught(TERM)) == (TERM,)
    assert signals_taken("Name:\tpython\n") == ()


@pytest.mark.parametrize(
    ("taken", "now", "rounds"),
    [
        ((TERM, INT, QUIT, HUP), False, [(TERM,)]),
        ((INT, QUIT), False, [(INT,)]),
        ((TERM, INT, QUIT, HUP), True, [(TERM, INT, QUIT)]),
        ((TERM, HUP), True, [(TERM, HUP), (TERM,)]),
        ((TERM,), True, [(TERM,), (TERM,), (TERM,)]),
    ],
)
def test_as_many_signals_are_sent_as_rungs_are_to_be_climbed(
    taken: tuple[signal.Signals, ...], now: bool, rounds: list[tuple[signal.Signals, ...]]
) -> None:
    assert rounds_of(taken, now=now) == rounds


PROVEN = RunFacts(mechanism="cgroup", proven=True, swept=0, left=0)


def test_a_run_that_says_empty_is_believed_only_if_our_state_directory_does_not_deny_it() -> None:
    assert decide_proof("r", PROVEN, OWNER) == Proof(True, True, "cgroup", 0, 0)
    assert not decide_proof("r", PROVEN, replace(OWNER, contained=False)).empty
    # A later run has begun there, so that somebody read that this run is empty.
    assert decide_proof("r", PROVEN, replace(OWNER, run_id="s", contained=False)).proven


def test_a_run_that_lost_its_guardian_is_empty_and_not_proven() -> None:
    lost = replace(PROVEN, proven=False)
    assert decide_proof("r", lost, OWNER) == Proof(True, False, "cgroup", 0, 0)
    assert not decide_proof("r", replace(PROVEN, proven=None), None).proven


def test_a_run_with_processes_left_is_not_empty() -> None:
    told = replace(PROVEN, left=2, proven=False)
    assert decide_proof("r", told, OWNER) == Proof(False, False, "cgroup", 0, 2)


def test_a_run_that_never_got_its_workspace_has_nothing_left() -> None:
    assert decide_proof("r", RunFacts(), None) == Proof(True, True)
