"""SIGKILL to one half of a run at each step of lending the terminal.

Invariant: the terminal is never raw unless the guardian was given its settings
before; so whichever half is left puts it back, whatever the other was doing.
"""

from __future__ import annotations

import os
import subprocess
import sys
import termios
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

# The steps are the calls that UserTerminal makes: each is a place to die, before and after.
PROGRAM = """
import os, select, signal, sys
import anyio
from codexlab.guardian.entry import run_with_guardian
from codexlab.guardian.protocol import Finish
from codexlab.supervisor.terminal import user_terminal
from codexlab.supervisor.errors import GuardianLost
from codexlab.supervisor.guardian_client.link import GuardianLink

victim, moment = sys.argv[1:]

def strike(now):
    if now == moment and victim == "supervisor":
        os.kill(os.getpid(), signal.SIGKILL)
    if now == moment:
        gone = os.pidfd_open(guardian)
        os.kill(guardian, signal.SIGKILL)
        select.select([gone], [], [])

def deadly(name):
    step = getattr(user_terminal, name)
    def run(*arguments):
        strike("before " + name)
        result = step(*arguments)
        strike("after " + name)
        return result
    setattr(user_terminal, name, run)

async def lend(channel):
    link = GuardianLink(channel)
    terminal = user_terminal.UserTerminal(link, guardian, print)
    deadly("apply_settings")
    deadly("restore_settings")
    strike("before joining")
    terminal.join_job()
    strike("before saving")
    try:
        terminal.enter()
        terminal.leave()
        strike("after leaving")
    except GuardianLost:
        pass
    finally:
        terminal.quit_job()
    if victim == "supervisor":
        link.tell(Finish(0))
    link.close()

def supervise(channel):
    global guardian
    guardian = os.getppid()
    anyio.run(lend, channel, backend="trio")

sys.exit(run_with_guardian(supervise))
"""
MOMENTS = [
    "before joining",
    "before saving",
    "before apply_settings",
    "after apply_settings",
    "before restore_settings",
    "after restore_settings",
    "after leaving",
]
# It stands for the shell: it leads the session, and stays when its job is killed.
SHELL = 'exec 9>"$0"; "$@"; echo "status $?" >&9'


@pytest.fixture
def line() -> Iterator[int]:
    master, line = os.openpty()
    yield line
    os.close(line)
    os.close(master)


def lend(line: int, environ: Mapping[str, str], *words: str) -> str:
    """Run the program at the terminal; return what its shell said, once both halves are gone."""
    read, write = os.pipe()
    shell = ["setsid", "--ctty", "sh", "-c", SHELL, f"/proc/self/fd/{write}"]
    with subprocess.Popen(
        [*shell, sys.executable, "-c", PROGRAM, *words],
        stdin=line, stdout=line, stderr=line, env=dict(environ), pass_fds=[write],
    ):  # fmt: skip
        os.close(write)
        with os.fdopen(read) as said:
            return said.read()


def settings(line: int) -> list[Any]:
    return termios.tcgetattr(line)


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("victim", ["supervisor", "guardian"])
def test_the_half_that_is_left_puts_the_terminal_back(
    line: int, clean_environ: Mapping[str, str], victim: str, moment: str
) -> None:
    before = settings(line)
    said = lend(line, clean_environ, victim, moment)
    assert said == f"status {125 if victim == 'supervisor' else 137}\n"
    assert settings(line) == before
