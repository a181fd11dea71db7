"""Look at a run from outside: silence, CPU, memory. Report; never decide."""

from __future__ import annotations

from collections.abc import Callable

import anyio

from ...kernel.containment.membership import RunProcesses
from ..blocking import run_blocking
from ..lifecycle.exit import EndReason, Reason
from ..output.events import HEARTBEAT_SECONDS, Emitter
from .limits import cpu_seconds, memory_bytes

# Below this share of one core a silent run counts as idle. An agent that waits for its model uses
# almost no CPU; an agent that compiles uses a lot.
IDLE_SHARE = 0.01
# A timer that wakes so much too late was stopped meanwhile, as a job or with its host.
_LATE = 1.0
_MEMORY_LOOK = 1.0


async def beat(log: Emitter, quiet_since: Callable[[], float]) -> None:
    """Say every 15 s that somebody is there, and how long there was no output."""
    while True:
        await anyio.sleep(HEARTBEAT_SECONDS)
        silent = anyio.current_time() - quiet_since()
        log.emit("heartbeat", silent=round(silent, 1))


class Meters:
    """Timers beside one agent.

    :param last_output: when the agent last wrote anything (the event loop's clock,
        CLOCK_MONOTONIC, which stands still while the machine is suspended).
    :param request_end: takes the reason when a limit is reached.
    """

    def __init__(
        self,
        processes: Callable[[], RunProcesses],
        last_output: Callable[[], float],
        request_end: Callable[[EndReason], None],
        log: Emitter,
    ) -> None:
        self._processes = processes
        self._last_output = last_output
        self._request_end = request_end
        self._log = log
        self._resumed = anyio.current_time()
        self.peak_memory: int | None = None

    def note_resumed(self) -> None:
        """Start the idle time anew: we were stopped, and the agent maybe too."""
        self._resumed = anyio.current_time()

    async def end_after(self, seconds: float) -> None:
        """Report ``timeout`` once."""
        await anyio.sleep(seconds)
        self._request_end(Reason.TIMEOUT)

    async def end_when_idle(self, seconds: float) -> None:
        """Report ``idle`` after so long without output and almost without CPU.

        Do not judge while nobody could have seen output. The timer may come before the SIGCONT that
        says we were stopped, and an embedding host is not told of its own stop.
        """
        while True:
            sampled, used = anyio.current_time(), await self._cpu()
            deadline = self._quiet_since() + seconds
            await anyio.sleep_until(deadline)
            if anyio.current_time() > max(deadline, sampled) + _LATE:
                self.note_resumed()
            silent = anyio.current_time() - self._quiet_since()
            if silent < seconds:
                continue
            share = abs(await self._cpu() - used) / (anyio.current_time() - sampled)
            if share < IDLE_SHARE:
                self._log.emit("child.idle", silent=round(silent, 3), cpu_share=round(share, 4))
                self._request_end(Reason.IDLE)
                return
            self.note_resumed()

    async def end_over_memory(self, limit: int) -> None:
        """Report ``memory`` when the run holds more than ``limit`` bytes; note its peak.

        Looks once a second, so what grows faster than that is caught late.
        """
        while True:
            used = await run_blocking(
                memory_bytes, self._processes(), limit, abandon_on_cancel=True
            )
            self.peak_memory = max(used, self.peak_memory or 0)
            if used > limit:
                self._request_end(Reason.MEMORY)
                return
            await anyio.sleep(_MEMORY_LOOK)

    async def beat(self) -> None:
        """Say every 15 s that the run is watched, and how long it has been silent."""
        await beat(self._log, self._quiet_since)

    def _quiet_since(self) -> float:
        return max(self._last_output(), self._resumed)

    async def _cpu(self) -> float:
        return await run_blocking(cpu_seconds, self._processes(), abandon_on_cancel=True)
