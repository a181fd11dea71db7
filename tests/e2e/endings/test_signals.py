"""What a signal to ``codexlab-run`` does to its agent, and what the agent is born with."""

from __future__ import annotations

import os
import signal

import pytest
from support.lab import Lab, running

FLAGS = ["--issue", "1", "--agent", "generic"]


@pytest.mark.parametrize("name", ["SIGTERM", "SIGUSR1", "SIGUSR2"])
def test_a_signal_kills_an_agent_that_does_not_heed_it_and_gives_128_and_its_number(
    lab: Lab, name: str
) -> None:
    signum = signal.Signals[name]
    with lab.started(FLAGS, ["sleep", "60"]) as run:
        run.wait_for_event("child.spawned")
        run.signal(signum)
        assert run.finish()[0] == 128 + signum


def test_one_signal_ends_a_chain_in_which_only_the_last_heeds_it(lab: Lab) -> None:
    # The shell catches it, and acts on it only after its child has ended.
    agent = ["sh", "-c", "trap : TERM; sleep 60.25; exit 9"]
    with lab.started([*FLAGS, "--grace", "100ms"], agent) as run:
        run.wait_for_event("child.spawned")
        while not any(process.command.startswith("sleep") for process in running("sleep 60.25")):
            assert run.process.poll() is None
        run.signal(signal.SIGTERM)
        run.wait_for_event("run.finished")
        assert run.finish()[0] == 9
    sent = [event for event in run.events if event["event"] == "signal.sent"]
    assert [(event["target"], event["signal"]) for event in sent] == [
        ("leader", "SIGTERM"),
        ("all", "SIGTERM"),
    ]


def test_an_agent_leads_a_session_and_a_group_of_its_own(lab: Lab) -> None:
    script = "set -- $(cat /proc/$$/stat); echo $1 $5 $6"
    done = lab.run(FLAGS, ["sh", "-c", script])
    pid, group, session = done.stdout.split()
    assert pid == group == session != str(os.getsid(0))
