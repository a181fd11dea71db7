"""Find the thread a task goes on with, and make it readable for its agent."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ...agents.adapter import RESUME
from ...agents.registry import adapter_of
from ...kernel.errands.end_wanted import pause
from ...kernel.errands.errand import LongWait
from ...workspace.claim.threads import ThreadEntry, read_threads
from ...workspace.users_codex_home import SessionMode
from ..plan import Plan

if TYPE_CHECKING:
    from ...rollout.store.rollout_ref import RolloutRef

# A sweep of ours or codex's holds a thread for a moment; another codex for a whole task.
# The record lies where the agent can write: each of its entries costs a look at the store.
_TRIED = 20
_PATIENCE, _PAUSE = 3.0, 0.05


def ready_thread(
    plan: Plan, start: Path, environ: Mapping[str, str], tell: Callable[[str], None]
) -> str | None:
    """Return the newest thread of this workspace that can be resumed, if one is asked for.

    Both codex (0.169) and claude (2.1.332) resume from any directory. A thread whose transcript is
    gone is passed over with one line, and stays on record: its store may only be unmounted. An
    archived thread is skipped too. codex since 0.150 refuses it, and 0.135 goes on with it only if
    it is named; its own ``--last`` skips it.

    :param start: the directory that the agent starts in.
    :param environ: the agent's own.

    :raises ThreadBusyError: somebody else writes it, and went on for some seconds, or for
        as long as the request waits.
    """
    agent = adapter_of(plan.agent)
    if agent.keeps_rollouts:
        from .current_file import follow_named_threads  # here: rarely needed

        follow_named_threads(plan.paths, plan.request.command, tell)
    if RESUME not in plan.request.command or not agent.resumable:
        return None
    recorded = list(_newest_first(plan))
    for entry in recorded[:_TRIED]:
        why_not = _why_not_ready(plan, start, environ, entry.id, tell)
        if why_not is None:
            if entry.cwd != os.fspath(start):
                tell(f"thread {entry.id} was made in {entry.cwd}; it goes on in {start}")
            return entry.id
        tell(f"thread {entry.id} {why_not}; resuming an older thread, if any")
    if len(recorded) > _TRIED:
        tell(f"{len(recorded) - _TRIED} older threads were not looked for; starting a new one")
    return None


def _why_not_ready(
    plan: Plan,
    start: Path,
    environ: Mapping[str, str],
    thread: str,
    tell: Callable[[str], None],
) -> str | None:
    """Make a thread ready; return why it cannot go on, or None."""
    agent = adapter_of(plan.agent)
    if not agent.keeps_rollouts:
        store = agent.session_store(environ, start, 0.0)
        is_there = store.find(thread, sure=True) is not None
        return None if is_there else "has no transcript any more"
    found = _wait_ready(plan, thread)
    if found is None:
        return "has no rollout any more"
    if found.archived:
        return (
            f"is archived; run `codex unarchive {thread}`, or, where codex has no such command,"
            f" give 'resume {thread}' instead of {RESUME}"
        )
    from .current_file import follow_newest_file  # here: rarely needed

    follow_newest_file(plan.paths, found, tell)
    return None


def _newest_first(plan: Plan) -> Iterator[ThreadEntry]:
    for entry in reversed(read_threads(plan.paths).threads):
        if entry.agent == plan.agent:
            yield entry


def _wait_ready(plan: Plan, thread: str) -> RolloutRef | None:
    from ...rollout.locks.thread import ThreadBusyError

    deadline, long = time.monotonic() + plan.patience(_PATIENCE), LongWait()
    while True:
        try:
            return _make_ready(plan, thread)
        except ThreadBusyError as error:
            if time.monotonic() > deadline:
                raise
            long.tell_if_due(str(error))
        pause(_PAUSE)


def _make_ready(plan: Plan, thread: str) -> RolloutRef | None:
    """Make the thread's rollout plain, and seen in the issue's home; an archived one stays so.

    codex up to 0.149 cannot read a compressed rollout, and later versions restore it at this moment
    themselves. So the version of codex need not be asked.

    :raises ThreadBusyError: somebody writes it right now.
    """
    from ...rollout.catalog.lookup import find_thread
    from ...rollout.locks.thread import ThreadBusyError, ThreadLocks
    from ...rollout.operations.handle import StoreHandle
    from ...rollout.reconcile.materialize import restore

    home = plan.paths.codex_home
    found = find_thread(home, thread)
    if found is None and plan.request.sessions == SessionMode.ISSUE:
        home = plan.request.shared_home
        found = find_thread(home, thread)
    if found is None or found.archived:
        return found
    # Read, not tried: for that moment codex would be refused. codex before 0.150 takes none.
    if writers := ThreadLocks(home).holders(thread):
        raise ThreadBusyError(thread, writers)
    if not found.plain_seen:
        places = StoreHandle(home)
        restore(places, places.rollout(found.current_path))
    if home == plan.request.shared_home:
        from ...workspace.codex_home.linked_rollout import expose_rollout

        expose_rollout(plan.paths, home, Path(found.path))
    return found
