"""The job that a hook is stopped and continued with, though it has no terminal."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ...kernel.containment.membership import RunProcesses
from ...kernel.process.identity import ProcessIdentity

if TYPE_CHECKING:
    from ..terminal.user_terminal import UserTerminal


class HookJob:
    """Stops a hook with the job, and continues both.

    A hook is not at the terminal: no key stops it, and there are no settings to put back.

    :param processes: what belongs to the run, asked for anew each time.
    """

    def __init__(self, terminal: UserTerminal, processes: Callable[[], RunProcesses]) -> None:
        self._terminal = terminal
        self._processes = processes

    def suspend(self) -> None:
        """Stop the job, and with it the hook, which is not at the terminal."""
        self._terminal.pause(self._processes())

    def follow(self, agent: ProcessIdentity, signum: int) -> None:
        """Do nothing."""

    def refresh(self) -> None:
        """Do nothing."""

    def leave(self) -> None:
        """Do nothing."""
