"""A killed agent leaves the terminal as it was: no own screen, no mouse, no hidden cursor."""

from __future__ import annotations

import os
import signal

import pytest
from support.lab import Lab
from support.terminal.person import typed

ON = r"\033[?1049h\033[?25l\033[?1003h\033[?1006h\033[?1004h\033[?2004h\033[>1u"
OFF = (
    rb"\x1b\[\?1003l\x1b\[\?1006l\x1b\[\?1004l\x1b\[\?2004l"
    rb"\x1b\[<1u\x1b\[\?1049l\x1b\[\?25h"
).decode()


def test_what_an_agent_that_is_ended_left_on_is_switched_off(lab: Lab) -> None:
    stubborn = f"trap '' TERM; printf '{ON}'; while :; do sleep 1; done"
    flags = ["--issue", "1", "--timeout", "4s", "--grace", "1s"]
    with typed(lab, flags, ["sh", "-c", stubborn]) as run:
        run.screen.wait_for(OFF)
        assert run.wait_end() == 124
        assert run.screen.settings == run.before


@pytest.mark.parametrize(
    "begin", [r"\033[", r"\033\007[\000", r"\302\233", r"\233"], ids=["ESC", "C0", "C1", "9B"]
)
def test_modes_are_undone_however_a_terminal_may_be_told_of_them(lab: Lab, begin: str) -> None:
    # A control character within is passed over; CAN ends what it stands in.
    told = rf"printf '{begin}?10\00049h{begin}?10\00700h{begin}?1002\030h'"
    with typed(lab, ["--issue", "1", "--quiet"], ["sh", "-c", told]) as run:
        run.screen.wait_for(r"\x1b\[\?1000l\x1b\[\?1049l(\r\n)?\[status 0\]")


def test_what_an_agent_that_was_killed_left_on_is_switched_off(lab: Lab) -> None:
    with typed(lab, ["--issue", "1"], ["sh", "-c", f"printf '{ON}here'; exec sleep 60"]) as run:
        run.screen.wait_for("here")
        os.kill(run.agent, signal.SIGKILL)
        run.screen.wait_for(OFF)
        assert run.wait_end() == 137


@pytest.mark.parametrize("half", ["supervisor", "guardian"])
def test_what_is_on_when_one_half_of_a_run_is_killed_is_switched_off_by_the_other(
    lab: Lab, half: str
) -> None:
    with typed(lab, ["--issue", "1"], ["sh", "-c", f"printf '{ON}here'; exec sleep 60"]) as run:
        run.screen.wait_for("here")
        ours = (run.guardian, run.supervisor, run.monitor)
        os.kill(getattr(run, half), signal.SIGKILL)
        run.screen.wait_for(OFF)
        run.screen.wait_for_end_of(*ours)
        run.screen.wait_until(lambda: run.screen.settings == run.before)


def test_what_was_switched_off_again_is_left_alone_when_the_supervisor_is_killed(lab: Lab) -> None:
    tidy = rf"printf '{ON}\033[<u\033[?2004;1004;1006;1003l\033[?25h\033[?1049lhere'; exec sleep 60"
    with typed(lab, ["--issue", "1"], ["sh", "-c", tidy]) as run:
        run.screen.wait_for("here")
        os.kill(run.supervisor, signal.SIGKILL)
        assert b"\x1b" not in run.screen.read_to(b"[status 125]")


def test_an_agent_that_left_nothing_on_is_followed_by_no_byte(lab: Lab) -> None:
    tidy = r"printf '\033[?1049h\033[?25lx\033[?25h\033[?1049lend'"
    with typed(lab, ["--issue", "1", "--quiet"], ["sh", "-c", tidy]) as run:
        run.screen.wait_for(r"end(\r\n)?\[status 0\]")
