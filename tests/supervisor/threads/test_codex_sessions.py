"""The watcher of an agent's thread wakes up only for what can bring news."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from codexlab.kernel.containment.membership import RunProcesses
from codexlab.supervisor.threads.codex_sessions import CodexSessions
from codexlab.supervisor.threads.watcher import SessionWatcher


class Wakeups(trio.abc.Instrument):
    """Counts how often a task of that name was woken."""

    def __init__(self, name: str) -> None:
        self._name = name
        self.count = 0

    def task_scheduled(self, task: trio.lowlevel.Task) -> None:
        self.count += task.name.endswith(self._name)


async def at_once(look: Callable[..., None], *arguments: object, **_how: object) -> None:
    """Look here and now."""
    look(*arguments)


@pytest.mark.trio
async def test_where_only_the_stream_can_name_a_thread_nobody_wakes_up_before_it_does(
    autojump_clock: MockClock, scratch: Path
) -> None:
    watcher = SessionWatcher(CodexSessions(scratch, scratch), print, look_at_files=False)
    wakeups = Wakeups("SessionWatcher.watch")
    trio.lowlevel.add_instrument(wakeups)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(watcher.watch, lambda: RunProcesses("none"))
        await trio.sleep(3600)
        assert wakeups.count == 1  # its start
        nursery.cancel_scope.cancel()
    trio.lowlevel.remove_instrument(wakeups)


@pytest.mark.trio
async def test_a_quiet_run_is_woken_a_few_times_a_minute_to_look_for_another_thread(
    autojump_clock: MockClock, scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # In a thread a look takes real time, and this clock would jump on meanwhile.
    monkeypatch.setattr("anyio.to_thread.run_sync", at_once)
    watcher = SessionWatcher(CodexSessions(scratch, scratch), print, look_at_files=True)
    wakeups = Wakeups("SessionWatcher.watch")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(watcher.watch, lambda: RunProcesses("none"))
        await trio.sleep(60)
        trio.lowlevel.add_instrument(wakeups)
        await trio.sleep(600)
        assert 10 <= wakeups.count <= 600 / 10  # and as often again when a look is over
        nursery.cancel_scope.cancel()
    trio.lowlevel.remove_instrument(wakeups)
