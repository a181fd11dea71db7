"""Learn which thread the agent works on, and write it down once its rollout exists."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import anyio
import anyio.to_thread

from ..kernel import CodexlabError, Scope, members

# Often while a busy machine may still be starting it, then ever more seldom: a quiet
# run must not be woken.
_DELAYS = (0.3, 1.0, 1.0, 1.0, 1.0, 2.0, 2.0, 4.0, 8.0, 15.0, 30.0)


class SessionWatcher:
    """Collects candidates for the thread; confirms one by its rollout on disk.

    Candidates come from the agent's event stream, from codex's banner, or from
    a rollout that a process of this run holds open.

    :param home: the agent's codex home.
    :param workdir: where a thread of this run works.
    :param record: called once with the confirmed thread.
    :param resumed: the thread the agent was told to go on with, wherever it was made.
    :param look_at_files: look for a rollout held open while no candidate is known.
    """

    def __init__(
        self,
        home: Path,
        workdir: Path,
        record: Callable[[str], None],
        *,
        resumed: str | None = None,
        look_at_files: bool,
    ) -> None:
        self._resumed = resumed
        self._look_at_files = look_at_files
        self._home = home
        self._workdir = workdir
        self._record = record
        self._candidate: str | None = None
        self._news = anyio.Event()
        self._delays = _delays()
        self.thread: str | None = None

    def suggest(self, thread: str) -> None:
        """Take the first candidate."""
        if self._candidate is None:
            self._candidate = thread
            self._begin_anew()

    def look_soon(self) -> None:
        """Look more often again: a person has asked the agent for something."""
        if self._candidate is None:
            self._begin_anew()

    def _begin_anew(self) -> None:
        self._delays = _delays()
        self._news.set()

    async def watch(self, scope: Callable[[], Scope]) -> None:
        """Confirm a candidate as soon as its rollout exists; look for one if asked to."""
        if not self._look_at_files:
            # Only the agent's stream can name one: nothing to wake up for until it does.
            await self._news.wait()
        while True:
            with anyio.move_on_after(next(self._delays)):
                await self._news.wait()
                self._news = anyio.Event()
                continue
            if self._candidate is None and self._look_at_files:
                found = await anyio.to_thread.run_sync(self._open_rollout, scope())
                if found is not None:
                    self.suggest(found)
            if self._candidate is not None and await anyio.to_thread.run_sync(self.confirm):
                return

    @property
    def can_confirm(self) -> bool:
        """Tell whether there is a candidate that was not confirmed yet."""
        return self.thread is None and self._candidate is not None

    def confirm(self) -> bool:
        """Record the candidate if its rollout exists and is of this run.

        It is if it was made in our workdir, or is the one that was to be resumed.
        """
        if self.thread is None and self._candidate is not None and self._has_rollout():
            self.thread = self._candidate
            self._record(self.thread)
        return self.thread is not None

    def _has_rollout(self) -> bool:
        from ..rollout import find_thread

        if self._candidate == self._resumed:
            return True  # seen before the start; here perhaps by a link, which no store lists
        rollout = find_thread(self._home, self._candidate or "")
        return rollout is not None and self._works_here(Path(rollout.current_path))

    def _works_here(self, path: Path) -> bool:
        from ..rollout import read_session_meta

        try:
            meta = read_session_meta(path)
        except (OSError, CodexlabError):
            # Still empty, or not a rollout after all: nothing to learn here yet.
            return False
        cwd = Path(os.path.realpath(meta.cwd))
        return cwd == self._workdir or self._workdir in cwd.parents

    def _open_rollout(self, scope: Scope) -> str | None:
        from ..rollout import parse_rollout_name

        for process in members(scope):
            directory = f"/proc/{process.pid}/fd"
            try:
                links = [os.readlink(os.path.join(directory, fd)) for fd in os.listdir(directory)]
            except OSError:
                continue
            for link in links:
                name = parse_rollout_name(os.path.basename(link))
                if name is not None and self._works_here(Path(link)):
                    return name.thread_id
        return None


def _delays() -> Iterator[float]:
    yield from _DELAYS
    while True:
        yield _DELAYS[-1]
