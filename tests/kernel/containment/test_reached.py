"""Without a cgroup, processes that fork all the time are signalled as they are found."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from support.commands import program
from support.users.unprivileged import Unprivileged, give, why_not

# What is tried here is the kernel's list of processes: the same for each Python.
pytestmark = pytest.mark.one_python

# Ten lines of processes in which each hands over to a child and exits. One that is ended does
# not hand over; a line that was missed comes to its end and says so. Every second link is in a
# session of its own. The starter is a child subreaper (PR_SET_CHILD_SUBREAPER) and collects all.
LINES = program("lines_of_forks")

# Ends what is below the starter, and says what it knows of it. A bystander, whose children
# come and go too, is no part of that.
ENDER = program("ends_lines_of_forks")


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
    # What a process starts before TERM reaches it is its own way to end, and is left to it.
    missed = sorted(each.name for each in place.iterdir())
    assert len(missed) <= (0 if how == "kill" else 3), told
    assert told["left"] == 0
    assert told["bystander"] is True
