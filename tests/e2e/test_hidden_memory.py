"""What a launch holds in memory is closed to the agent, which is a process of the same user."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.lab import Lab
from support.users.unprivileged import Unprivileged

PLANTED = "planted-secret-8d02e7"
# Tries each process of the run that is not the agent: the guardian, and its other children.
# What it could read is printed by its name; a memory that can be read is looked through.
READS = """
import ctypes, json, os, re, sys
libc = ctypes.CDLL(None, use_errno=True)
guardian = os.getppid()
with open(f"/proc/{guardian}/task/{guardian}/children") as file:
    others = {int(word) for word in file.read().split()} - {os.getpid()}
could, seen = [], []
def attempt(what, pid, call):
    seen.append(pid)
    try:
        call()
    except OSError:
        return
    could.append(f"{what} of {'guardian' if pid == guardian else 'supervisor'}")
def attach(pid):
    if libc.ptrace(16, pid, 0, 0) == -1:  # PTRACE_ATTACH
        raise OSError(ctypes.get_errno(), "ptrace")
    os.waitpid(pid, 0x40000000)  # __WALL
    libc.ptrace(17, pid, 0, 0)
def take(pid):
    if libc.syscall(438, os.pidfd_open(pid), 0, 0) == -1:  # pidfd_getfd
        raise OSError(ctypes.get_errno(), "pidfd_getfd")
def search(pid):
    with open(f"/proc/{pid}/maps") as file:
        places = re.findall(r"^(\\w+)-(\\w+) rw", file.read(), re.M)
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        for start, end in places:
            memory.seek(int(start, 16))
            if '-'.join(sys.argv[1:]).encode() in memory.read(int(end, 16) - int(start, 16)):
                could.append(f"the secret of {pid}")
for pid in (guardian, *others):
    for name in ("mem", "environ", "maps", "smaps", "auxv", "syscall", "stack", "io"):
        attempt(
            name, pid, lambda: open(f"/proc/{pid}/{name}", "rb").read(1 if name != "mem" else 0)
        )
    attempt("fd", pid, lambda: os.readlink(f"/proc/{pid}/fd/0"))
    attempt("exe", pid, lambda: os.readlink(f"/proc/{pid}/exe"))
    attempt("descriptor", pid, lambda: take(pid))
    attempt("memory", pid, lambda: search(pid))
    attempt("ptrace", pid, lambda: attach(pid))
# We are not hidden ourselves, nor from ourselves.
own = open("/proc/self/environ", "rb").read() != b"" and open("/proc/self/mem", "rb") is not None
print(json.dumps({"could": could, "others": len(set(seen)), "own": own}))
"""


@pytest.mark.parametrize("containment", ["subreaper", "process-group"])
def test_an_agent_reads_no_memory_of_ours_and_attaches_to_nobody(
    lab: Lab, as_nobody: Unprivileged, containment: str
) -> None:
    environ = places_of(as_nobody) | {"AWS_SECRET_ACCESS_KEY": PLANTED}
    flags = ["--issue", "1", "--agent", "generic", "--no-repo", "--containment", containment]
    # In two pieces, for what the agent is called with is in the supervisor's memory, too.
    agent = ["python3", "-I", "-S", "-c", READS, *PLANTED.split("-", 1)]
    done = as_nobody.run(lab.argv(flags, agent), environ=environ)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"could": [], "others": 2, "own": True}
    (path,) = as_nobody.home.glob("ws/*/*/*/.codexlab/runs/*/record.json")
    record = json.loads(path.read_text())
    assert record["contained"]["proven"] is True
    # Written between fork and exec, where our own file is closed to us, too.
    ours = int(Path("/proc/self/oom_score_adj").read_text())
    assert record["oom_score_adj"] == min(1000, ours + 300)


def places_of(user: Unprivileged) -> dict[str, str]:
    """Return where an ordinary user's launch keeps what it makes."""
    home: Path = user.home
    return {
        "CODEXLAB_WORKSPACES_ROOT": str(home / "ws"),
        "XDG_STATE_HOME": str(home / "state"),
        "XDG_CONFIG_HOME": str(home / "config"),
    }
