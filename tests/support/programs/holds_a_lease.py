"""Hold the lease of a target, or hand it down to a child."""

import os
import signal
import sys
from pathlib import Path

from codexlab.env.targets.leases import lease_target

fd = lease_target(Path(sys.argv[1]), Path(sys.argv[2]))
if sys.argv[3] == "hand-down":
    os.set_inheritable(fd, True)
    pid = os.fork()
    if pid:
        print(pid, flush=True)
        os._exit(0)
    os.close(1)
else:
    print(os.getpid(), flush=True)
signal.pause()
