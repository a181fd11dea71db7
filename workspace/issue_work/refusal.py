"""The error of a command that brings work home, and touches nothing where it cannot."""

from __future__ import annotations

from pathlib import Path

from ...kernel.errors import CallerError


class WorkRefused(CallerError):
    """The work cannot be shown, committed, merged or pushed as asked; nothing was changed.

    :param subject: a path or a branch.
    """

    def __init__(self, subject: str | Path, reason: str) -> None:
        self.subject, self.reason = subject, reason
        super().__init__(f"{subject}: {reason}")
