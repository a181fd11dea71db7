"""Stop one half of the run, and flood the other with signals."""

import os
import signal
import sys
import time
from pathlib import Path

guardian = os.getppid()
children = Path(f"/proc/{guardian}/task/{guardian}/children").read_text().split()
[supervisor] = [int(pid) for pid in children if int(pid) != os.getpid()]
stopped, flooded, signum = {
    "guardian": (guardian, supervisor, signal.SIGUSR1),
    "supervisor": (supervisor, guardian, signal.SIGCONT),
}[sys.argv[1]]
os.kill(stopped, signal.SIGSTOP)
for _ in range(600):
    os.kill(flooded, signum)
    time.sleep(0.001)  # else the kernel merges them
os.execvp("sleep", ["sleep", sys.argv[2]])
