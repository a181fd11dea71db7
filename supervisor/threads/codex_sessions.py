"""Ask codex's own store which threads are a run's."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from ...agents.session_store import Sighting
from ...kernel.containment.membership import RunProcesses, members
from ...kernel.errors import CodexlabError
from ...kernel.values import frozen

if TYPE_CHECKING:
    from ...rollout.reading.session_meta import SessionMeta

_STORES = ("sessions", "archived_sessions")
# The sources of threads that codex starts beside a conversation, in codex's own words.
_BESIDE = frozenset(["subagent", "internal", "review", "compact", "thread_spawn"])


@frozen
class CodexSessions:
    """The rollouts that an agent's codex home leads to.

    :param home: the agent's codex home.
    :param workdir: where a thread of this run works, resolved.
    :param resumed: the thread the agent was told to go on with, wherever it was made.
    """

    home: Path
    workdir: Path
    resumed: str | None = None

    def find(self, thread: str, *, sure: bool) -> Sighting | None:
        """Return a thread that was named once its rollout exists and is this run's.

        A thread that is only hinted at is this run's if it works in the run's places. These are the
        workdir, and worktrees that codex made in its home.
        """
        from ...rollout.catalog.lookup import find_thread

        rollout = find_thread(self.home, thread)
        if thread == self.resumed:
            # Seen before the start; here perhaps by a link, which no store lists.
            return Sighting(thread, None if rollout is None else rollout.path)
        if rollout is None or (meta := _read_meta(rollout.current_path)) is None:
            return None
        if is_beside(meta) or not (sure or self.works_here(meta)):
            return None
        return Sighting(thread, rollout.path)

    def find_late(self, thread: str, since: str) -> bool:
        """Tell whether a thread that a run's log names is that run's, now that the run is over.

        A log is a hint only. A thread made since then is the run's wherever it works.

        :param since: when the run began, RFC 3339 in UTC.
        """
        found = self.find(thread, sure=True)
        meta = None if found is None or found.path is None else _read_meta(found.path)
        return meta is not None and (meta.timestamp >= since or self.works_here(meta))

    def begun_since(self, since: str) -> list[str]:
        """Return the threads begun in the workdir since a moment, in the order of their writing."""
        from ...rollout.store.scan import scan_store

        earliest = datetime.fromisoformat(since).timestamp()
        found: list[tuple[float, str]] = []
        for rollout in scan_store(self.home, archived=False).rollouts:
            with contextlib.suppress(OSError):
                written = os.stat(rollout.current_path).st_mtime
                if written >= earliest and self._began_here(rollout.current_path, since):
                    found.append((written, rollout.thread_id))
        return [thread for _, thread in sorted(found)]

    def _began_here(self, path: str, since: str) -> bool:
        meta = _read_meta(path)
        return (
            meta is not None
            and meta.timestamp >= since
            and not is_beside(meta)
            and self.works_here(meta)
        )

    def works_here(self, meta: SessionMeta) -> bool:
        """Tell whether a thread's directory is the run's own, or codex's worktree in its home."""
        cwd = Path(os.path.realpath(meta.cwd))
        home = Path(os.path.realpath(self.home))
        return cwd == self.workdir or self.workdir in cwd.parents or home in cwd.parents

    def held_open(self, processes: RunProcesses) -> tuple[Sighting, ...]:
        """Return the threads whose rollouts processes of the run hold open for writing."""
        stores = tuple(os.path.realpath(self.home / name) + os.sep for name in _STORES)
        return tuple(
            sighting
            for process in members(processes)
            for path in _rollouts_written_by(process.pid)
            if (sighting := self._sight(path, stores)) is not None
        )

    def left_behind(self) -> tuple[Sighting, ...]:
        """Return nothing: codex holds a rollout open as long as it works on its thread."""
        return ()

    def _sight(self, path: str, stores: tuple[str, ...]) -> Sighting | None:
        from ...rollout.store.names import parse_rollout_name

        name = parse_rollout_name(os.path.basename(path))
        if name is None or not (path.startswith(stores) or name.thread_id == self.resumed):
            return None
        meta = _read_meta(path)
        return None if meta is None or is_beside(meta) else Sighting(name.thread_id, path)


def is_beside(meta: SessionMeta) -> bool:
    """Tell whether a thread is a subagent's, a review's, or another that codex itself began."""
    return meta.source in _BESIDE or meta.raw.get("thread_source") in _BESIDE


def _read_meta(path: str) -> SessionMeta | None:
    """Return what a rollout says of itself; None while it is empty, or where it is none."""
    from ...rollout.reading.session_meta import read_session_meta

    try:
        return read_session_meta(path)
    except (OSError, CodexlabError):
        return None


def _rollouts_written_by(pid: int) -> Iterator[str]:
    directory = f"/proc/{pid}/fd"
    try:
        for fd in os.listdir(directory):
            path = os.readlink(os.path.join(directory, fd))
            if os.path.basename(path).startswith("rollout-") and _is_for_writing(pid, fd):
                yield path
    except OSError:
        return  # the process is gone


def _is_for_writing(pid: int, fd: str) -> bool:
    """Tell whether a descriptor can be written to; a tool that searches rollouts only reads."""
    with open(f"/proc/{pid}/fdinfo/{fd}", encoding="ascii", errors="replace") as file:
        flags = next((line.split()[1] for line in file if line.startswith("flags:")), "0")
    return int(flags, 8) & os.O_ACCMODE != os.O_RDONLY
