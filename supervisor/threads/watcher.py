"""Learn on which threads the agent works, and write each down once its store has it."""

from __future__ import annotations

import contextlib
import math
import os
import threading
from collections.abc import Callable, Iterator, Sequence

import anyio

from ...agents.session_store import SessionStore, Sighting
from ...kernel.containment.membership import RunProcesses
from ..blocking import run_blocking

# Often while a busy machine may still be starting it, then ever more seldom: a quiet
# run must not be woken.
_DELAYS = (0.3, 1.0, 1.0, 1.0, 1.0, 2.0, 2.0, 4.0, 8.0, 15.0, 30.0)
# A tool can print as many lines that look like a banner as it likes.
_MOST_NAMES = 8


class _Name:
    """One mention of a thread. A repeated mention is a new object, so ``is`` tells them apart.

    :param sure: by the agent's own stream.
    """

    __slots__ = ("sure",)

    def __init__(self, sure: bool) -> None:
        self.sure = sure


class SessionWatcher:
    """Records each thread of a run, and the one in which it works as the newest.

    Threads are named by the agent's stream, banner or farewell, or found by the transcripts
    that processes of this run hold open. A thread becomes the newest when it is named. Later,
    another thread becomes the newest when it is named or written to.

    :param store: the agent's own; what it does not have is not recorded.
    :param record: called in a worker thread with each thread that becomes the newest, oldest first.
    :param look_at_files: look for transcripts held open until the agent's stream names one.
    """

    def __init__(
        self, store: SessionStore, record: Callable[[str], None], *, look_at_files: bool
    ) -> None:
        self._store = store
        self._record = record
        self._look_at_files = look_at_files
        self._named: dict[str, _Name] = {}
        self._named_lock = threading.Lock()  # names come while a worker thread looks
        self._last_named: str | None = None
        self._written: dict[Sighting, int] = {}
        self._recorded: list[str] = []
        self._news = anyio.Event()
        self._delays = _delays()
        self._next_look = math.inf
        self.thread: str | None = None

    def suggest(self, thread: str, *, sure: bool = False) -> None:
        """Take a name; the same name twice in a row is ignored.

        :param sure: the agent's own stream gave it, which no tool writes to.
        """
        if thread == self._last_named:
            return
        self._last_named = thread
        with self._named_lock:
            earlier = self._named.pop(thread, None)
            if len(self._named) >= _MOST_NAMES:
                self._named.pop(next(iter(self._named)))
            self._named[thread] = _Name(sure or (earlier is not None and earlier.sure))
        self.look_soon()

    def look_soon(self) -> None:
        """Look more often again: a person has asked the agent for something."""
        self._delays = _delays()
        # A look that is near anyway is not put off: there may be such news all the time.
        if self._next_look - anyio.current_time() > _DELAYS[0]:
            self._news.set()

    async def watch(self, processes: Callable[[], RunProcesses]) -> None:
        """Look for threads as long as the agent works; never returns by itself."""
        self._delays = _delays()
        while True:
            if not (self._look_at_files or self._named):
                # Only the agent's stream can name one: nothing to wake up for until it does.
                await self._news.wait()
                self._news, self._delays = anyio.Event(), _delays()
            delay = next(self._delays)
            self._next_look = anyio.current_time() + delay
            with anyio.move_on_after(delay):
                await self._news.wait()
                self._news = anyio.Event()
                continue
            self._next_look = math.inf
            await run_blocking(self.look, processes())

    @property
    def must_look_again(self) -> bool:
        """Tell whether a last look, when the agent has ended, can bring news."""
        return bool(self._named) or len(self._written) > 1 or self._look_at_files

    def look(self, processes: RunProcesses | None = None) -> None:
        """Record what is new: threads that were named or found, and another newest one.

        :param processes: whose open files are looked at; None: the agent has ended.
        """
        found = self._look(processes) if self._look_at_files else ()
        news = [*self._written_since(found), *self._confirmed()]
        latest = list(dict.fromkeys(reversed(news)))[::-1]
        for thread in _to_record(self._recorded, latest):
            self.thread = thread
            self._record(thread)
        self._recorded = _in_order(self._recorded, latest)

    def _look(self, processes: RunProcesses | None) -> Sequence[Sighting]:
        if processes is not None:
            return self._store.held_open(processes)
        # An agent that named its own thread left no other; its tools may have.
        return (
            ()
            if any(name.sure for name in tuple(self._named.values()))
            else self._store.left_behind()
        )

    def _written_since(self, found: Sequence[Sighting]) -> list[str]:
        """Return the threads written to since the last look, the last one last."""
        changed: list[tuple[int, str]] = []
        for sighting in dict.fromkeys((*self._written, *found)):
            with contextlib.suppress(OSError):
                moment = os.stat(sighting.path or "").st_mtime_ns
                if moment != self._written.get(sighting):
                    self._written[sighting] = moment
                    changed.append((moment, sighting.thread))
        return [thread for _, thread in sorted(changed)]

    def _confirmed(self) -> Iterator[str]:
        """Yield what was named and is confirmed now, in the order in which it was named."""
        for thread, name in tuple(self._named.items()):
            sighting = self._store.find(thread, sure=name.sure)
            if sighting is not None:
                self._forget(thread, name)
                self._note_path(sighting)
                # A thread that the agent names itself needs no search; a tool's own codex is
                # not the agent's.
                self._look_at_files = self._look_at_files and not name.sure
                yield thread

    def _forget(self, thread: str, name: _Name) -> None:
        """Forget a name that is confirmed, unless the thread was named again meanwhile."""
        with self._named_lock:
            if self._named.get(thread) is name:
                del self._named[thread]

    def _note_path(self, sighting: Sighting) -> None:
        with contextlib.suppress(OSError):
            self._written[sighting] = os.stat(sighting.path or "").st_mtime_ns


def _in_order(recorded: Sequence[str], latest: Sequence[str]) -> list[str]:
    return [*(thread for thread in recorded if thread not in latest), *latest]


def _to_record(recorded: Sequence[str], latest: Sequence[str]) -> Sequence[str]:
    """Return the threads that must become the newest, one after another, for the right order."""
    wanted = _in_order(recorded, latest)
    others = iter(recorded)
    for kept, thread in enumerate(wanted):
        if thread not in others:  # takes from `others` up to the thread
            return wanted[kept:]
    return ()


def _delays() -> Iterator[float]:
    yield from _DELAYS
    while True:
        yield _DELAYS[-1]
