"""Errors of settings that were given by a flag or a variable."""

from __future__ import annotations

from ...kernel.errors import CallerError


class SettingError(CallerError):
    """A flag or a CODEXLAB_* variable has a value that is not allowed."""

    def __init__(self, name: str, problem: str) -> None:
        self.name = name
        super().__init__(f"{name}: {problem}")
