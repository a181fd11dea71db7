"""The end of a run whose guardian cannot go on: all of it is killed, and one line says so.

Loaded before there is an agent, as what it calls is.
"""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import time
from collections.abc import Iterable

from .children import Children
from .ending.last_resort import LastResort
from .ending.lost_run import LOST_PATIENCE, finish_lost_run
from .protocol import RunHandover

_SUPERVISOR_SECONDS, _PAUSE = 5.0, 0.02
# Below a limit so low, what is open already takes all the room there is.
_LOW = 64


def load_the_rest() -> None:
    """Load what an end in order loads at its first use."""
    import json

    from ..kernel.files import atomic, below, temporary
    from .ending import unfinished

    _ = (atomic, below, temporary, unfinished)

    json.dumps({})


def end_at_any_rate(resort: LastResort, supervisor: int | None) -> bool:
    """Kill the run, then wait for the supervisor, which finishes the record where it can.

    :param supervisor: our child, which knows by now that it has no guardian; None: a host.
    :returns: whether nothing was left at the last look.
    """
    resort.set_memory_free()
    empty = resort.kill_all(() if supervisor is None else (supervisor,), LOST_PATIENCE)
    if supervisor is not None:
        _outlive(supervisor)
        # What it had started is ours now.
        empty = resort.kill_all((), LOST_PATIENCE)
    return empty


def finish_at_any_rate(handover: RunHandover, locks: tuple[int, ...], children: Children) -> None:
    """Finish the record of a run that was killed, if that can be had; never raises."""
    with contextlib.suppress(Exception):
        _make_room(locks)
        finish_lost_run(handover, children.processes_of(handover), locks)


def _make_room(kept: Iterable[int]) -> None:
    """Close what is no longer needed, where no number is left for a descriptor more."""
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if not 0 <= limit <= _LOW:
        return
    for fd in set(range(limit)).difference(kept):
        with contextlib.suppress(OSError):
            os.close(fd)


def _outlive(supervisor: int) -> None:
    until = time.monotonic() + _SUPERVISOR_SECONDS
    with contextlib.suppress(ChildProcessError, ProcessLookupError):
        while not os.waitpid(supervisor, os.WNOHANG)[0]:
            if time.monotonic() > until:
                os.kill(supervisor, signal.SIGKILL)
                os.waitpid(supervisor, 0)
                return
            time.sleep(_PAUSE)
