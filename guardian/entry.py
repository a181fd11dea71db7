"""Become a guardian: fork the supervisor before anything heavy is imported, then guard it."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence

from ..kernel.exhausted import NoMore, no_more_in
from ..kernel.process.descriptors import open_descriptors, open_standard_descriptors
from ..kernel.process.own_limits import keep_own_limits, take_back_own_limits
from .channel import Channel, open_channel_pair
from .lifeline import Lifeline
from .main import Guardian
from .own_failure import load_the_rest
from .protocol import EchoSignal
from .signals import DUPLICATE_SECONDS


def run_with_guardian(supervise: Callable[[Channel], None]) -> int:
    """Fork the supervisor, guard its run, and return the exit status to end with.

    :param supervise: the supervisor's whole life, run in the fork. It ends by
        sending :class:`~codexlab.guardian.protocol.Finish`; ending in any other way is a
        lost supervisor, and the guardian then ends the run itself.
    """
    open_standard_descriptors()
    _keep_from_children()
    keep_own_limits()
    # The supervisor needs most of it as well: so it is read from disk once for both.
    load_the_rest()
    ours, theirs = open_channel_pair()
    # Before the fork, so that no signal finds the guardian unprepared.
    guardian = Guardian(ours)
    lifeline = Lifeline()
    pid = os.fork()
    if pid == 0:
        lifeline.keep_as_supervisor()
        _run_supervisor(supervise, theirs, guardian.abandon())
    theirs.close()
    lifeline.keep_as_guardian()
    return guardian.guard(pid)


def _keep_from_children() -> None:
    """Close everything the caller left open on exec: the agent gets 0, 1 and 2 only."""
    for fd in open_descriptors():
        if fd > 2:
            with contextlib.suppress(OSError):
                os.set_inheritable(fd, False)


def _run_supervisor(
    supervise: Callable[[Channel], None], channel: Channel, requests: Sequence[signal.Signals]
) -> None:
    """Live as the supervisor in the forked child. Never returns.

    :param requests: the signals that the guardian takes.
    """
    try:
        _pass_on(requests, channel)
        # By default it ends a process whose limit of CPU time somebody lowered.
        if signal.getsignal(signal.SIGXCPU) == signal.SIG_DFL:
            signal.signal(signal.SIGXCPU, _take_back)
        # Its own group: what a terminal or kill(2) sends to ours reaches the guardian only.
        os.setpgid(0, 0)
        # Writing one line to a terminal from a background group must not stop it.
        signal.signal(signal.SIGTTOU, signal.SIG_IGN)
        supervise(channel)
    except KeyboardInterrupt:
        pass
    except BaseException as error:
        _say_why(error)
    finally:
        with contextlib.suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(125)


def _take_back(_signum: int, _frame: object) -> None:
    take_back_own_limits()


def _say_why(error: BaseException) -> None:
    """Say on one line that the kernel gives no more; show any other error with its place."""
    if (code := no_more_in(error)) is None:
        sys.excepthook(type(error), error, error.__traceback__)
        return
    # Whatever there is of a run is ended by the guardian.
    with contextlib.suppress(OSError):
        os.write(2, f"codexlab-run: {NoMore('the launch cannot go on', code)}\n".encode())


def _pass_on(requests: Sequence[signal.Signals], channel: Channel) -> None:
    """Leave to the guardian what an engine sends to every process of a tree (scancel does).

    The supervisor would die of it, and the guardian takes its own. A handler and not
    SIG_IGN: what the supervisor starts must find these signals at their default.
    """
    echoed: dict[int, float] = {}

    def echo(signum: int, _frame: object) -> None:
        now = time.monotonic()
        if now - echoed.get(signum, -DUPLICATE_SECONDS) < DUPLICATE_SECONDS:
            return
        echoed[signum] = now
        # The guardian may have died of something else. One that takes nothing, as the agent has
        # stopped it, is told no more: we would wait for it instead of continuing it.
        with contextlib.suppress(OSError):
            channel.offer(EchoSignal(signum))

    for signum in requests:
        signal.signal(signum, echo)
