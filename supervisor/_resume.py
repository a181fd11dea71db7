"""Find the thread a task goes on with, and make it readable for any codex."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from ..workspace import expose_rollout, read_threads
from ._agents import RESUME
from ._plan import Plan


def ready_thread(plan: Plan, workdir: Path, tell: Callable[[str], None]) -> str | None:
    """Return the newest thread of this workspace that can be resumed, if one is asked for.

    codex resumes a thread from any directory (0.169); claude only where it was made.
    A thread whose rollout is gone is passed over with one line, and stays on record:
    its store may only be unmounted.

    :raises ThreadBusyError: the rollout must be restored first and somebody writes it.
    """
    if RESUME not in plan.request.command or plan.agent == "generic":
        return None
    if plan.agent == "claude":
        entry = read_threads(plan.paths).latest("claude", workdir)
        return None if entry is None else entry.id
    for thread in _newest_first(plan):
        if _make_ready(plan, thread):
            return thread
        tell(f"thread {thread} has no rollout any more; resuming an older one or none")
    return None


def _newest_first(plan: Plan) -> Iterator[str]:
    for entry in reversed(read_threads(plan.paths).threads):
        if entry.agent == plan.agent:
            yield entry.id


def _make_ready(plan: Plan, thread: str) -> bool:
    """Make the thread's rollout plain, and seen in the issue's home.

    codex up to 0.149 cannot read a compressed one, and later ones restore it at
    this very moment themselves, so which codex it is need not be asked.
    """
    from ..rollout import find_places, find_thread, restore

    home = plan.paths.codex_home
    found = find_thread(home, thread)
    if found is None and plan.request.sessions == "issue":
        home = plan.request.shared_home
        found = find_thread(home, thread)
    if found is None:
        return False
    if not found.plain:
        places = find_places(home)
        restore(places, places.subject(found.current_path))
    if home == plan.request.shared_home:
        expose_rollout(plan.paths, home, Path(found.path))
    return True
