"""Find the thread a task goes on with, and make it readable for its agent."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from ..kernel import LongWait, pause
from ..workspace import ThreadEntry, expose_rollout, read_threads
from ._agents import RESUME
from ._claude_sessions import ClaudeSessions, claude_home
from ._plan import Plan

# A sweep of ours or codex's holds a thread for a moment; another codex for a whole task.
_PATIENCE, _PAUSE = 3.0, 0.05


def ready_thread(
    plan: Plan, workdir: Path, environ: Mapping[str, str], tell: Callable[[str], None]
) -> str | None:
    """Return the newest thread of this workspace that can be resumed, if one is asked for.

    Both codex (0.169) and claude (2.1.332) resume from any directory. A thread whose
    transcript is gone is passed over with one line, and stays on record: its store may
    only be unmounted.

    :param environ: the agent's own.

    :raises ThreadBusyError: somebody else writes it, and went on for some seconds, or for
        as long as the request waits.
    """
    if RESUME not in plan.request.command or plan.agent == "generic":
        return None
    for entry in _newest_first(plan):
        if _is_ready(plan, workdir, environ, entry.id):
            if entry.cwd != os.fspath(workdir):
                tell(f"thread {entry.id} was made in {entry.cwd}; it goes on in {workdir}")
            return entry.id
        form = "transcript" if plan.agent == "claude" else "rollout"
        tell(f"thread {entry.id} has no {form} any more; resuming an older one or none")
    return None


def _is_ready(plan: Plan, workdir: Path, environ: Mapping[str, str], thread: str) -> bool:
    if plan.agent != "claude":
        return _wait_ready(plan, thread)
    return ClaudeSessions(claude_home(environ), workdir, 0.0).find(thread, sure=True) is not None


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
