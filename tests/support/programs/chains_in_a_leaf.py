"""Start forty lines of processes in a leaf, in which each hands over to a child and exits."""

import ctypes
import os
import signal
import sys

ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
leaf, place = sys.argv[1:]
for line in range(40):
    begun, begin = os.pipe()
    if os.fork() == 0:
        with open(leaf + "/cgroup.procs", "w") as procs:
            procs.write("0")
        os.write(begin, b"1")
        for _ in range(1500):
            if os.fork():
                os._exit(0)
        os.open(f"{place}/missed-{line}", os.O_CREAT)
        os._exit(0)
    os.read(begun, 1)
print("begun", flush=True)
sys.stdin.read()
