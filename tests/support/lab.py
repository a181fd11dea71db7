"""Run ``codexlab-run`` as a caller does, and look at what it left on disk."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from .commands import run_to_end
from .model.codex_responses import Json
from .model.turns import Gate
from .processes.leaks import Process, descendants, end_processes

Words = Sequence[str | Path]

Task = Callable[..., list[str]]
"""What the fixture ``task`` is: it builds the command of one task from its last words."""


@dataclass(frozen=True, slots=True)
class Lab:
    """A caller of codexlab: where it stands and what its environment is.

    :param program: the installed ``codexlab-run``.
    :param environ: the caller's whole environment.
    :param cwd: the directory the caller stands in.
    """

    program: Path
    environ: dict[str, str]
    cwd: Path
    workspaces_root: Path

    def run(
        self, flags: Words, command: Words = (), *, timeout: float = 60.0, cwd: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run to the end; ``--`` is put before ``command`` where there is one.

        :raises subprocess.TimeoutExpired: it took longer than ``timeout`` seconds.
        """
        return self.call(self.argv(flags, command), timeout=timeout, cwd=cwd)

    def call(
        self, words: Words, *, timeout: float = 60.0, cwd: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run any program to its end, as the caller.

        :raises subprocess.TimeoutExpired: it took longer than ``timeout`` seconds.
        """
        return run_to_end(words, self.environ, cwd or self.cwd, timeout=timeout)

    def codexlab(
        self, *words: str | Path, timeout: float = 60.0, cwd: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run ``codexlab`` with these words, as the caller, to its end.

        :raises subprocess.TimeoutExpired: it took longer than ``timeout`` seconds.
        """
        return self.call([self.program.with_name("codexlab"), *words], timeout=timeout, cwd=cwd)

    @contextmanager
    def started(
        self, flags: Words, command: Words, *, stdin: int = subprocess.DEVNULL
    ) -> Generator[Running]:
        """Start it, to be watched while it runs; what still runs at the end is killed."""
        before = descendants()
        read_end, write_end = os.pipe()
        with open(read_end, "rb", buffering=0) as events:
            try:
                process = subprocess.Popen(
                    self.argv(["--events", str(write_end), *flags], command),
                    bufsize=0,  # so that reading a line takes nothing from communicate()
                    cwd=self.cwd,
                    env=self.environ,
                    stdin=stdin,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    pass_fds=[write_end],
                )
            finally:
                os.close(write_end)
            with process:
                try:
                    yield Running(process, events.fileno())
                except BaseException as error:
                    error.add_note(_last_words(process))
                    raise
                finally:
                    if process.poll() is None:
                        process.kill()
                        end_processes(descendants() - before)

    def argv(self, flags: Words, command: Words = ()) -> list[str]:
        """Return the vector that runs it."""
        words = [self.program, *flags, *(["--", *command] if command else [])]
        return [str(word) for word in words]

    @property
    def workspace(self) -> Path:
        """The only workspace there is.

        :raises ValueError: there is none, or more than one.
        """
        (state,) = self.workspaces_root.glob("*/*/*/.codexlab")
        return state.parent

    @property
    def records(self) -> list[Json]:
        """The records of all runs, in the order they began."""
        paths = self.workspaces_root.glob("*/*/*/.codexlab/runs/*/record.json")
        records = [cast("Json", json.loads(path.read_bytes())) for path in paths]
        return sorted(records, key=lambda record: str(record["started"]))

    def run_directory(self, record: Mapping[str, object]) -> Path:
        """Return the directory of the run that ``record`` is of."""
        return Path(str(record["workspace"]), ".codexlab", "runs", str(record["run_id"]))


@dataclass(slots=True)
class Running:
    """A ``codexlab-run`` under way, with its events read from a pipe."""

    process: subprocess.Popen[bytes]
    events_fd: int
    events: list[Json] = field(default_factory=list[Json])
    _rest: bytes = b""

    @property
    def guardian(self) -> int:
        """The pid the caller sees: the guardian's."""
        return self.process.pid

    @property
    def supervisor(self) -> int:
        """The pid of the supervisor: the guardian's child that is not the agent."""
        agent = self.wait_for_event("child.spawned")["pid"]
        children = Path(f"/proc/{self.guardian}/task/{self.guardian}/children").read_text()
        (supervisor,) = (int(pid) for pid in children.split() if int(pid) != agent)
        return supervisor

    def wait_for_event(self, name: str, timeout: float = 30.0) -> Json:
        """Return the first event of that name, as soon as it has been written.

        :raises TimeoutError: it did not come in time, or the events ended before it.
        """
        deadline = time.monotonic() + timeout
        while (found := self._event(name)) is None:
            left = deadline - time.monotonic()
            ready, _, _ = select.select([self.events_fd], [], [], max(left, 0))
            chunk = os.read(self.events_fd, 65536) if ready else b""
            if not chunk:
                names = [event["event"] for event in self.events]
                message = f"no event {name}; there were {names}"
                raise TimeoutError(message)
            *lines, self._rest = (self._rest + chunk).split(b"\n")
            self.events.extend(json.loads(line) for line in lines)
        return found

    def wait_for_gate(self, gate: Gate, timeout: float = 30.0) -> None:
        """Wait until a turn has come to ``gate``, no longer than the run lives.

        :raises TimeoutError: none came in time, or the run has ended.
        """
        deadline = time.monotonic() + timeout
        while not gate.is_reached(0.5):
            if time.monotonic() > deadline or self.process.poll() is not None:
                message = "the agent's turn did not reach its gate"
                raise TimeoutError(message)

    def wait_for_line(self, text: str, timeout: float = 30.0) -> str:
        """Return the next line with this text that is written to stderr for a person.

        :raises TimeoutError: it did not come in time, or stderr ended before it.
        """
        assert self.process.stderr is not None
        deadline = time.monotonic() + timeout
        lines: list[str] = []
        while text not in "".join(lines[-1:]):
            left = max(deadline - time.monotonic(), 0)
            ready, _, _ = select.select([self.process.stderr], [], [], left)
            line = self.process.stderr.readline().decode() if ready else ""
            if not line:
                message = f"no line with {text!r}; there were {lines}"
                raise TimeoutError(message)
            lines.append(line)
        return lines[-1]

    def has_written(self, name: str) -> bool:
        """Tell whether an event of that name has been written up to now."""
        with contextlib.suppress(TimeoutError):
            self.wait_for_event(name, timeout=0)
        return self._event(name) is not None

    def _event(self, name: str) -> Json | None:
        return next((event for event in self.events if event["event"] == name), None)

    def signal(self, signum: signal.Signals) -> None:
        """Send a signal to the guardian, as a caller does."""
        self.process.send_signal(signum)

    def finish(self, timeout: float = 40.0) -> tuple[int, bytes, str]:
        """Wait for the end and return status, stdout and stderr."""
        stdout, stderr = self.process.communicate(timeout=timeout)
        return self.process.returncode, stdout, stderr.decode()


def _last_words(process: subprocess.Popen[bytes]) -> str:
    process.kill()
    if process.stderr is None or process.stderr.closed:
        return f"exit status {process.wait()}"
    os.set_blocking(process.stderr.fileno(), False)
    said = process.stderr.read() or b""
    return f"exit status {process.wait()}, stderr: {said.decode(errors='replace')}"


def running(text: str) -> set[Process]:
    """Return the processes started by this test whose command line contains ``text``."""
    return {process for process in descendants() if text in process.command}


def wait_until_running(text: str, count: int, timeout: float = 30.0) -> set[Process]:
    """Wait until ``count`` of this test's processes have ``text`` in their command line.

    What a shell put in the background may take its time to become that command.

    :raises TimeoutError: there were fewer for ``timeout`` seconds.
    """
    deadline = time.monotonic() + timeout
    while len(found := running(text)) < count:
        if time.monotonic() > deadline:
            message = f"{len(found)} of {count} processes with {text!r}"
            raise TimeoutError(message)
    return found


def wait_until_gone(processes: set[Process], timeout: float = 30.0) -> set[Process]:
    """Wait for the end of these processes and return those that remain."""
    deadline = time.monotonic() + timeout
    for process in processes:
        try:
            fd = os.pidfd_open(process.pid)
        except ProcessLookupError:
            continue
        try:
            if process in descendants():
                select.select([fd], [], [], max(0.0, deadline - time.monotonic()))
        finally:
            os.close(fd)
    return {process for process in processes & descendants() if not process.is_zombie}
