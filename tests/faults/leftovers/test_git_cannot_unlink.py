"""A disk fails while git drops its own lock: the issue can be launched again, and the lock goes."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
from support.git.repositories import git
from support.lab import Lab

# What is tried here is git, the kernel or a disk: the same for each Python.
pytestmark = [
    pytest.mark.one_python,
    pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed"),
]

WRAPPER = """#!/bin/sh
read fault <{fault}
test -n "$fault" || exec {git} "$@"
exec strace -f -qq -o {log}.$$ -e trace=unlink,unlinkat -e "$fault" {git} "$@"
"""
WORK = "git add . 2>/dev/null; git commit -qm work --allow-empty"
FLAGS = ["--agent", "generic"]
WAYS = ("first launch", "launch after rm -rf", "remove", "gc")


class Faults:
    """A git before the real one, in which one unlink of each process can be made to fail."""

    def __init__(self, lab: Lab, scratch: Path) -> None:
        real = shutil.which("git", path=lab.environ["PATH"])
        assert real is not None
        self._fault, self._logs = scratch / "fault", scratch / "logs"
        self._logs.mkdir()
        program = scratch / "bin/git"
        program.parent.mkdir()
        words = {"git": real, "fault": self._fault, "log": self._logs / "log"}
        program.write_text(
            WRAPPER.format(**{name: shlex.quote(str(word)) for name, word in words.items()})
        )
        program.chmod(0o755)
        lab.environ["PATH"] = f"{program.parent}:{lab.environ['PATH']}"
        self.clear()

    def inject(self, number: int) -> None:
        self._fault.write_text(f"inject=unlink,unlinkat:error=EIO:when={number}\n")

    def clear(self) -> bool:
        """Let git work again; tell whether any unlink of a lock was made to fail."""
        self._fault.write_text("\n")
        logs = list(self._logs.iterdir())
        lines = [line for log in logs for line in log.read_text().splitlines()]
        for log in logs:
            log.unlink()
        return any("(INJECTED)" in line and ".lock" in line for line in lines)


def go(lab: Lab, way: str, issue: str) -> subprocess.CompletedProcess[str]:
    if way == "gc":
        return lab.codexlab("workspace", "gc", "--apply", "--idle", "0s")
    if way.startswith("remove"):
        return lab.codexlab("workspace", *way.split(), issue)
    return lab.run(["--issue", issue, *FLAGS], ["true"])


def locks(lab: Lab) -> list[str]:
    top = lab.cwd / ".git"
    return [
        str(path.relative_to(top))
        for path in top.rglob("*.lock")
        if "codexlab-stale" not in path.parts
    ]


@pytest.mark.parametrize("way", WAYS)
def test_the_issue_goes_on_and_no_lock_stays(lab: Lab, scratch: Path, way: str) -> None:
    git(lab.cwd, "init", "-q", "--bare", str(scratch / "remote.git"))
    git(lab.cwd, "remote", "add", "origin", str(scratch / "remote.git"))
    faults = Faults(lab, scratch)
    failed = 0
    for number in range(1, 7):
        issue = str(number)
        if way != "first launch":
            assert lab.run(["--issue", issue, *FLAGS], ["sh", "-c", WORK]).returncode == 0
            branch = f"codexlab/{issue}/generic"
            git(lab.cwd, "push", "-q", "origin", branch)
            git(lab.cwd, "fetch", "-q")
            if way.startswith("launch"):
                (record,) = (r for r in lab.records if r["issue"] == issue)
                shutil.rmtree(record["workspace"])
        faults.inject(number)
        done = go(lab, way, issue)
        failed += faults.clear()
        assert "Traceback" not in done.stderr, done.stderr
        again = lab.run(["--issue", issue, *FLAGS], ["sh", "-ec", WORK])
        assert again.returncode == 0, (number, done.stderr, again.stderr)
        assert lab.codexlab("workspace", "remove", issue, "--force").returncode == 0
        assert locks(lab) == [], (number, done.stderr)
        assert git(lab.cwd, "status", "--porcelain") == ""
    assert failed, "no lock's unlink failed, so nothing was shown"
