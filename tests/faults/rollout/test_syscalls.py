"""Killed, or refused, by strace at every system call that changes a file.

A cross-check of ``test_rollout_crashes``: that one kills before each call that
:class:`FileOps` names; this one asks the kernel which calls there are, so a change
that goes past :class:`FileOps` (the manifest's, say) is killed at, too.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from support.commands import program
from support.rollout import files
from support.rollout.writers import come_to_rest, left_over, logical
from support.ticks import wait_one_tick

from codexlab.rollout.compression.compress import compress
from codexlab.rollout.operations.handle import StoreHandle
from codexlab.rollout.reconcile.append import append

THREAD = files.thread_id(1)
BASE = files.lines(files.meta(THREAD), *(files.message("user", f"line {n}") for n in range(9)))
LATE, NEW = b'{"by":"a late writer"}\n', b'{"by":"the next writer"}\n'
CHANGING = ["rename", "renameat2", "unlink", "fsync", "utimensat", "fchmod", "flock", "write"]

_WORK = program("changes_a_store")


def _can_trace() -> bool:
    strace = shutil.which("strace")
    return strace is not None and subprocess.run([strace, "-o", os.devnull, "true"]).returncode == 0


pytestmark = [
    pytest.mark.one_python,
    pytest.mark.skipif(not _can_trace(), reason="strace is missing or may not trace here"),
]


def _store(home: Path, what: str) -> Path:
    """Make a store for the work: a cold rollout, or a compressed one with a late line kept."""
    plain = files.write(files.rollout_path(home, THREAD), BASE)
    wait_one_tick(plain)
    if what == "compress":
        return plain
    places = StoreHandle(home)
    assert next(compress(places, [places.rollout(str(plain))])).outcome == "compressed"
    if what == "settle":
        kept = next(path for path in Path(places.kept).iterdir() if path.suffix[1:].isdecimal())
        append(places, places.rollout(str(plain)), [NEW.rstrip()])
        with kept.open("ab") as file:
            file.write(LATE)
    else:
        come_to_rest(places)
    return plain


def _inject(fault: str, call: str, number: int, what: str, home: Path, plain: Path) -> bool:
    """Do the work with a fault at one system call; False when there are not so many."""
    log = home.with_suffix(".strace")
    inject = f"inject={call}:{fault}:when={number}"
    command: list[str | Path] = [
        "strace",
        "-f",
        "-qq",
        "-o",
        log,
        "-e",
        f"trace={call}",
        "-e",
        inject,
    ]
    done = subprocess.run(
        [*command, sys.executable, "-c", _WORK, what, home, plain],
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        check=False,
    )
    if fault == "signal=KILL":
        return done.returncode in {-signal.SIGKILL, 128 + signal.SIGKILL}
    return "(INJECTED)" in log.read_text()


WORKS = pytest.mark.parametrize(
    ("what", "possible"),
    [("compress", {()}), ("settle", {(NEW, LATE)}), ("append", {(), (NEW,)})],
)
Possible = set[tuple[bytes, ...]]


@pytest.mark.parametrize("call", CHANGING)
@WORKS
def test_killed_at_each_system_call_the_next_sweep_leaves_every_line_once(
    call: str, what: str, possible: Possible, tmp_path: Path
) -> None:
    _fail_at_each("signal=KILL", call, what, possible, tmp_path)


@pytest.mark.parametrize(
    "fault", ["fsync:EIO", "write:ENOSPC", "renameat2:EIO", "unlink:EIO", "rename:ENOSPC"]
)
@WORKS
def test_refused_at_each_system_call_the_next_sweep_leaves_every_line_once(
    fault: str, what: str, possible: Possible, tmp_path: Path
) -> None:
    call, error = fault.split(":")
    _fail_at_each(f"error={error}", call, what, possible, tmp_path)


def _fail_at_each(fault: str, call: str, what: str, possible: Possible, base: Path) -> None:
    for number in range(1, 100):
        home = base / str(number)
        plain = _store(home, what)
        places = StoreHandle(home)
        failed = _inject(fault, call, number, what, home, plain)
        assert logical(places.rollout(str(plain))).startswith(BASE)
        come_to_rest(places)
        seen = logical(places.rollout(str(plain)))
        assert seen.startswith(BASE)
        assert tuple(seen[len(BASE) :].splitlines(True)) in possible
        assert left_over(places) == []
        if not failed:
            return
    pytest.fail("the work never ended")
