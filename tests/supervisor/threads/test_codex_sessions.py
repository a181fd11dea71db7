"""The watcher of an agent's thread wakes up only for what can bring news."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from codexlab.agents.session_store import NoSessions, Sighting
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


class Files(NoSessions):
    """Threads whose transcripts are the files of one directory."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def write(self, thread: str, second: int) -> None:
        (self._directory / thread).touch()
        os.utime(self._directory / thread, (second, second))

    def find(self, thread: str, *, sure: bool) -> Sighting | None:
        del sure
        path = self._directory / thread
        return Sighting(thread, str(path)) if path.exists() else None


@pytest.mark.trio
async def test_threads_that_are_known_are_put_in_the_order_in_which_they_were_written_last(
    scratch: Path,
) -> None:
    newest_last: list[str] = []

    def record(thread: str) -> None:
        newest_last[:] = [*(other for other in newest_last if other != thread), thread]

    store = Files(scratch)
    watcher = SessionWatcher(store, record, look_at_files=True)
    for second, thread in enumerate(("third", "first", "second")):
        store.write(thread, second)
        watcher.suggest(thread)  # the third one was named when it was begun: before its turn
    watcher.look()
    assert newest_last == ["third", "first", "second"]
    store.write("third", 11)
    store.write("second", 10)
    watcher.look()
    assert newest_last == ["first", "second", "third"]
    store.write("first", 12)
    watcher.look()
    assert newest_last == ["second", "third", "first"]
    assert watcher.thread == "first"


@pytest.mark.trio
async def test_a_thread_that_stays_the_newest_is_not_written_down_again(scratch: Path) -> None:
    recorded: list[str] = []
    store = Files(scratch)
    watcher = SessionWatcher(store, recorded.append, look_at_files=True)
    for second in range(5):
        store.write("only", second)
        watcher.suggest("only")
        watcher.look()
    assert recorded == ["only"]


@pytest.mark.trio
async def test_a_thread_that_is_named_again_while_it_is_looked_for_becomes_the_newest(
    scratch: Path,
) -> None:
    recorded: list[str] = []

    class NamedMeanwhile(Files):
        """Names the first thread again, as soon as that is looked for the first time."""

        def find(self, thread: str, *, sure: bool) -> Sighting | None:
            if thread == "first" and "second" not in recorded:
                watcher.suggest("first")
            return super().find(thread, sure=sure)

    store = NamedMeanwhile(scratch)
    watcher = SessionWatcher(store, recorded.append, look_at_files=True)
    for thread in ("first", "second"):
        store.write(thread, 1)
        watcher.suggest(thread)
    watcher.look()
    assert recorded == ["first", "second"]
    watcher.look()
    assert recorded == ["first", "second", "first"]
