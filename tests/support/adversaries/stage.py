"""What every adversary shares: how it says that it is in position, and when it ends by itself.

An adversary is a small program that does one bad thing, writes ``ready`` to its
stdout once it has done it, and goes on until its stdin ends. Whatever happens,
each of its processes ends after :data:`LIFETIME` seconds.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from typing import NoReturn

LIFETIME = 45


def say_ready() -> None:
    os.write(1, b"ready\n")


def wait_for_the_end() -> None:
    while os.read(0, 4096):
        pass


def start(behave: Callable[[], None]) -> int:
    """Fork a child that behaves so and returns only when its work is over."""
    pid = os.fork()
    if pid == 0:
        signal.alarm(LIFETIME)
        behave()
        os._exit(0)
    return pid


def start_and_wait_ready(behave: Callable[[Callable[[], None]], None]) -> int:
    """Fork a child and wait until it has called what it was given."""
    read, write = os.pipe()
    pid = start(lambda: behave(lambda: os.close(write)))
    os.close(write)
    os.read(read, 1)
    os.close(read)
    return pid


def linger() -> None:
    time.sleep(LIFETIME)


def become_anonymous_sleeper(*words: str) -> NoReturn:
    """Exec anew with an empty environment; say ready from there, close everything, stay."""
    program = (
        f"import os, time; os.write(1, b'ready\\n'); os.closerange(0, 256); time.sleep({LIFETIME})"
    )
    os.execve(sys.executable, [sys.executable, "-S", "-c", program, *words], {})


def ignore_endings() -> None:
    for signum in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT):
        signal.signal(signum, signal.SIG_IGN)


def own_group() -> str:
    with open("/proc/self/cgroup") as file:
        group = next(line[3:].strip() for line in file if line.startswith("0::"))
    with open("/proc/self/mountinfo") as file:
        for line in file:
            left, _, right = line.partition(" - ")
            if right.startswith("cgroup2 "):
                root, mount = left.split()[3:5]
                return os.path.normpath(f"{mount}/{os.path.relpath(group, root)}")
    raise SystemExit("no cgroup v2 hierarchy is mounted")


def write(path: str, text: str) -> None:
    with open(path, "w") as file:
        file.write(text)
