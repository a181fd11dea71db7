"""End what is below a starter, and say what is known of it and of a bystander."""

import json
import signal
import subprocess
import sys
import time

from codexlab.kernel.containment.membership import (
    RunProcesses,
    kill_members,
    signal_members,
    wait_empty,
)
from codexlab.kernel.process.identity import identify, is_running

how, place, lines = sys.argv[1:]
fork = "import os\nwhile True: os.fork() or os._exit(0); os.wait()"
bystander = subprocess.Popen([sys.executable, "-I", "-S", "-c", fork])
beside = identify(bystander.pid)
assert beside is not None
starter = subprocess.Popen(
    [sys.executable, "-I", "-S", "-c", lines, place, "stubborn" if how == "kill" else ""],
    stdin=subprocess.PIPE,
    stdout=subprocess.PIPE,
)
try:
    assert starter.stdout is not None
    starter.stdout.readline()
    processes = RunProcesses("no-such-run", guardian=identify(starter.pid))
    began = time.monotonic()
    if how == "kill":
        kill_members(processes)
        left = wait_empty(processes, 10, killing=True)
    else:
        signal_members(processes, signal.SIGTERM)
        left = wait_empty(processes, 10)
    told = {"left": len(left), "seconds": time.monotonic() - began}
    print(json.dumps({**told, "bystander": is_running(beside)}))
finally:
    for each in (starter, bystander):
        each.kill()
        each.wait()
