"""The table of a run's life, without a process."""

import signal

import pytest

from codexlab.supervisor.lifecycle.exit import Reason
from codexlab.supervisor.lifecycle.ladder import Target, build_ladder
from codexlab.supervisor.lifecycle.machine import (
    ChildExited,
    CountMembers,
    Effect,
    EndRequested,
    Input,
    MembersCounted,
    Phase,
    RungOver,
    Send,
    SignalReceived,
    StartTimer,
    State,
    step,
)

LADDER = build_ladder(grace=10.0)
TERM_ALL = (Send(Target.ALL, signal.SIGTERM), StartTimer(1, 3.0))
KILL_ALL = (Send(Target.ALL, signal.SIGKILL), StartTimer(2, 10.0))


def after(*events: Input) -> tuple[State, tuple[Effect, ...]]:
    state = State()
    effects: tuple[Effect, ...] = ()
    for event in events:
        state, effects = step(state, event, LADDER)
    return state, effects


def test_a_child_that_leaves_nothing_is_done_and_proven() -> None:
    state, _ = after(ChildExited(), MembersCounted(0))
    assert (state.phase, state.reason, state.swept, state.left) == (Phase.DONE, None, 0, 0)


def test_what_a_child_leaves_behind_gets_the_ladder_from_term_on_and_is_counted() -> None:
    state, effects = after(ChildExited(), MembersCounted(4))
    assert effects == TERM_ALL
    state, effects = step(state, RungOver(1), LADDER)
    assert effects == KILL_ALL
    state, _ = step(state, MembersCounted(0), LADDER)
    assert (state.phase, state.swept, state.left) == (Phase.DONE, 4, 0)


@pytest.mark.parametrize("signum", [signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM])
def test_an_ending_signal_is_forwarded_as_it_is_and_starts_the_grace(
    signum: signal.Signals,
) -> None:
    state, effects = after(SignalReceived(signum))
    assert effects == (Send(Target.LEADER, signum), StartTimer(0, 10.0))
    assert (state.phase, state.reason) == (Phase.ENDING, "cancelled")


def test_other_signals_pass_through_and_end_nothing() -> None:
    state, effects = after(SignalReceived(signal.SIGUSR1))
    assert effects == (Send(Target.LEADER, signal.SIGUSR1),)
    assert state == State()


def test_nothing_is_forwarded_to_a_leader_that_is_gone() -> None:
    _, effects = after(ChildExited(), MembersCounted(1), SignalReceived(signal.SIGUSR1))
    assert effects == ()


def test_a_limit_begins_with_term() -> None:
    state, effects = after(EndRequested(Reason.TIMEOUT))
    assert effects == (Send(Target.LEADER, signal.SIGTERM), StartTimer(0, 10.0))
    assert state.reason is Reason.TIMEOUT


def test_a_second_wish_skips_a_rung_and_a_third_kills() -> None:
    interrupt = SignalReceived(signal.SIGINT)
    assert after(interrupt, interrupt)[1] == TERM_ALL
    assert after(interrupt, interrupt, interrupt)[1] == KILL_ALL
    assert after(interrupt, interrupt, interrupt, interrupt)[1] == ()


def test_the_first_reason_stays_the_reason() -> None:
    state, _ = after(
        EndRequested(Reason.TIMEOUT), SignalReceived(signal.SIGTERM), EndRequested(Reason.IDLE)
    )
    assert state.reason is Reason.TIMEOUT


def test_a_rung_that_was_skipped_does_not_fire_later() -> None:
    skipped = (SignalReceived(signal.SIGINT), SignalReceived(signal.SIGINT))
    state, _ = after(*skipped)
    assert step(state, RungOver(0), LADDER) == (state, ())


def test_after_the_last_rung_what_is_left_is_reported_as_left() -> None:
    state, _ = after(ChildExited(), MembersCounted(2), RungOver(1), RungOver(2))
    assert (state.phase, state.left) == (Phase.DONE, 2)


def test_a_child_that_outlives_kill_ends_the_watch_all_the_same() -> None:
    state, _ = after(EndRequested(Reason.TIMEOUT), RungOver(0), RungOver(1), RungOver(2))
    assert (state.phase, state.exited) == (Phase.DONE, False)


def test_members_are_counted_when_the_child_ends_during_the_grace() -> None:
    state, effects = after(SignalReceived(signal.SIGTERM), ChildExited())
    assert effects == (CountMembers(),)
    assert step(state, MembersCounted(3), LADDER)[1] == TERM_ALL


def test_an_impatient_user_after_the_childs_end_climbs_from_term() -> None:
    state, _ = after(ChildExited())
    assert step(state, SignalReceived(signal.SIGINT), LADDER)[1] == TERM_ALL


def test_nothing_happens_after_the_end() -> None:
    state, _ = after(ChildExited(), MembersCounted(0))
    for event in (
        SignalReceived(signal.SIGINT),
        EndRequested(Reason.IDLE),
        RungOver(0),
        ChildExited(),
    ):
        assert step(state, event, LADDER) == (state, ())
