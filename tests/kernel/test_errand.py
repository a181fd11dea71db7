"""A program that we start for an answer ends in its time, and fills no memory."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

ASK = """
import os, sys, time
from codexlab.kernel.errands.errand import MOST_OUTPUT, run_errand
begun = time.monotonic()
try:
    run_errand(sys.argv[2:], dict(os.environ), timeout=float(sys.argv[1]), what="it")
except OSError as error:
    print(type(error).__name__, error.strerror)
print(round(time.monotonic() - begun))
"""


def ask(seconds: float, *command: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", ASK, str(seconds), *command],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        env={**os.environ},
    )
    return done.stdout.splitlines()


def test_who_writes_without_a_pause_is_ended_at_a_limit() -> None:
    error, _ = ask(50, "yes")
    assert error == "OSError it writes more than 256 MiB"


def test_who_writes_without_a_pause_is_ended_in_time() -> None:
    # Never as much as the limit, and never a moment in which the pipe is empty.
    error, took = ask(1, "sh", "-c", "yes | head -c 200M; exec sleep 50")
    assert error == "TimeoutError None"
    assert int(took) < 20


@pytest.mark.parametrize("size", [0, 1, 5 << 20])
def test_what_is_within_the_limit_arrives_whole(size: int) -> None:
    code = ASK.replace("    run_errand(", "    done = run_errand(").replace(
        "except", "    print(len(done.stdout))\nexcept"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "30", "head", "-c", str(size), "/dev/zero"],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout.splitlines()[0] == str(size)
