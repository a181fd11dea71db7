"""The questions that an agent's own store of threads answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from ..kernel.values import frozen

if TYPE_CHECKING:
    from ..kernel.containment.membership import RunProcesses


@frozen
class Sighting:
    """A thread of this run that is in its agent's own store.

    :param path: its transcript, or None where only its name is known.
    """

    thread: str
    path: str | None


class SessionStore(Protocol):
    """An agent's own store: which threads are this run's? Called in a worker thread."""

    def find(self, thread: str, *, sure: bool) -> Sighting | None:
        """Return a thread that was named, once the store has it and it is this run's.

        :param sure: the agent's own stream named it; else a line that a tool could have printed
            too.
        """
        ...

    def held_open(self, processes: RunProcesses) -> Sequence[Sighting]:
        """Return the threads on which processes of the run work, by what they hold open."""
        ...

    def left_behind(self) -> Sequence[Sighting]:
        """Return the threads of a run that is over, where its agent named none."""
        ...


class NoSessions:
    """The store of an agent that has none."""

    def find(self, thread: str, *, sure: bool) -> Sighting | None:
        """Return None."""
        del thread, sure
        return None

    def held_open(self, processes: RunProcesses) -> Sequence[Sighting]:
        """Return nothing."""
        del processes
        return ()

    def left_behind(self) -> Sequence[Sighting]:
        """Return nothing."""
        return ()
