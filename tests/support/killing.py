"""Kill halves of a run, and wait until nothing of codexlab is left of it."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from .lab import Running


def kill(run: Running, victims: str) -> None:
    """Kill the supervisor, which is the guardian's first child, the guardian, or both."""
    children = Path(f"/proc/{run.guardian}/task/{run.guardian}/children").read_text().split()
    if victims != "guardian" and children:
        os.kill(int(children[0]), signal.SIGKILL)
    if victims != "supervisor":
        os.kill(run.guardian, signal.SIGKILL)


def wait_for_both_halves(run: Running) -> None:
    """Wait until nobody holds the other end of the events: neither half is left."""
    while os.read(run.events_fd, 65536):
        pass
