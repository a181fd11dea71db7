"""As the first process of a container the launcher reaps, ends and proves as anywhere else."""

from __future__ import annotations

import os
import signal
import subprocess

import pytest
from support.lab import Lab

APART = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"]
FLAGS = ["--issue", "1", "--no-repo", "--grace", "1s"]


@pytest.fixture(autouse=True)
def rights() -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can make a pid namespace here")


@pytest.mark.parametrize("containment", ["auto", "subreaper"])
def test_what_the_agent_left_is_ended_and_zombies_are_nobody(lab: Lab, containment: str) -> None:
    leave = "for n in 1 2 3; do (true &); done; setsid sleep 237.1 & exit 3"
    argv = lab.argv([*FLAGS, "--containment", containment], ["sh", "-c", leave])
    done = lab.call([*APART, *argv])
    assert done.returncode == 3, done.stderr
    contained = lab.records[0]["contained"]
    assert (contained["proven"], contained["left"]) == (True, 0)


def test_a_signal_from_outside_ends_it(lab: Lab) -> None:
    agent = "trap 'exit 9' TERM; echo $PPID; while :; do sleep 0.1; done"
    argv = lab.argv(FLAGS, ["sh", "-c", agent])
    with subprocess.Popen(
        [*APART, *argv],
        cwd=lab.cwd,
        env=lab.environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"1\n"
        children = f"/proc/{process.pid}/task/{process.pid}/children"
        with open(children) as file:
            os.kill(int(file.read()), signal.SIGTERM)
        assert process.wait(30) == 9
    assert lab.records[0]["reason"] == "cancelled"
    assert lab.records[0]["contained"]["left"] == 0
