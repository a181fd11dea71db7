"""Ask runs for their end from outside, with the signals that their guardians take.

Invariant: a signal goes to exactly the process that a run's entry names, through a pidfd. The run
ends itself: its own supervisor climbs the ladder and reads the proof, and nothing here kills.
"""

from __future__ import annotations

import math
import os
import re
import signal
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress

from ...guardian.signals import DUPLICATE_SECONDS
from ...kernel.process.identity import name_process
from ...kernel.process.procfs import children_of, continue_stopped, is_stopped, open_pidfd
from ..history.run_entry import RunEntry
from ..lifecycle.ladder import build_ladder
from .await_ends import EndWatch

# In this order: the first goes to the agent itself.
_ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGHUP)
# An equal signal counts as new after so long.
_ROUND = DUPLICATE_SECONDS + 0.05
_LATE = 2.0


class Deaf(Exception):
    """A run was started with all the signals ignored that ask for its end."""


def signals_taken(status: str) -> tuple[signal.Signals, ...]:
    """Return the signals that end a run, of which its guardian takes notice.

    What was ignored when it was started stays ignored: by ``nohup``, or by a shell without job
    control for what it runs in the background.

    :param status: the text of the guardian's ``/proc/PID/status``.
    """
    caught = re.search(r"^SigCgt:\s*([0-9a-f]+)", status, re.MULTILINE)
    mask = int(caught[1], 16) if caught else 0
    return tuple(signum for signum in _ENDING if mask & 1 << (signum - 1))


def rounds_of(taken: tuple[signal.Signals, ...], *, now: bool) -> list[tuple[signal.Signals, ...]]:
    """Return the signals to send, those of one round at once.

    Each signal climbs one rung of the ladder, so that as many signals as rungs reach KILL. An
    equal signal climbs only in a later round.

    :param taken: of these a guardian takes notice; at least one.
    :param now: go to the last rung at once, and not only to the first.
    """
    rungs = len(build_ladder()) if now else 1
    rounds: list[tuple[signal.Signals, ...]] = []
    while rungs:
        rounds.append(taken[:rungs])
        rungs -= len(rounds[-1])
    return rounds


class Stopping:
    """Runs that were asked to end, and their ends as they come.

    :param entries: live runs.
    :param now: skip the time that the ladder leaves an agent.
    :ivar refused: the runs that could not be asked, and why.
    """

    def __init__(self, entries: Iterable[RunEntry], *, now: bool) -> None:
        self.refused: list[tuple[RunEntry, Exception]] = []
        self._rounds: dict[str, list[tuple[signal.Signals, ...]]] = {}
        asked: list[RunEntry] = []
        for entry in entries:
            try:
                self._rounds[entry.run_id] = rounds_of(_signals_of(entry), now=now)
                self._ask(entry)
                asked.append(entry)
            except (Deaf, PermissionError) as error:
                self.refused.append((entry, error))
        self._watch = EndWatch(asked)

    def ends(self, tell_late: Callable[[Sequence[RunEntry]], None]) -> Iterator[RunEntry]:
        """Yield each run at once when it has ended, until all have.

        :param tell_late: takes, once, the runs that have not ended after two seconds.
        """
        began = time.monotonic()
        for number in range(1, len(build_ladder())):
            yield from self._ends_until(began + number * _ROUND)
            self._ask_again()
        yield from self._ends_until(began + _LATE)
        tell_late(self._watch.waiting)
        yield from self._ends_until(math.inf)

    def _ends_until(self, moment: float) -> Iterator[RunEntry]:
        left = 1.0
        while left > 0 and not self._watch.is_over:
            left = max(0.0, moment - time.monotonic())
            yield from self._watch.wait(None if left == math.inf else left)

    def _ask_again(self) -> None:
        for entry in self._watch.waiting:
            with suppress(PermissionError):
                self._ask(entry)

    def _ask(self, entry: RunEntry) -> None:
        """Send the signals of one round, and continue what somebody stopped.

        :raises PermissionError: the run is another user's.
        """
        rounds = self._rounds[entry.run_id]
        if not rounds or (fd := open_pidfd(entry.guardian)) is None:
            return
        try:
            for signum in rounds.pop(0):
                with suppress(ProcessLookupError):
                    signal.pidfd_send_signal(fd, signum)
            _continue(entry, fd)
        finally:
            os.close(fd)


def _continue(entry: RunEntry, guardian: int) -> None:
    """Continue both halves of a run and its agent; a stopped process takes no other signal."""
    children = map(name_process, children_of(entry.guardian.pid))
    if any(map(is_stopped, (entry.guardian, entry.supervisor, *children))):
        # A guardian passes it on to the agent.
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(guardian, signal.SIGCONT)
        continue_stopped(entry.supervisor)


def _signals_of(entry: RunEntry) -> tuple[signal.Signals, ...]:
    try:
        with open(f"/proc/{entry.guardian.pid}/status", encoding="utf-8", errors="replace") as file:
            taken = signals_taken(file.read())
    except OSError:
        # It has ended, or /proc hides it.
        return (signal.SIGTERM,)
    if not taken:
        raise Deaf
    return taken
