"""An agent stops a helper of ours between its fork and its exec: its guardian waits for that."""

from __future__ import annotations

import pytest
from support.lab import Lab

# What is tried here is the kernel's signals: the same for each Python.
pytestmark = pytest.mark.one_python

FLAGS = ["--issue", "1", "--agent", "generic", "--no-repo", "--sweep-beside-agents"]
MISSED, TRIES = 9, 20
# The guardian's first child is the supervisor; the helper is neither that nor the agent.
STOPS = f"""
read -r supervisor rest < /proc/$PPID/task/$PPID/children
while :; do
    read -r now < /proc/$PPID/task/$PPID/children
    for pid in $now; do
        case " $supervisor $$ " in *" $pid "*) continue;; esac
        kill -STOP "$pid" || exit {MISSED}
        until read -r stat < "/proc/$pid/stat" && [ -z "${{stat##*) T *}}" ]; do
            [ -e "/proc/$pid" ] || exit {MISSED}
        done
        # Once it has the sweep's words, and not the guardian's, nobody waits for it.
        tr '\\0' ' ' < "/proc/$pid/cmdline" | grep -q "rollout[ ]sweep" || {{
            echo caught
            exec sleep 393.2
        }}
        kill -CONT "$pid"
        exit {MISSED}
    done
done
"""


def test_a_time_limit_ends_an_agent_that_stops_a_helper_before_it_runs(lab: Lab) -> None:
    flags = [*FLAGS, "--timeout", "3s", "--grace", "1s"]
    for _ in range(TRIES):
        done = lab.run(flags, ["/bin/sh", "-c", STOPS], timeout=30)
        if done.returncode != MISSED:
            break
    else:
        pytest.fail(f"the helper ran its program before it was stopped, {TRIES} times")
    assert done.stdout == "caught\n"
    record = lab.records[-1]
    assert (record["reason"], done.returncode) == ("timeout", 124)
    assert (record["contained"]["proven"], record["contained"]["left"]) == (True, 0)
