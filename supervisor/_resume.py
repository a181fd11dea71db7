"""Find the thread a task goes on with, and make it readable for any codex."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from ..kernel import LongWait, pause
from ..workspace import ThreadEntry, expose_rollout, read_threads
from ._agents import RESUME
from ._plan import Plan

# A sweep of ours or codex's holds a thread for a moment; another codex for a whole task.
_PATIENCE, _PAUSE = 3.0, 0.05


def ready_thread(plan: Plan, workdir: Path, tell: Callable[[str], None]) -> str | None:
    """Return the newest thread of this workspace that can be resumed, if one is asked for.

    codex resumes a thread from any directory (0.169); claude only where it was made.
    A thread whose rollout is gone is passed over with one line, and stays on record:
    its store may only be unmounted.

    :raises ThreadBusyError: somebody else writes it, and went on for some seconds, or for
        as long as the request waits.
    """
    if RESUME not in plan.request.command or plan.agent == "generic":
        return None
    if plan.agent == "claude":
        return _thread_of_claude(plan, workdir, tell)
    for entry in _newest_first(plan):
        if _wait_ready(plan, entry.id):
            if entry.cwd != os.fspath(workdir):
                tell(f"thread {entry.id} was made in {entry.cwd}; it goes on in {workdir}")
            return entry.id
        tell(f"thread {entry.id} has no rollout any more; resuming an older one or none")
    return None


def _thread_of_claude(plan: Plan, workdir: Path, tell: Callable[[str], None]) -> str | None:
    threads = read_threads(plan.paths)
    here, newest = threads.latest("claude", workdir), threads.latest("claude")
    if here is None and newest is not None:
        tell(f"session {newest.id} can go on in {newest.cwd} only; starting a new one")
    return None if here is None else here.id


def _newest_first(plan: Plan) -> Iterator[ThreadEntry]:
    for entry in reversed(read_threads(plan.paths).threads):
        if entry.agent == plan.agent:
            yield entry


def _wait_ready(plan: Plan, thread: str) -> bool:
    from ..rollout import ThreadBusyError

    deadline, long = time.monotonic() + plan.patience(_PATIENCE), LongWait()
    while True:
        try:
            return _make_ready(plan, thread)
        except ThreadBusyError as error:
            if time.monotonic() > deadline:
                raise
            long.tell_if_due(str(error))
        pause(_PAUSE)


def _make_ready(plan: Plan, thread: str) -> bool:
    """Make the thread's rollout plain, and seen in the issue's home.

    codex up to 0.149 cannot read a compressed one, and later ones restore it at
    this very moment themselves, so which codex it is need not be asked.

    :raises ThreadBusyError: somebody writes it right now.
    """
    from ..rollout import ThreadBusyError, ThreadLocks, find_places, find_thread, restore

    home = plan.paths.codex_home
    found = find_thread(home, thread)
    if found is None and plan.request.sessions == "issue":
        home = plan.request.shared_home
        found = find_thread(home, thread)
    if found is None:
        return False
    # Read, not tried: for that moment codex would be refused. codex before 0.150 takes none.
    if writers := ThreadLocks(home).holders(thread):
        raise ThreadBusyError(thread, writers)
    if not found.plain:
        places = find_places(home)
        restore(places, places.subject(found.current_path))
    if home == plan.request.shared_home:
        expose_rollout(plan.paths, home, Path(found.path))
    return True
