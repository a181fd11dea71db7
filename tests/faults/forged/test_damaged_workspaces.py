"""Whatever an agent made of its workspace, the commands over all workspaces handle the others.

One workspace is damaged in a way of its own; beside it lie a healthy one, one with a live
run, and one whose run was killed and left a process.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest
from support.commands import codexlab_in_bounds
from support.lab import Lab, Running, running
from support.processes.killing import kill_at_once

# What is tried here is git, the kernel or a disk: the same for each Python.
pytestmark = pytest.mark.one_python

MARK = "272.72"
FLAGS = ["--agent", "generic", "--no-repo"]
CONTROL = 'cd "$CODEXLAB_RUN_WORKDIR/../.codexlab"'
DEEP = f"{sys.executable} -c \"print('[' * 100000)\""
DAMAGE = {
    "owner is a fifo": "rm owner.json; mkfifo owner.json",
    "owner is a link": "ln -sf /dev/zero owner.json",
    "owner is large": "rm owner.json; truncate -s 60G owner.json",
    "owner is a directory": "rm owner.json; mkdir owner.json",
    "provenance is a fifo": "rm workspace.json; mkfifo workspace.json",
    "provenance is deep": f"{DEEP} >workspace.json",
    "provenance is no UTF-8": "printf '\\377\\376{' >workspace.json",
    "threads are a fifo": "rm -f threads.json; mkfifo threads.json",
    "home.json is deep": f"{DEEP} >home.json",
    "runs lead elsewhere": "mv runs ../r; ln -s ../r runs",
    "runs are a file": "rm -rf runs; echo >runs",
    "lock is a link": "rm lock; ln -s elsewhere lock",
    "lock is a directory": "rm lock; mkdir lock",
    "control is a link": "cd ..; mv .codexlab c; ln -s c .codexlab",
    "control is a file": "cd ..; rm -rf .codexlab; echo >.codexlab",
    "workdir is a fifo": "cd ..; rm -rf workdir; mkfifo workdir",
    "git is a fifo": "rm -rf ../workdir/.git; mkfifo ../workdir/.git",
    "home is a link": "cd ..; rm -rf codex-home; ln -s / codex-home",
    "time is far": "touch -d @99999999999 lock owner.json threads.json",
    "record is no text": 'echo \'{"reason": {"a": [1]}, "exit_status": "x"}\' >"$r/record.json"',
}


def codexlab(environ: Mapping[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    done = codexlab_in_bounds(environ, *words)
    assert done.returncode in (0, 125), (words, done.stderr)
    return done


def read(environ: Mapping[str, str], *words: str) -> Any:
    """Return what a command says as JSON."""
    return json.loads(codexlab(environ, *words, "--json").stdout)


@contextmanager
def killed(lab: Lab, issue: str) -> Generator[None]:
    """Have a run of which both halves were killed and a process is left."""
    agent = f"setsid sleep {MARK} & echo ready; read line"
    flags = ["--issue", issue, "--stdin", "inherit", *FLAGS]
    with lab.started(flags, ["sh", "-c", agent], stdin=subprocess.PIPE) as run:
        wait_for_word(run)
        child = os.pidfd_open(run.wait_for_event("child.spawned")["pid"])
        kill_at_once(run.guardian, run.supervisor)
        select.select([child], [], [], 30)
        os.close(child)
        run.process.wait(30)
        yield


def wait_for_word(run: Running) -> None:
    assert run.process.stdout is not None
    assert run.process.stdout.readline() == b"ready\n"


def damage_all(lab: Lab) -> dict[str, str]:
    """Have an agent damage a workspace in each way; return which issue it was."""
    issues = {f"d{number}": what for number, what in enumerate(DAMAGE)}
    for issue, what in issues.items():
        script = f'{CONTROL}; r="$PWD/runs/$CODEXLAB_RUN_ID"; {DAMAGE[what]}'
        done = lab.run(["--issue", issue, *FLAGS], ["sh", "-c", script])
        assert (done.returncode, "Traceback" in done.stderr) == (0, False), (what, done.stderr)
    return issues


def by_issue(rows: Any, field: str) -> dict[str, str]:
    return {row["issue"]: row[field] for row in rows}


def test_damaged_workspaces_are_at_most_a_line_each_for_the_others(lab: Lab) -> None:
    environ = lab.environ
    issues = damage_all(lab)
    assert lab.run(["--issue", "2", *FLAGS], ["true"]).returncode == 0
    quiet = ["sh", "-c", "echo ready; exec sleep 272.73"]
    with lab.started(["--issue", "3", *FLAGS], quiet) as live, killed(lab, "4"):
        wait_for_word(live)
        states = by_issue(read(environ, "workspace", "list"), "state")
        assert {"2": "free", "3": "busy", "4": "dead"}.items() <= states.items()
        assert len(states) >= len(issues)
        runs = by_issue(read(environ, "ps", "--all"), "state")
        assert {"2": "finished", "3": "running", "4": "dead"}.items() <= runs.items()
        assert issues.keys() <= runs.keys()
        planned = by_issue(read(environ, "workspace", "gc", "--idle", "0s")["workspaces"], "action")
        assert {"2": "would go", "3": "keep", "4": "keep"}.items() <= planned.items()
        assert by_issue(read(environ, "reap")["runs"], "action")["4"] == "ended"
        assert running(f"sleep {MARK}") == set()
        gone = read(environ, "workspace", "gc", "--idle", "0s", "--apply")["workspaces"]
        done = by_issue(gone, "action")
        assert {"2": "deleted", "3": "keep", "4": "deleted"}.items() <= done.items()
        assert live.process.poll() is None
        live.signal(signal.SIGTERM)
        assert live.finish()[0] == 143
    for issue, what in issues.items():
        again = lab.run(["--issue", issue, *FLAGS], ["true"])
        assert "Traceback" not in again.stderr, what
        assert again.returncode == 0 or len(again.stderr.splitlines()) == 1, (what, again.stderr)
