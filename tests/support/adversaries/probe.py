"""Run one adversary under codexlab-run, end it in one way, and count what the kernel still shows.

A program of its own, so that several can run at once: it is a child subreaper,
hence whatever the run leaves becomes its descendant, whoever dies. Nothing the
product wrote is used for the count.

    python probe.py CASE.json       prints one JSON object
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from codexlab.kernel.libc import set_child_subreaper
from support.adversaries.cases import FOLDER, Case
from support.processes.leaks import descendants, end_processes, leaked_files

PATIENCE = 40.0


@dataclass(frozen=True, slots=True)
class Errand:
    """What the probe is to do.

    :param python: the interpreter of the adversary; its user must be able to reach it.
    :param program: what to call with the arguments of ``codexlab-run``.
    :param prefix: words before it, that change the user or cgroup.
    :param place: a directory of the run's own.
    """

    case: Case
    program: list[str]
    python: str
    prefix: list[str]
    environ: dict[str, str]
    place: str

    def dump(self) -> str:
        """Return it as JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def load(cls, text: str) -> Errand:
        """Return what :meth:`dump` wrote."""
        values: dict[str, Any] = json.loads(text)
        case = Case(**values.pop("case"))
        return cls(case=case, **values)


def main() -> None:
    """Carry out the errand in the file named by the first argument."""
    set_child_subreaper()
    signal.alarm(int(PATIENCE * 2))
    errand = Errand.load(Path(sys.argv[1]).read_text())
    family = Family()
    try:
        result = _carry_out(errand, family)
    finally:
        family.end()
    print(json.dumps(result))


class Family:
    """The children of this process, adopted ones too; a thread collects those that ended.

    That nothing is left is the kernel's word: a subreaper without children
    (ECHILD) has no descendant, however fast they fork.
    """

    def __init__(self) -> None:
        read, self._hold = os.pipe()
        if os.fork() == 0:  # so that there is somebody to wait for until the count
            os.close(self._hold)
            os.read(read, 1)
            os._exit(0)
        os.close(read)
        self._news = threading.Condition()
        self._statuses: dict[int, int] = {}
        self._thread = threading.Thread(target=self._collect, daemon=True)
        self._thread.start()

    def _collect(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, 0)
            except ChildProcessError:
                return
            with self._news:
                self._statuses[pid] = os.waitstatus_to_exitcode(status)
                self._news.notify_all()

    def wait(self, pid: int) -> int:
        """Return how this child ended."""
        with self._news:
            if not self._news.wait_for(lambda: pid in self._statuses, PATIENCE):
                raise SystemExit(f"process {pid} did not end in time")
            return self._statuses[pid]

    def survivors(self) -> list[str]:
        """Return the commands of what is left; an ending process gets some seconds."""
        os.close(self._hold)
        self._thread.join(5.0)
        if not self._thread.is_alive():
            return []
        left = [process.command for process in descendants() if not process.is_zombie]
        return sorted(left) or ["(one that forks and dies)"]

    def end(self) -> None:
        """Kill whoever is left."""
        deadline = time.monotonic() + PATIENCE
        while self._thread.is_alive() and time.monotonic() < deadline:
            end_processes({process for process in descendants() if not process.is_zombie})
            self._thread.join(0.01)


def _carry_out(errand: Errand, family: Family) -> dict[str, Any]:
    began = time.monotonic()
    events, their_events = os.pipe()
    limit = ["--timeout", "4s"] if errand.case.ending == "timeout" else []
    words = ["--events", str(their_events), "--stdin", "inherit", *limit, "--"]
    agent = [errand.python, "-S", str(FOLDER / f"{errand.case.adversary}.py")]
    process = _launch(errand, [*words, *agent], stdin=subprocess.PIPE, pass_fds=[their_events])
    os.close(their_events)
    assert process.stdout is not None
    _wait_ready(process)
    guardian, supervisor = _halves(errand.case.api, process.pid)
    guarding = os.pidfd_open(guardian)
    _end(errand.case.ending, process, guardian, supervisor)
    _read_to_end(process.stdout.fileno(), events, guarding)
    status, again = family.wait(process.pid), None
    ended = time.monotonic()
    if errand.case.ending == "both":
        again = family.wait(_launch(errand, ["--", "true"], stdin=subprocess.DEVNULL).pid)
    return {
        "status": status,
        "again": again,
        "survivors": family.survivors(),
        "contained": _contained(errand),
        "files": leaked_files(Path(errand.environ["TMPDIR"]), Path(errand.environ["TMPDIR"])),
        "stderr": Path(errand.place, "stderr").read_bytes()[-2000:].decode(errors="replace"),
        "seconds": round(ended - began, 2),
    }


def _launch(
    errand: Errand, words: list[str], *, stdin: int, pass_fds: Sequence[int] = ()
) -> subprocess.Popen[bytes]:
    with open(f"{errand.place}/stderr", "ab") as stderr:
        return subprocess.Popen(
            _argv(errand, words),
            cwd=errand.place,
            env=errand.environ,
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=stderr,
            pass_fds=pass_fds,
        )


def _argv(errand: Errand, words: list[str]) -> list[str]:
    kind = {"cgroup": "cgroup", "delegated": "cgroup", "subreaper": "subreaper", "nobody": "auto"}
    flags = ["--issue", "1", "--workdir", ".", "--grace", "200ms"]
    tests = Path(__file__).parents[2]
    flags += ["--containment", kind[errand.case.place], "--set", f"PYTHONPATH={tests}"]
    flags += ["--set", "PYTHONDONTWRITEBYTECODE=1", "--agent", "generic"]
    return [*errand.prefix, *errand.program, *flags, *words]


def _wait_ready(process: subprocess.Popen[bytes]) -> None:
    """Wait until the adversary is in position."""
    assert process.stdout is not None
    seen = b""
    deadline = time.monotonic() + PATIENCE
    while b"ready\n" not in seen:
        select.select([process.stdout], [], [], max(0.0, deadline - time.monotonic()))
        chunk = os.read(process.stdout.fileno(), 4096)
        if not chunk:
            raise SystemExit("the adversary ended before it was ready")
        seen += chunk


def _halves(api: str, started: int) -> tuple[int, int]:
    """Return guardian and supervisor.

    A host is its run's supervisor, its fork server's child the guardian.
    """
    if api == "embedded":
        return _first_child(_first_child(started)), started
    return started, _first_child(started)


def _first_child(pid: int) -> int:
    # Listed by the thread that forked them, in the order of their birth or adoption.
    lists = Path(f"/proc/{pid}/task").glob("*/children")
    return int(next(pids for path in lists if (pids := path.read_text().split()))[0])


def _end(ending: str, process: subprocess.Popen[bytes], guardian: int, supervisor: int) -> None:
    assert process.stdin is not None
    if ending == "itself":
        process.stdin.close()
    elif ending == "term":
        os.kill(process.pid, signal.SIGTERM)
    elif ending in ("supervisor", "both"):
        os.kill(supervisor, signal.SIGKILL)
    if ending in ("guardian", "both"):
        os.kill(guardian, signal.SIGKILL)


def _read_to_end(stdout: int, events: int, guardian: int) -> None:
    """Read until both halves of codexlab are gone: only they hold the events' other end.

    :param guardian: its pidfd; a host's guardian does not hold the events.
    """
    deadline = time.monotonic() + PATIENCE
    open_ends = {stdout, events, guardian}
    while open_ends - {stdout}:
        left = deadline - time.monotonic()
        if left <= 0:
            raise SystemExit("the run did not end in time")
        for fd in select.select(list(open_ends), [], [], left)[0]:
            if fd == guardian or not os.read(fd, 65536):
                open_ends.discard(fd)


def _contained(errand: Errand) -> Mapping[str, Any] | None:
    """Return what the record of the adversary's run, the first one, claims."""
    paths = Path(errand.environ["CODEXLAB_WORKSPACES_ROOT"]).glob(
        "*/*/*/.codexlab/runs/*/record.json"
    )
    records = sorted((json.loads(path.read_bytes()) for path in paths), key=lambda r: r["started"])
    return {"reason": records[0]["reason"], **(records[0]["contained"] or {})}


if __name__ == "__main__":
    main()
