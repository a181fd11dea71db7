"""Run a program with a terminal, as a person does."""

from __future__ import annotations

import os
import pty
import subprocess


def on_terminal(command: list[str], environ: dict[str, str]) -> str:
    """Run with a pseudo-terminal as stdout; return what reached it."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        command, env=environ, stdin=subprocess.DEVNULL, stdout=theirs, stderr=subprocess.STDOUT
    ):
        os.close(theirs)
        output = b""
        while True:
            try:
                data = os.read(ours, 65536)
            except OSError:  # EIO: nobody has the terminal any more
                break
            output += data
    os.close(ours)
    return output.decode()
