"""Become a guardian: fork the supervisor before anything heavy is imported, then guard it."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Callable

from ._channel import Channel, open_channel_pair
from ._descriptors import open_descriptors, open_standard_descriptors
from ._guardian import Guardian


def run_guarded(supervise: Callable[[Channel], None]) -> int:
    """Fork the supervisor, guard its run, and return the exit status to end with.

    :param supervise: the supervisor's whole life, run in the fork. It ends by
        sending ``{"op": "finish", "status": n}``; ending in any other way is a
        lost supervisor, and the guardian then ends the run itself.
    """
    open_standard_descriptors()
    _keep_from_children()
    ours, theirs = open_channel_pair()
    # Before the fork, so that no signal finds the guardian unprepared.
    guardian = Guardian(ours)
    pid = os.fork()
    if pid == 0:
        guardian.abandon()
        _run_supervisor(supervise, theirs)
    theirs.close()
    return guardian.guard(pid)


def _keep_from_children() -> None:
    """Close everything the caller left open on exec: the agent gets 0, 1 and 2 only."""
    for fd in open_descriptors():
        if fd > 2:
            with contextlib.suppress(OSError):
                os.set_inheritable(fd, False)


def _run_supervisor(supervise: Callable[[Channel], None], channel: Channel) -> None:
    """Live as the supervisor in the forked child. Never returns."""
    try:
        # Its own group: what a terminal or kill(2) sends to ours reaches the guardian only.
        os.setpgid(0, 0)
        # Writing one line to a terminal from a background group must not stop it.
        signal.signal(signal.SIGTTOU, signal.SIG_IGN)
        supervise(channel)
    except KeyboardInterrupt:
        pass
    except BaseException as error:
        sys.excepthook(type(error), error, error.__traceback__)
    finally:
        with contextlib.suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(125)
