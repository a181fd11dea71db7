"""The kernel gives no process, thread or descriptor more: one line, and nothing left."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from support.crowded import Crowded, make_user

PLAIN = ["--issue", "1", "--agent", "generic", "--no-repo"]
# Takes every process that the user may have, and each that becomes free; all but the first
# ignore TERM.
FILLS = """
import os, signal, time
if os.fork() == 0:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    said = False
    while True:
        try:
            if os.fork() == 0:
                os.setsid()
                time.sleep(60)
                os._exit(0)
        except BlockingIOError:
            said = said or print("full", flush=True) is None
            time.sleep(0.001)
time.sleep(60)
"""


@pytest.fixture
def user(scratch: Path, clean_environ: dict[str, str]) -> Crowded:
    if os.geteuid() != 0 or not shutil.which("setpriv") or not shutil.which("prlimit"):
        pytest.skip("only root can be a user of its own, by setpriv and prlimit")
    return make_user(scratch / "crowded", clean_environ)


def record_of(user: Crowded) -> dict[str, Any]:
    (path,) = user.home.glob("ws/*/*/*/.codexlab/runs/*/record.json")
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def test_a_run_that_took_every_process_of_its_user_is_ended_and_proven(user: Crowded) -> None:
    # Longer than a thread that rests is kept (trio, 10 s): one that ends the run has to be started.
    flags = [*PLAIN, "--timeout", "12s", "--grace", "5s"]
    with user.start("--nproc=40", flags, ["python3", "-I", "-S", "-c", FILLS]) as run:
        out, said = run.communicate(timeout=40)
    assert (run.returncode, out, said) == (124, "full\n", "")
    record = record_of(user)
    assert record["reason"] == "timeout"
    assert (record["contained"]["left"], record["contained"]["proven"]) == (0, True)
    assert user.processes() == []
