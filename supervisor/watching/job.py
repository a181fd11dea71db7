"""The job of a watched program: what a shell stops with Ctrl-Z and continues."""

from __future__ import annotations

from typing import Protocol

from ...kernel.process.identity import ProcessIdentity


class Job(Protocol):
    """The job that a watched program is a part of, as its watch uses it."""

    def suspend(self) -> object:
        """Stop the job, as Ctrl-Z asks; return when it has been continued."""
        ...

    def follow(self, agent: ProcessIdentity, signum: int) -> None:
        """Stop with an agent that this signal has stopped."""
        ...

    def refresh(self) -> None:
        """Go on after others continued the job."""
        ...

    def leave(self) -> None:
        """Put the terminal back: the guardian is lost."""
        ...
