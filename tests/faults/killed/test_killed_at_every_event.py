"""SIGKILL to half of codexlab, or to all of it, as soon as each event of a run is out.

Invariant: whoever launches the issue next runs alone, nothing of the killed run is
left, and its record says how it ended and claims no more than was read.
"""

from __future__ import annotations

import os

import pytest
from support.lab import Lab, running
from support.processes.killing import kill, wait_for_both_halves

from codexlab.supervisor import list_runs

EVENTS = [
    "run.planned",
    "workspace.ready",
    "env.scrubbed",
    "artifacts.routed",
    "child.spawned",
    "child.exited",
    "signal.sent",
    "contained",
    "run.finished",
]
# Another worker may run the same test at the same moment.
MARK = f"271.{os.getpid()}"
# What agents' tools leave: one in a session of its own, one below a shell that goes on.
AGENT = f"setsid sleep {MARK} & sh -c 'sleep {MARK}; true' & echo started; exit 0"
ALONE = f"""
for file in /proc/[0-9]*/cmdline; do
    case "$(tr '\\0' ' ' <$file 2>/dev/null)" in "sleep {MARK} ") echo "beside $file";; esac
done
echo alone
"""


@pytest.mark.parametrize("event", EVENTS)
@pytest.mark.parametrize("victims", ["supervisor", "guardian", "both"])
def test_after_a_kill_the_next_launch_runs_alone_and_nothing_is_left(
    lab: Lab, victims: str, event: str
) -> None:
    with lab.started(["--issue", "1", "--agent", "generic"], ["sh", "-c", AGENT]) as run:
        run.wait_for_event(event)
        kill(run, victims)
        run.process.wait(30)
        wait_for_both_halves(run)
        done = lab.run(["--issue", "1", "--agent", "generic"], ["sh", "-c", ALONE])
    assert (done.returncode, done.stdout) == (0, "alone\n"), done.stderr
    assert running(MARK) == set()
    assert len(lab.records) <= 2
    for record in lab.records:
        assert record["reason"] in ("exited", "supervisor-lost", "launch-failed"), record
        assert record["finished"] is not None
        assert record["contained"] is None or record["contained"]["left"] == 0
    assert lab.records[-1]["reason"] == "exited"
    # The registry, too, knows how each of the two ended.
    killed, after = list_runs()
    assert {killed.state, after.state} == {"finished"}
    assert killed.entry.reason in ("exited", "supervisor-lost"), killed
    assert (after.entry.reason, after.entry.exit_status) == ("exited", 0)


def test_the_list_of_events_is_what_a_run_emits(lab: Lab) -> None:
    with lab.started(["--issue", "1", "--agent", "generic"], ["sh", "-c", AGENT]) as run:
        run.wait_for_event("run.finished")
        run.finish()
    assert list(dict.fromkeys(event["event"] for event in run.events)) == EVENTS
