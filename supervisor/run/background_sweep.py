"""A sweep of the rollout store beside the agent, where the setting asks for one.

Invariants: it is started after the agent and is no member of the run. It delays the end of the run
by ``END_SECONDS`` and a second at most. It never outlives the guardian. What stops it in the middle
of a file costs that file's work and nothing else: the sweep is crash-safe at every step.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio

from ...guardian.codec import unexpected
from ...guardian.protocol import SidecarStarted, SpawnFailed, SpawnSpec, StartSidecar
from ...kernel.errors import BusyError
from ...kernel.files.regular_file import read_both_ends
from ...kernel.process.identity import ProcessIdentity, boot_id
from ...kernel.process.procfs import send_signal
from ...workspace.users_codex_home import SessionMode
from ..errors import GuardianLost
from ..guardian_client.link import GuardianLink
from ..output.events import EventLog
from ..output.log import open_to_append
from ..plan import Plan

# A sweep told to end finishes the files it has begun; a large one takes longer.
END_SECONDS = 2.0
_DYING_SECONDS = 1.0
# Launches may follow each other by the second, and a store may hold 50,000 rollouts.
_PAUSE_SECONDS = 600
_NICE = 10
_READ = 64 * 1024
_PROGRAM = "import sys; sys.argv[0] = 'codexlab'; from codexlab.cli import command; command()"
# It serves us, not the agent, so it does not get the caller's keys. If we run inside an outer run,
# its supervisor must find the sweep by the outer run's tag.
_PASSED = ("PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "CODEXLAB_RUN_ID")


class SweepBeside:
    """At most one sweep during a run, over all its attempts.

    :param warn: takes one line about what went wrong; nothing of it ends the run.
    """

    def __init__(
        self, plan: Plan, link: GuardianLink, events: EventLog, warn: Callable[[str], None]
    ) -> None:
        self._home = _home_of(plan)
        self._wanted = plan.request.sweep_beside_agents
        self._environ = plan.request.environ
        self._cold_age = plan.request.sweep_cold_age
        self._log = plan.run_directory / "sweep.log"
        self._base = plan.paths.base
        self._link = link
        self._events = events
        self._warn = warn
        self._process: ProcessIdentity | None = None
        self._asked = False

    async def start(self) -> None:
        """Start it once the agent runs, if it is wanted and none ran yet."""
        if not self._wanted:
            return
        self._wanted = False
        try:
            self._process = await self._ask()
        except OSError as error:
            self._warn(f"the sweep beside the agent did not start: {self._log}: {error.strerror}")
        except GuardianLost:
            # The watch of the agent hears of it too, and ends the run.
            return
        if self._process is not None:
            self._events.emit("sweep.started", pid=self._process.pid, home=str(self._home))

    async def _ask(self) -> ProcessIdentity | None:
        null = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
        try:
            log = open_to_append(self._log, self._base)
            try:
                reply, _ = await self._link.ask(StartSidecar(self._spec()), (null, log, log))
            finally:
                os.close(log)
        finally:
            os.close(null)
        if isinstance(reply, SpawnFailed):
            problem = os.strerror(reply.errno)
            self._warn(f"the sweep beside the agent did not start: {reply.step}: {problem}")
            return None
        if not isinstance(reply, SidecarStarted):
            raise unexpected(reply)
        return ProcessIdentity(reply.pid, reply.start_time, boot_id())

    def _spec(self) -> SpawnSpec:
        # -P: the directory it stands in must not be searched for modules.
        words = ("-P", "-c", _PROGRAM, "rollout", "sweep", "--json", "--no-wait", "--workers=1")
        unless_swept = f"--unless-swept={_PAUSE_SECONDS}s"
        options = (f"--cold-age={self._cold_age:.3f}s", f"--codex-home={self._home}", unless_swept)
        kept = {name: self._environ[name] for name in _PASSED if name in self._environ}
        # We may have been found by a changed sys.path.
        modules = os.pathsep.join(filter(None, sys.path))
        argv = (sys.executable, *words, *options)
        environment = {**kept, "PYTHONPATH": modules}
        return SpawnSpec(sys.executable, argv, environment, cwd="/", nice=_NICE)

    def ask_to_end(self) -> None:
        """Tell it to end at the next file boundary; does not wait."""
        if self._process is not None and not self._link.sidecar_ended.is_set():
            self._asked = True
            send_signal(self._process, signal.SIGTERM)

    async def finish(self) -> dict[str, object] | None:
        """Wait for its end, kill it where that takes too long, and say what it did.

        :returns: the record's field, or None where none was started.
        """
        if self._process is None:
            return None
        killed = False
        if not await self._has_ended(END_SECONDS):
            killed = send_signal(self._process, signal.SIGKILL)
            await self._has_ended(_DYING_SECONDS)
        result = self._describe(killed=killed)
        self._events.emit("sweep.finished", **result)
        self._process = None
        return result

    async def _has_ended(self, seconds: float) -> bool:
        with anyio.move_on_after(seconds):
            await self._link.sidecar_ended.wait()
        return self._link.sidecar_ended.is_set()

    def _describe(self, *, killed: bool) -> dict[str, object]:
        said = self._said()
        wait_status = self._link.sidecar_status
        status = None if wait_status is None else os.waitstatus_to_exitcode(wait_status)
        if status not in (None, 0, BusyError.exit_status) and not self._asked:
            why = _complaint(said)
            self._warn(f"the sweep beside the agent ended with {status}: {why}; see {self._log}")
        return {
            "exit_status": status,
            "ended_by": _ended_by(killed=killed or status is None, asked=self._asked),
            "summary": _summary(said),
        }

    def _said(self) -> list[str]:
        try:
            return b"".join(read_both_ends(self._log, _READ)).decode(errors="replace").splitlines()
        except OSError:
            return []


def _home_of(plan: Plan) -> Path:
    own = plan.request.sessions == SessionMode.ISSUE
    return plan.paths.codex_home if own else plan.request.shared_home


def _ended_by(*, killed: bool, asked: bool) -> str:
    return "kill" if killed else "request" if asked else "itself"


def _complaint(said: list[str]) -> str:
    """Return the last line for a person; the others are JSON, a result each."""
    lines = [line for line in said if line and not line.startswith("{")]
    return lines[-1] if lines else said[-1] if said else "it said nothing"


def _summary(said: list[str]) -> object:
    """Return what the last line sums up, or None where it was stopped before."""
    try:
        last: Any = json.loads(said[-1])
        return last["summary"]
    except (IndexError, KeyError, TypeError, ValueError, RecursionError):
        return None
