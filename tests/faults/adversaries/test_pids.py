"""A pid that now is somebody else's: in a pid namespace so small that it comes round at once."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

SCRIPT = """
import os, signal
from dataclasses import replace
from functools import partial
from codexlab.kernel.process.identity import identify, is_running
from codexlab.kernel.process.procfs import send_signal
from codexlab.kernel.containment.signalling import look_below, signal_seen

with open("/proc/sys/kernel/pid_max", "w") as file:
    file.write("400")

def child():
    pid = os.fork()
    if pid == 0:
        signal.pause()
    return pid

def kill(pid):
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)

# Numbers below 300 are given out once only.
while (first := child()) < 310:
    kill(first)
stale = identify(first)
kill(first)
while (pid := child()) != first:
    kill(pid)
fresh = identify(pid)
assert fresh.pid == stale.pid
# Two starts within one clock tick could not be told apart, so wait for another.
while fresh.start_time == stale.start_time:
    kill(pid)
    while (pid := child()) != first:
        kill(pid)
    fresh = identify(pid)
print("alive" if is_running(stale) else "gone", send_signal(stale, signal.SIGKILL))
print("alive" if is_running(fresh) else "gone", os.waitpid(pid, os.WNOHANG))
# Somebody had our number before us: what is below us is not below that one.
us = identify(os.getpid())
before = partial(look_below, replace(us, start_time=us.start_time - 1))
print(signal_seen(before, signal.SIGKILL, 0), is_running(fresh))
print(signal_seen(partial(look_below, us, {pid}), signal.SIGKILL, 0), is_running(fresh))
print(signal_seen(partial(look_below, us), signal.SIGKILL, 0), os.waitpid(pid, 0)[0] == pid)
"""


def test_a_process_that_got_a_dead_ones_pid_is_not_signalled() -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can make a pid namespace with a pid_max of its own")
    if tuple(map(int, re.findall(r"\d+", os.uname().release)[:2])) < (6, 14):
        pytest.skip("before Linux 6.14 there is one pid_max for all, which is not ours to change")
    unshare = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"]
    done = subprocess.run(
        [*unshare, sys.executable, "-c", SCRIPT],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    expected = ["gone False", "alive (0, 0)", "0 True", "0 True", "1 True"]
    assert done.stdout.splitlines() == expected, done.stderr
