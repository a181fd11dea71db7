"""A user in a login session, whose group is root's, gets a cgroup from systemd's user manager."""

from __future__ import annotations

import json
from typing import Any

import pytest
from support.lab import Lab
from support.records import without_names
from support.users.unprivileged import Unprivileged
from support.users.user_manager import run_in_session, why_not

pytestmark = pytest.mark.one_python

# Told apart by its group: what the kernel shows of the agent while it runs.
LOOK = "grep ^0:: /proc/self/cgroup; setsid sleep 60 & exit 0"


def records(user: Unprivileged) -> list[dict[str, Any]]:
    paths = user.home.glob("ws/*/*/*/.codexlab/runs/*/record.json")
    found = [json.loads(path.read_text()) for path in paths]
    return sorted(found, key=lambda record: str(record["started"]))


@pytest.mark.parametrize("containment", ["auto", "cgroup"])
def test_the_agent_runs_in_a_scope_of_its_own_and_the_scope_goes_with_it(
    lab: Lab, as_nobody: Unprivileged, containment: str
) -> None:
    if reason := why_not():
        pytest.skip(reason)
    flags = ["--issue", "1", "--agent", "generic", "--no-repo", "--containment", containment]
    command = lab.argv(flags, ["sh", "-c", LOOK])
    gone = 'while find /sys/fs/cgroup -name "codexlab-*" | grep -q .; do sleep 0.05; done'
    both = ["sh", "-c", f"\"$@\" || exit; timeout 20 sh -c '{gone}'", "sh", *command]
    done = run_in_session(as_nobody, both, as_nobody.places())
    assert done.returncode == 0, done.stderr
    (record,) = records(as_nobody)
    name = f"codexlab-{record['run_id']}"
    assert done.stdout.strip().endswith(f".slice/{name}.scope/{name}")
    assert record["containment"]["mechanism"] == "cgroup", record["containment"]
    assert without_names(record["contained"]) == {
        "mechanism": "cgroup",
        "proven": True,
        "swept": 1,
        "left": 0,
    }


def test_a_run_that_was_killed_there_is_ended_by_the_next_launch(
    lab: Lab, as_nobody: Unprivileged
) -> None:
    if reason := why_not():
        pytest.skip(reason)
    flags = ["--issue", "1", "--agent", "generic", "--no-repo"]
    agent = "setsid sleep 60 & echo >$CODEXLAB_RUN_WORKDIR/ready; exec sleep 60"
    first = lab.argv(flags, ["sh", "-c", agent])
    script = f"""
    "$@" & guardian=$!
    until ls {as_nobody.home}/ws/*/*/*/workdir/ready >{as_nobody.home}/seen 2>&1
    do sleep 0.05; done
    read supervisor rest </proc/$guardian/task/$guardian/children
    kill -9 $supervisor $guardian
    wait $guardian
    exec {lab.program} {" ".join(flags)} -- true
    """
    run_in_session(as_nobody, ["sh", "-c", script, "sh", *first], as_nobody.places())
    killed, after = records(as_nobody)
    assert killed["reason"] == "supervisor-lost"
    assert killed["containment"]["mechanism"] == "cgroup"
    contained = killed["contained"]
    assert (contained["mechanism"], contained["left"]) == ("cgroup", 0)
    assert contained["leaf_removed"] is True
    assert contained["swept"] >= 1
    assert (after["reason"], after["contained"]["proven"]) == ("exited", True)


def test_each_attempt_has_a_fresh_group_in_the_one_scope(lab: Lab, as_nobody: Unprivileged) -> None:
    if reason := why_not():
        pytest.skip(reason)
    flags = ["--issue", "1", "--agent", "generic", "--no-repo", "--retries", "1"]
    command = lab.argv(flags, ["sh", "-c", "grep ^0:: /proc/self/cgroup; exit 1"])
    done = run_in_session(as_nobody, command, as_nobody.places())
    first, second = done.stdout.splitlines()
    assert first == second
    assert done.returncode == 1
    (record,) = records(as_nobody)
    assert record["contained"]["mechanism"] == "cgroup"
