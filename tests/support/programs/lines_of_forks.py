"""Start ten lines of processes in which each hands over to a child and exits."""

import ctypes
import os
import signal
import sys

ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
place, stubborn = sys.argv[1:]
begun, begin = os.pipe()
for line in range(10):
    if os.fork() == 0:
        if stubborn == "stubborn":
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        os.write(begin, b"1")
        for link in range(5000):
            if os.fork():
                os._exit(0)
            if link % 2:
                os.setsid()
        os.open(f"{place}/missed-{line}", os.O_CREAT)
        os._exit(0)
for _ in range(10):
    os.read(begun, 1)
print("begun", flush=True)
sys.stdin.read()
