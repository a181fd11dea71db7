"""Give a pid to two processes, and signal the one that is gone."""

import os
import signal
from dataclasses import replace
from functools import partial

from codexlab.kernel.containment.signalling import look_below, signal_seen
from codexlab.kernel.process.identity import ProcessIdentity, identify, is_running
from codexlab.kernel.process.procfs import send_signal

with open("/proc/sys/kernel/pid_max", "w") as file:
    file.write("400")


def child() -> int:
    pid = os.fork()
    if pid == 0:
        signal.pause()
    return pid


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


def known(pid: int) -> ProcessIdentity:
    found = identify(pid)
    assert found is not None
    return found


# Numbers below 300 are given out once only.
while (first := child()) < 310:
    kill(first)
stale = known(first)
kill(first)
while (pid := child()) != first:
    kill(pid)
fresh = known(pid)
assert fresh.pid == stale.pid
# Two starts within one clock tick could not be told apart, so wait for another.
while fresh.start_time == stale.start_time:
    kill(pid)
    while (pid := child()) != first:
        kill(pid)
    fresh = known(pid)
print("alive" if is_running(stale) else "gone", send_signal(stale, signal.SIGKILL))
print("alive" if is_running(fresh) else "gone", os.waitpid(pid, os.WNOHANG))
# Somebody had our number before us: what is below us is not below that one.
us = known(os.getpid())
before = partial(look_below, replace(us, start_time=us.start_time - 1))
print(signal_seen(before, signal.SIGKILL, 0), is_running(fresh))
print(signal_seen(partial(look_below, us, {pid}), signal.SIGKILL, 0), is_running(fresh))
print(signal_seen(partial(look_below, us), signal.SIGKILL, 0), os.waitpid(pid, 0)[0] == pid)
