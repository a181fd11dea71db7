"""Without a cgroup, processes that fork all the time are signalled as they are found."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from support.users.unprivileged import Unprivileged, give, why_not

# Forty lines of processes in which each hands over to a child and exits. One that is ended does
# not hand over; a line that was missed comes to its end and says so. Every second link is in a
# session of its own. The starter is a child subreaper (PR_SET_CHILD_SUBREAPER) and collects all.
LINES = """
import ctypes, os, signal, sys
ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
place, stubborn = sys.argv[1:]
begun, begin = os.pipe()
for line in range(40):
    if os.fork() == 0:
        if stubborn == "stubborn":
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        os.write(begin, b"1")
        for link in range(1200):
            if os.fork():
                os._exit(0)
            if link % 2:
                os.setsid()
        os.open(f"{place}/missed-{line}", os.O_CREAT)
        os._exit(0)
for line in range(40):
    os.read(begun, 1)
print("begun", flush=True)
sys.stdin.read()
"""

# Ends what is below the starter, and says what it knows of it. A bystander, whose children
# come and go too, is no part of that.
ENDER = """
import json, signal, subprocess, sys, time
from codexlab.kernel.containment.membership import RUN_ID_VARIABLE, RunProcesses
from codexlab.kernel.process.identity import identify, is_running
from codexlab.kernel.containment.membership import kill_members, signal_members, wait_empty
how, place, lines = sys.argv[1:]
fork = "import os\\nwhile True: os.fork() or os._exit(0); os.wait()"
bystander = subprocess.Popen([sys.executable, "-I", "-S", "-c", fork])
beside = identify(bystander.pid)
starter = subprocess.Popen(
    [sys.executable, "-I", "-S", "-c", lines, place, "stubborn" if how == "kill" else ""],
    stdin=subprocess.PIPE, stdout=subprocess.PIPE,
)
try:
    starter.stdout.readline()
    scope = RunProcesses("no-such-run", guardian=identify(starter.pid))
    began = time.monotonic()
    if how == "kill":
        kill_members(scope)
        left = wait_empty(scope, 10, killing=True)
    else:
        signal_members(scope, signal.SIGTERM)
        left = wait_empty(scope, 10)
    told = {"left": len(left), "seconds": time.monotonic() - began}
    print(json.dumps({**told, "bystander": is_running(beside)}))
finally:
    for each in (starter, bystander):
        each.kill()
        each.wait()
"""


@pytest.mark.parametrize("how", ["term", "kill"])
@pytest.mark.parametrize("user", ["root", "nobody"])
def test_chains_of_forks_are_reached_as_they_are_found_and_nobody_beside_them_is(
    how: str, user: str, scratch: Path, as_nobody: Unprivileged
) -> None:
    place = scratch / "missed"
    place.mkdir()
    command = [sys.executable, "-c", ENDER, how, str(place), LINES]
    if user == "nobody":
        if reason := why_not():
            pytest.skip(reason)
        give(place)
        command = as_nobody.argv(command)
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=60, check=False, cwd=scratch
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert sorted(each.name for each in place.iterdir()) == [], told
    assert told["left"] == 0
    assert told["bystander"] is True
