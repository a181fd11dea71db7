"""A job that is stopped and continued: what the agent hears of it, and when.

Signals of one kind that wait for a process are one; so whatever was sent is taken
before the next is sent, and an answer tells that all before it was passed on.
"""

from __future__ import annotations

import json
import os
import re
import signal
import sys
from pathlib import Path

import pytest
from support.lab import Lab
from support.terminal.person import Typed, job, state_of

PLAIN = ["--issue", "1", "--no-repo", "--agent", "generic"]
AGENT = """
import os, signal
signal.signal(signal.SIGCONT, lambda *_: os.write(1, b"[continued]"))
for answered in (signal.SIGUSR1, signal.SIGUSR2):
    signal.signal(answered, lambda *_: os.write(1, b"[heard]"))
signal.signal(signal.SIGQUIT, lambda *_: os._exit(6))
os.write(1, b"[ready]")
while True:
    signal.pause()
"""


def takes_a_signal(pid: int) -> bool:
    """Tell whether no signal waits for this process any more."""
    words = re.findall(r"(?:SigPnd|ShdPnd):\s*(\w+)", Path(f"/proc/{pid}/status").read_text())
    return not any(int(word, 16) for word in words)


def wait_stopped(run: Typed) -> None:
    run.screen.wait_for(r"\[stopped\]")
    run.screen.wait_until(lambda: state_of(run.guardian) == state_of(run.supervisor) == "T")


def continued(run: Typed, times: int, asking: signal.Signals) -> bool:
    """Tell whether the agent was continued so often since the last look, all being passed on.

    :param asking: another one each time: equal ones within 0.3 s count once.
    """
    run.screen.wait_until(lambda: takes_a_signal(run.guardian))
    for _ in range(times):
        run.screen.wait_for(r"\[continued\]")
    # Not before: of two that wait, Python hears the one of the lower number first.
    os.kill(run.guardian, asking)
    return b"[continued]" not in run.screen.read_to(b"[heard]")


def passed_on(lab: Lab) -> list[str]:
    """Return the signals the supervisor has passed on to the agent, oldest first."""
    lines = (lab.run_directory(lab.records[0]) / "events.ndjson").read_text().splitlines()
    events = map(json.loads, lines)
    return [event["signal"] for event in events if event["event"] == "signal.sent"]


def end(run: Typed) -> int:
    run.screen.wait_until(lambda: run.screen.is_raw)
    run.screen.type("\x1c")
    return run.wait_end()


@pytest.mark.parametrize(
    ("stop", "times"), [(signal.SIGTSTP, 0), (signal.SIGSTOP, 1)], ids=["TSTP", "STOP"]
)
def test_an_agent_is_not_stopped_with_a_job_that_others_stop(
    lab: Lab, stop: signal.Signals, times: int
) -> None:
    with job(lab, PLAIN, [sys.executable, "-c", AGENT]) as run:
        run.screen.wait_for(r"\[ready\]")
        for asking in (signal.SIGUSR1, signal.SIGUSR2):
            os.killpg(run.guardian, stop)
            wait_stopped(run)
            assert state_of(run.agent) != "T"
            os.killpg(run.guardian, signal.SIGCONT)
            # Of a stop of ours it hears nothing; any other SIGCONT is passed on, and once.
            assert continued(run, times, asking)
        assert end(run) == 6


def test_an_agent_that_was_stopped_is_continued_once_with_its_job(lab: Lab) -> None:
    with job(lab, PLAIN, [sys.executable, "-c", AGENT]) as run:
        run.screen.wait_for(r"\[ready\]")
        for asking in (signal.SIGUSR1, signal.SIGUSR2):
            run.screen.type("\x1a")
            wait_stopped(run)
            assert state_of(run.agent) == "T"
            assert run.screen.settings == run.before
            os.killpg(run.guardian, signal.SIGCONT)
            assert continued(run, 1, asking)
            assert run.screen.is_raw
        assert end(run) == 6
    # It got its SIGCONT with the terminal, and not another one with the news.
    assert passed_on(lab) == ["SIGUSR1", "SIGUSR2"]


def test_a_resumption_of_one_half_alone_undoes_no_ctrl_z_typed_since(lab: Lab) -> None:
    with job(lab, PLAIN, [sys.executable, "-c", AGENT]) as run:
        run.screen.wait_for(r"\[ready\]")
        run.screen.type("\x1a")
        wait_stopped(run)
        # It waits for the guardian, which alone knows what a SIGCONT means.
        os.kill(run.supervisor, signal.SIGCONT)
        run.screen.wait_until(lambda: state_of(run.supervisor) == "S")
        assert (state_of(run.agent), run.screen.settings) == ("T", run.before)
        # Whoever continues the one process they know of continues the job.
        os.kill(run.guardian, signal.SIGCONT)
        run.screen.wait_for(r"\[continued\]")
        run.screen.type("\x1a")
        wait_stopped(run)
        assert state_of(run.agent) == "T"
        os.kill(run.guardian, signal.SIGCONT)
        assert continued(run, 1, signal.SIGUSR1)
        # One that answers no stop of ours is passed on, and once.
        os.kill(run.guardian, signal.SIGCONT)
        assert continued(run, 1, signal.SIGUSR2)
        assert end(run) == 6
    assert passed_on(lab) == ["SIGUSR1", "SIGCONT", "SIGUSR2"]


def test_what_continues_the_job_in_the_background_stops_it_again_and_counts_for_nothing(
    lab: Lab,
) -> None:
    with job(lab, PLAIN, [sys.executable, "-c", AGENT]) as run:
        run.screen.wait_for(r"\[ready\]")
        run.screen.type("\x1a")
        wait_stopped(run)
        run.take_foreground()
        for _ in range(2):
            os.killpg(run.guardian, signal.SIGCONT)
            wait_stopped(run)
            assert state_of(run.agent) == "T"
        run.give_foreground()
        os.killpg(run.guardian, signal.SIGCONT)
        assert continued(run, 1, signal.SIGUSR1)
        # And one that nobody waited for is passed on, once.
        os.kill(run.guardian, signal.SIGCONT)
        assert continued(run, 1, signal.SIGUSR2)
        assert end(run) == 6
    assert passed_on(lab) == ["SIGUSR1", "SIGCONT", "SIGUSR2"]
