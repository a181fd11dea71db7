"""Fork into a leaf, and go on with Python there."""

import os
import sys
import threading
from pathlib import Path

from codexlab.kernel.cgroup.clone_into import fork_into

parent = os.getpid()
told: list[int] = []
os.register_at_fork(after_in_child=lambda: told.append(os.getpid()))
pid = fork_into(sys.argv[1])
if pid == 0:
    assert told == [os.getpid()]
    assert os.getppid() == parent
    groups = Path("/proc/self/cgroup").read_text()
    thread = threading.Thread(
        target=print, args=(os.path.basename(groups.strip()),), kwargs={"flush": True}
    )
    thread.start()
    thread.join()
    os._exit(7)
assert told == []
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
