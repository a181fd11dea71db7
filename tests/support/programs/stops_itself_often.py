"""Stop and continue the agent so often that the channel fills."""

import os
import signal
import sys
import time
from pathlib import Path


def parent(pid: int) -> int:
    stat = Path(f"/proc/{pid}/stat").read_text()
    return int(stat[stat.rindex(")") + 2 :].split()[1])


def stop_for(seconds: float) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        os.kill(agent, signal.SIGSTOP)
        time.sleep(0.001)  # else the monitor misses it
        os.kill(agent, signal.SIGCONT)


agent, monitor = os.getpid(), os.getppid()
guardian = parent(monitor)
children = Path(f"/proc/{guardian}/task/{guardian}/children").read_text().split()
[supervisor] = [int(pid) for pid in children if int(pid) != monitor]
if os.fork() == 0:
    os.setsid()
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    # What waits for the guardian fills the channel to the supervisor then.
    os.kill(guardian, signal.SIGSTOP)
    stop_for(2)
    os.kill(supervisor, signal.SIGSTOP)
    os.kill(guardian, signal.SIGCONT)
    stop_for(1)
    os._exit(0)
# Not as a word of the shell's, too.
os.execvp("sleep", ["sleep", "392." + sys.argv[1]])
