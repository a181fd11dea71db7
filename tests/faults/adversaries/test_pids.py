"""A pid that now is somebody else's: in a pid namespace so small that it comes round at once."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest
from support.commands import program

pytestmark = pytest.mark.one_python

SCRIPT = program("pids_come_round")


def test_a_process_that_got_a_dead_ones_pid_is_not_signalled() -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can make a pid namespace with a pid_max of its own")
    if tuple(map(int, re.findall(r"\d+", os.uname().release)[:2])) < (6, 14):
        pytest.skip("before Linux 6.14 there is one pid_max for all, which is not ours to change")
    unshare = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"]
    done = subprocess.run(
        [*unshare, sys.executable, "-c", SCRIPT],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    expected = ["gone False", "alive (0, 0)", "0 True", "0 True", "1 True"]
    assert done.stdout.splitlines() == expected, done.stderr
