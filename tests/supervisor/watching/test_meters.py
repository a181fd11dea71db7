"""When silence counts: a virtual clock, and a run that uses no CPU."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from codexlab.kernel.containment.membership import RunProcesses
from codexlab.supervisor.watching.meters import Meters


class Log:
    """Takes events and keeps none."""

    def emit(self, event: str, **values: object) -> None:
        """Forget it."""


class Quiet(Meters):
    """Meters of a run that computes nothing; no thread is asked, which no virtual clock knows."""

    async def _cpu(self) -> float:
        await trio.lowlevel.checkpoint()
        return 0.0


async def idle_after(clock: MockClock, jumps: list[float], *, resumed: bool = False) -> list[bool]:
    """Return, after each jump of the clock, whether the limit of ten seconds was reached."""
    reached: list[str] = []
    meters = Quiet(lambda: RunProcesses("no such run"), lambda: 0.0, reached.append, Log())
    seen: list[bool] = []
    async with trio.open_nursery() as nursery:
        nursery.start_soon(meters.end_when_idle, 10.0)
        for seconds in jumps:
            await wait_all_tasks_blocked()
            clock.jump(seconds)
            if resumed:
                meters.note_resumed()
            await wait_all_tasks_blocked()
            seen.append(reached == ["idle"])
        nursery.cancel_scope.cancel()
    return seen


@pytest.mark.trio
async def test_so_long_a_silence_is_idle(mock_clock: MockClock) -> None:
    assert await idle_after(mock_clock, [9.9, 0.1]) == [False, True]


@pytest.mark.trio
async def test_it_counts_anew_from_a_resumption(mock_clock: MockClock) -> None:
    assert await idle_after(mock_clock, [10.5, 9.9], resumed=True) == [False, False]


@pytest.mark.trio
async def test_who_wakes_far_too_late_was_stopped_and_counts_anew(mock_clock: MockClock) -> None:
    assert await idle_after(mock_clock, [60.0, 9.0, 1.5]) == [False, False, True]
