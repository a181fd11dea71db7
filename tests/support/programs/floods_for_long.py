"""Stop the guardian, and flood the supervisor for a minute."""

import os
import signal
import time
from pathlib import Path

guardian = os.getppid()
children = Path(f"/proc/{guardian}/task/{guardian}/children").read_text().split()
[supervisor] = [int(pid) for pid in children if int(pid) != os.getpid()]
os.kill(guardian, signal.SIGSTOP)
until = time.monotonic() + 60
while time.monotonic() < until:
    for signum in (1, 2, 3, 10, 12, 15):
        os.kill(supervisor, signum)
    time.sleep(0.05)
