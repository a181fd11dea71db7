"""One claude at a time works on a session, as one codex does on a thread.

claude 2.1.332 lets two of its processes append to one transcript; what the model sees then
is neither's conversation. codex has locks against that, claude has none. So a launch that
resumes a session holds a lock of ours on it, and looks for a claude of anybody's that works
on it: a living claude says so in ``sessions/<pid>.json``.

Not seen: a claude that was started by hand a moment ago and has not written that file yet.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import time
from collections.abc import Iterator, Mapping, Sequence

from ...kernel.errands.end_wanted import pause
from ...kernel.errands.errand import LongWait
from ...kernel.errors import BusyError
from ...kernel.files.flock import open_lock_file, try_lock
from ...kernel.process.identity import read_stat
from ...workspace.fs import open_below
from ...workspace.xdg import state_directory
from ..plan import Plan
from .claude_sessions import SESSION, claude_home, read_entry_of

_RESUMES = rf"(?:--resume=|-r=?)?({SESSION})"
_ENTRY = r"([1-9]\d{0,9})\.json"
_MOST_ENTRIES = 10_000
# A claude that was told to end is gone in a moment.
_PATIENCE, _PAUSE = 3.0, 0.05


class SessionBusy(BusyError):
    """A claude works on a session.

    :param pid: the claude; None where it is another launch's that is just starting it.
    """

    def __init__(self, session: str, pid: int | None) -> None:
        self.session, self.pid = session, pid
        who = "a launch of ours" if pid is None else f"claude (pid {pid})"
        super().__init__(
            f"session {session} is being worked on by {who}; wait with --wait, end that, or"
            " add --fork-session"
        )


def hold_sessions(plan: Plan, argv: Sequence[str], environ: Mapping[str, str]) -> tuple[int, ...]:
    """Hold each session that a command resumes, for as long as the run lasts.

    :param argv: the agent's, with the session that it goes on with.
    :param environ: the agent's own.
    :returns: descriptors of locks, to be kept open until nothing of the run is left.
    :raises SessionBusy: another claude works on one, and went on for some seconds, or for as
        long as the request waits.
    """
    held: list[int] = []
    if "--fork-session" in argv:
        return ()
    try:
        held.extend(_hold(plan, each, environ) for each in dict.fromkeys(_resumed(argv)))
    except BaseException:
        for fd in held:
            os.close(fd)
        raise
    return tuple(held)


def _resumed(argv: Sequence[str]) -> Iterator[str]:
    """Yield the sessions that a command names as words of their own."""
    for before, word in itertools.pairwise(argv):
        named = re.fullmatch(_RESUMES, word)
        if named and (word != named[1] or before in ("--resume", "-r")):
            yield named[1]


def _hold(plan: Plan, session: str, environ: Mapping[str, str]) -> int:
    deadline, long = time.monotonic() + plan.patience(_PATIENCE), LongWait()
    while True:
        try:
            return _take(session, environ)
        except SessionBusy as error:
            if time.monotonic() > deadline:
                raise
            long.tell_if_due(str(error))
        pause(_PAUSE)


def _take(session: str, environ: Mapping[str, str]) -> int:
    directory = open_below(state_directory() / "sessions", create=True)
    try:
        fd = open_lock_file(f"claude-{session}.lock", dir_fd=directory)
    finally:
        os.close(directory)
    try:
        if not try_lock(fd):
            raise SessionBusy(session, next(_working_on(session, environ), None))
        if (pid := next(_working_on(session, environ), None)) is not None:
            raise SessionBusy(session, pid)
    except BaseException:
        os.close(fd)
        raise
    return fd


def _working_on(session: str, environ: Mapping[str, str]) -> Iterator[int]:
    """Yield the living claudes that say they work on a session."""
    place = claude_home(environ) / "sessions"
    with contextlib.suppress(OSError), os.scandir(place) as entries:
        for entry, _ in zip(entries, range(_MOST_ENTRIES), strict=False):
            named = re.fullmatch(_ENTRY, entry.name)
            if named is None:
                continue
            said = read_entry_of(place, int(named[1]))
            found = read_stat(int(named[1])) if said.get("sessionId") == session else None
            is_it = found is not None and str(found.start_time) == said.get("procStart")
            if is_it and found is not None and found.state not in "ZX":
                yield int(named[1])
